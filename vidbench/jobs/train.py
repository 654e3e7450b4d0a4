"""Train a model on the training clips of a task."""

from __future__ import annotations

import platform
import socket
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from vidbench.data import ClipDataset, check_data_folder, open_split, open_training
from vidbench.data.folders.inventory import entries_sentences
from vidbench.data.plain_folder import scan_command, write_task_file
from vidbench.distributed.ranks import Ranks, choose_device, process_group
from vidbench.distributed.shared_folder import wait_until_visible
from vidbench.errors import InputError
from vidbench.files import failures_named
from vidbench.jobs.training_curve import CurveOptions, TrainingCurve
from vidbench.jobs.training_recorders import Recorders, RunIdentity, check_recorders
from vidbench.models.choice import ModelChoice, choose_model, offers_training
from vidbench.models.interface import Model, TrainRequest
from vidbench.progress import Advance, Progress
from vidbench.rendering.numbers import counted
from vidbench.scoring.clip_sources import model_task
from vidbench.scoring.needs import refuse_lacking
from vidbench.scoring.run_plan import check_outputs
from vidbench.tasks import LoadedTask, Task, load_task
from vidbench.version import __version__

TRIAL_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What a user may choose about a training run.

    Attributes:
        data: data folder, for tasks that read one.
        ignore: patterns of entries of the folder to leave out.
        output: folder of the run; None for ``runs/TASK/MODEL-training``.
        steps: total number of steps to reach; None for the model's default.
        settings: the model's own settings, as text.
        device: torch device; None for a GPU if there is one.
        seed: seed of the run.
        curve: what to measure during training; None for nothing.
        logs: where losses and metrics go besides the model's own log, names in `vidbench.jobs.training_recorders`.
    """

    data: Path | None = None
    ignore: tuple[str, ...] = ()
    output: Path | None = None
    steps: int | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    device: str | None = None
    seed: int = 0
    curve: CurveOptions | None = None
    logs: tuple[str, ...] = ()


def train_model(model: str, task_name: str | LoadedTask, options: TrainOptions, progress: Progress) -> Path:
    """Train a model, or resume its training; returns the checkpoint to give to ``--model NAME:CHECKPOINT``.

    Under torchrun every process calls this; only the first writes files and shows progress.

    Args:
        model: registered name or ``package.module:callable`` of a `vidbench.models.interface.Model` subclass.
        task_name: task name or path of a task file; or a task made for a folder, which is written into the output folder.
        options: what the user chose.
        progress: where progress is shown.

    Raises:
        InputError: the model cannot be trained, a checkpoint is given, or the data cannot be read.
    """
    choice = choose_model(model)
    if choice.checkpoint is not None:
        raise InputError(
            f"A training run resumes from its --output folder: remove ':{choice.checkpoint}' after '{choice.name}'."
        )
    if not offers_training(choice.factory):
        raise InputError(f"The model '{choice.name}' cannot be trained: `vidbench models list` marks those that can.")
    loaded = load_task(task_name) if isinstance(task_name, str) else task_name
    task = loaded.task
    with process_group() as ranks:
        progress = progress if ranks.is_main else Progress(enabled=False)
        device = choose_device(options.device, ranks)
        output = options.output or Path("runs") / task.name / f"{choice.folder_name}-training"
        if ranks.world_size > 1:
            _compare_ranks(ranks, choice, task, options, device)
        refuse_lacking(
            task,
            splits=(task.data.train_split,),
            data=options.data,
            networks=options.curve is not None and not options.curve.metrics,
            model=choice.name,
        )
        check_outputs((output,), ranks)
        points: TrainingCurve | None = None

        def checked() -> str:
            nonlocal points
            try:
                points = _check_before_data(choice, loaded, options, output, device)
            except InputError as error:
                return str(error)
            return ""

        # A state to resume from may be large, so one rank reads it for all.
        if refusal := ranks.from_main(checked):
            raise InputError(refusal)
        # The train split may lack a class that the evaluation split has, so the names are those of the whole dataset.
        split = open_split(task, task.data.train_split, options.data, 1, options.ignore)
        place = f"split '{task.data.train_split}' of '{options.data}'"
        for line in entries_sentences(options.ignore, [(place, split.unused)]):
            progress.say(line)
        _say_hashing(split, scan_command(task_name, options.data, options.ignore), progress)
        data_sha256 = _agreed_digest(ranks, split, progress)
        ranks.check_shared(output)
        shown = _StepProgress(progress)
        run = RunIdentity(choice.name, task.name, output, options.settings)
        recorders = Recorders(options.logs if ranks.is_main else (), run)
        request = TrainRequest(
            task=model_task(task, split.class_names),
            clips=open_training(task, options.data, options.seed, options.ignore, split=split),
            output=output,
            steps=options.steps,
            seed=options.seed,
            device=device,
            settings=options.settings,
            progress=shown,
            say=progress.say,
            record=recorders,
            rank=ranks.rank,
            world_size=ranks.world_size,
            agree=ranks.agree,
            from_main=ranks.from_main,
            visible=wait_until_visible,
            data_sha256=data_sha256,
        )
        if options.curve is not None:
            request = replace(request, measure_every=options.curve.every)
        if points is not None:
            points.open()
            request = replace(request, measure=_Shown(points, progress))
        try:
            with (
                ranks.sole_writer(output),
                ranks.watched(),
                failures_named(output),
                recorders.closed_at_the_end(),
            ):
                if ranks.is_main and not isinstance(task_name, str):
                    progress.say(f"The task of this folder is in {write_task_file(output, task)}: --task repeats it.")
                checkpoint: Path = choice.factory.train(request)
        finally:
            shown.close()
        if ranks.is_main and not checkpoint.exists():
            raise InputError(
                f"The checkpoint {checkpoint} is missing: its folder vanished during the run; train again."
            )
    return checkpoint


def _check_before_data(
    choice: ModelChoice, loaded: LoadedTask, options: TrainOptions, output: Path, device: str
) -> TrainingCurve | None:
    """Check everything about a training run that needs no data; return what measures it, if anything.

    Raises:
        InputError: an option, a setting, a metric or a run found in ``output`` that would stop the run later.
    """
    task = loaded.task
    check_data_folder(task, options.data)
    check_recorders(options.logs)
    choice.factory.check_training(
        model_task(task, ()),
        output=output,
        steps=options.steps,
        seed=options.seed,
        device=device,
        settings=options.settings,
    )
    if options.curve is None:
        return None
    # Silent, because a stage of progress cannot open inside the one of the training.
    silent = Progress(enabled=False)
    return TrainingCurve(
        loaded, options.curve, data=options.data, ignore=options.ignore, device=device, progress=silent
    )


def _compare_ranks(ranks: Ranks, choice: ModelChoice, task: Task, options: TrainOptions, device: str) -> None:
    """Check, before anything is trained, that all ranks got the same command and run the same code.

    Raises:
        InputError: they differ; raised on every rank.
    """
    import numpy as np
    import torch

    ranks.agree(
        "the versions", [__version__, choice.code_sha256, platform.python_version(), torch.__version__, np.__version__]
    )
    ranks.agree("the task", task.fingerprint)
    ranks.agree("the seed", options.seed)
    ranks.agree("the settings", dict(options.settings))
    ranks.agree("the number of steps", options.steps)
    ranks.agree("the metrics to measure", None if options.curve is None else asdict(options.curve))
    # Gradients are exchanged by one library for all ranks.
    ranks.agree("the kind of device", torch.device(device).type)


def _say_hashing(split: ClipDataset, scan: str, progress: Progress) -> None:
    from vidbench.data.videos import VideoDataset

    if isinstance(split, VideoDataset) and split.num_unhashed:
        progress.say(f"Hashing {counted(split.num_unhashed, 'training video')}: `{scan}` does it once for all runs.")


def _agreed_digest(ranks: Ranks, split: ClipDataset, progress: Progress) -> str:
    """Return the digest of the training data after comparing it; ranks of one node that see the same files hash them once.

    Raises:
        InputError: the ranks have other data; raised on every rank.
    """
    from vidbench.data.videos import VideoDataset

    hashes = True
    if isinstance(split, VideoDataset):
        seen = ranks.from_all([socket.gethostname(), split.state_sha256 if ranks.world_size > 1 else ""])
        hashes = seen.index(seen[ranks.rank]) == ranks.rank
    own = split.identity_sha256 if hashes else ""
    # The main rank is the first of its node.
    main = ranks.from_main(lambda: own)
    ranks.agree("the training data", own or main)
    return main


class _Shown:
    """Measures a point of the curve and prints its numbers."""

    def __init__(self, points: TrainingCurve, progress: Progress) -> None:
        self._points, self._progress = points, progress

    def __call__(self, model: Model) -> dict[str, float]:
        values = self._points(model)
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        self._progress.say(f"Training curve, on {self._points.num_samples} samples (no result): {numbers}")
        return values


class _StepProgress:
    """Shows a model's ``progress(done, total, text)`` calls as one stage, which opens at the first call.

    The first step also warms up, and on a GPU a call may return before its step is done: the cost is worked out from the steps
    after it, as soon as they have taken `TRIAL_SECONDS`.
    """

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stack = ExitStack()
        self._advance: Advance | None = None
        self._first = self._done = 0
        self._began = 0.0
        self._told = False

    def __call__(self, done: int, total: int, text: str) -> None:
        now = time.monotonic()
        if self._advance is None:
            stage = self._progress.stage("Training", total, unit="steps", done=done)
            self._advance, self._first, self._began = self._stack.enter_context(stage), done, now
        else:
            self._advance(done - self._done, text)
        self._done = done
        if not self._told and done > self._first and now - self._began >= TRIAL_SECONDS:
            self._told = True
            each = (now - self._began) / (done - self._first)
            self._progress.cost("Training", total - self._first, each, "step")

    def close(self) -> None:
        self._stack.close()
