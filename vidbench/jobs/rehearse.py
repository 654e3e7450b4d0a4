"""Rehearse a task: its whole path on a miniature of its data, with seeded networks, in minutes."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from vidbench.data.miniature.made_folders import FORMS, MadeFolder, check_made, make_folder
from vidbench.data.miniature.made_videos import VideoForm
from vidbench.data.scan.scan import scan_folder
from vidbench.distributed.launcher import require_single_process
from vidbench.distributed.ranks import Ranks, choose_device
from vidbench.errors import InputError
from vidbench.files import check_writable, write_text
from vidbench.jobs.evaluate import evaluate_model
from vidbench.jobs.train import TrainOptions, train_model
from vidbench.models.choice import ModelChoice, choose_model, offers_training
from vidbench.progress import Advance, Progress
from vidbench.results.schema import Result
from vidbench.scoring.clip_sources import model_task
from vidbench.scoring.forecast import ForecastLine, RehearsalFacts, StageTime, forecast
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import LoadedTask, Task, load_task
from vidbench.tasks.rehearsals import REASON, is_rehearsal, rehearsal_of
from vidbench.tasks.words import status_sentence
from vidbench.tasks.writing import task_toml
from vidmetrics.catalog.definitions import get_metric
from vidmetrics.catalog.network_cards import base_network, embedded_networks
from vidmetrics.home import home_at

NOTE = "REHEARSAL.txt"
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class RehearseOptions:
    """What a user may choose about a rehearsal.

    Attributes:
        output: folder to write; None for ``rehearsals/TASK-MODEL``. An earlier rehearsal there is replaced.
        num_samples: samples per run, an even number; the reference set has as many clips.
        steps: training steps, for a model that trains.
        settings: the model's own settings for training, as text; without any, those that the model has for rehearsals.
        device: torch device; None for a GPU if there is one.
        form: size and length of the videos; None for the usual ones of the dataset.
    """

    output: Path | None = None
    num_samples: int = 16
    steps: int = 3
    settings: Mapping[str, str] = field(default_factory=dict)
    device: str | None = None
    form: VideoForm | None = None


@dataclass(frozen=True)
class Rehearsal:
    """The outcome of a rehearsal.

    Attributes:
        result: the result of the evaluation; unofficial, and no number in it means anything.
        folder: all that the rehearsal wrote.
        forecast: what the real run will take here.
        broken: what the scan said of the broken video; None for embedded data.
        num_missing: listed videos that the scan found missing.
    """

    result: Result
    folder: Path
    forecast: tuple[ForecastLine, ...]
    broken: str | None
    num_missing: int


def rehearse_task(model: str, task_name: str, options: RehearseOptions, progress: Progress) -> Rehearsal:
    """Make a miniature of a task's data, train the model a few steps if it trains, and evaluate it.

    Args:
        model: as in `vidbench.evaluate`.
        task_name: task name or path of a task file.
        options: what the user chose.
        progress: where progress is shown; every line says that it is a rehearsal.

    Raises:
        InputError: bad input, or something on the path does not work.
    """
    require_single_process("rehearse")
    if options.num_samples < 2 or options.num_samples % 2:
        raise InputError(f"--num-samples {options.num_samples} cannot be rehearsed: give an even number from 2 on.")
    choice = choose_model(model)
    loaded = load_task(task_name)
    least = max(get_metric(id).splits or 1 for id in loaded.task.evaluation.metrics)
    if options.num_samples < least:
        raise InputError(
            f"--num-samples {options.num_samples} are too few for the {least} splits of an Inception Score of the task "
            f"'{loaded.task.name}': give at least {least}."
        )
    if is_rehearsal(loaded.task.name):
        raise InputError(f"The task '{loaded.task.name}' is a rehearsal already: name the task that it rehearses.")
    if not loaded.task.data.embedded:
        check_made(loaded.task)
    small = rehearsal_of(loaded.task, options.num_samples)
    folder = options.output or Path("rehearsals") / f"{loaded.task.name}-{choice.folder_name}"
    device = choose_device(options.device, Ranks())
    trains = offers_training(choice.factory) and choice.checkpoint is None
    scale = 1.0
    if trains and not options.settings:
        quick, scale = choice.factory.rehearsal_settings(device)
        options = replace(options, settings=quick)
    _check_model(choice, small, folder, options, trains, device)
    check_writable(folder)
    _start_over(folder)
    shown = _RehearsalProgress(progress, steps_end_late=not device.startswith("cpu"))
    if said := status_sentence(loaded.task):
        shown.say(said)
    # Keeps the seeded weights, and features under them, out of the user's caches.
    with home_at(folder / "home"):
        task_file = folder / "task.toml"
        write_text(task_file, task_toml(small))
        _write_seeded_weights(small, folder / "home" / "weights", shown)
        data, made, broken, num_missing = None, None, None, 0
        if not small.data.embedded:
            data, made, broken, num_missing = _miniature(small, folder, options, shown)
        named = model
        if trains:
            checkpoint = train_model(
                model,
                str(task_file),
                TrainOptions(
                    data=data,
                    output=folder / "training",
                    steps=options.steps,
                    settings=options.settings,
                    device=device,
                ),
                shown,
            )
            named = f"{choice.name}:{checkpoint}"
        run_options = RunOptions(data=data, output=folder / "evaluation", device=device)
        result, _ = evaluate_model(named, str(task_file), run_options, shown)
    facts = RehearsalFacts(
        stages=tuple(shown.stages),
        peak_memory=_peak_memory(),
        feature_bytes=_bytes_below(folder / "evaluation" / "features") / _num_sampled(small, shown),
        checkpoint_bytes=_bytes_below(folder / "training"),
        training_steps=getattr(choice.factory, "training_steps", None) if trains else None,
        training_scale=scale,
        video_frames=0 if made is None else _frames_per_video(small, options),
    )
    lines = tuple(forecast(loaded.task, facts)) if _is_published(loaded) else ()
    return Rehearsal(result, folder, lines, broken, num_missing)


def _check_model(
    choice: ModelChoice, task: Task, folder: Path, options: RehearseOptions, trains: bool, device: str
) -> None:
    if not trains:
        choice.check_sampling(model_task(task, ()))
        return
    choice.factory.check_training(
        model_task(task, ()),
        output=folder / "training",
        steps=options.steps,
        seed=_SEED,
        device=device,
        settings=options.settings,
    )


def _start_over(folder: Path) -> None:
    """Remove an earlier rehearsal; refuse a folder that holds anything else."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / NOTE).is_file():
        raise InputError(f"The folder {folder} is not empty and holds no rehearsal: choose a new one with --output.")
    for name in ("data", "home", "scan", "training", "evaluation"):
        shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / NOTE, f"{REASON}\n")


def _write_seeded_weights(task: Task, folder: Path, progress: Progress) -> None:
    from safetensors.numpy import save_file

    from vidmetrics.conformance.seeded_weights import seeded_weights

    networks = dict.fromkeys(
        base_network(network) for id in task.evaluation.metrics if (network := get_metric(id).uses_network)
    )
    for name in networks:
        if name not in embedded_networks():
            folder.mkdir(parents=True, exist_ok=True)
            progress.say(f"random weights in place of '{name}'")
            save_file(dict(seeded_weights(name, _SEED)), folder / f"{name}.safetensors")


def _miniature(
    task: Task, folder: Path, options: RehearseOptions, progress: Progress
) -> tuple[Path, MadeFolder, str, int]:
    """Make the data, scan it, and remove the broken video as the scan advises."""
    progress.say(f"a miniature of {task.data.dataset} in {folder / 'data'}, with a missing and a broken video")
    made = make_folder(task, folder / "data", options.num_samples * task.clips.every, options.form)
    scan = scan_folder(made.root, task, (), folder / "scan", workers=1, progress=progress)
    found = {Path(problem.path).name: problem.reason for problem in ([] if scan is None else scan.problems)}
    if list(found) != [made.broken.name] or scan is None:
        raise InputError(
            f"The scan of the rehearsal found {', '.join(found) or 'nothing'} where '{made.broken}' is broken: report this."
        )
    progress.say(f"the scan found {scan.num_missing:,} missing videos and the broken one ({found[made.broken.name]})")
    made.remove_broken()
    # The journal has the other videos; later steps refuse a folder that changed since its scan.
    scan_folder(made.root, task, (), folder / "scan", workers=1, progress=progress)
    return made.root, made, found[made.broken.name], scan.num_missing


def _is_published(loaded: LoadedTask) -> bool:
    return loaded.task.data.embedded or loaded.task.data.dataset in FORMS


def _num_sampled(task: Task, shown: _RehearsalProgress) -> int:
    stages = sum(stage.title.startswith("Samples of ") for stage in shown.stages)
    return max(1, stages * task.evaluation.num_samples * task.evaluation.repeats)


def _frames_per_video(task: Task, options: RehearseOptions) -> int:
    return (options.form or FORMS[task.data.dataset]).num_frames


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _peak_memory() -> int:
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) if sys.platform == "darwin" else int(peak) * 1024


class _RehearsalProgress(Progress):
    """Says with every line that this is a rehearsal, and takes the time of every stage."""

    def __init__(self, shown: Progress, *, steps_end_late: bool = False) -> None:
        """See the class; on a GPU a step may be reported before it is done."""
        super().__init__()
        self._shown, self._steps_end_late = shown, steps_end_late
        self.stages: list[StageTime] = []

    def say(self, text: str) -> None:
        self._shown.say(f"Rehearsal: {text}")

    def cost(self, title: str, count: int, seconds_each: float, unit: str = "clip") -> None:
        """Nothing: the forecast at the end is what counts."""

    @contextmanager
    def stage(self, title: str, total: int, unit: str = "clips", *, done: int = 0) -> Iterator[Advance]:
        began = time.monotonic()
        with self._shown.stage(f"Rehearsal: {title}", total, unit, done=done) as advance:
            if title != "Training":
                yield advance
                self.stages.append(StageTime(title, total - done, time.monotonic() - began))
                return
            ends = [began]

            def step_ended(count: int, note: str = "") -> None:
                ends.append(time.monotonic())
                advance(count, note)

            yield step_ended
        self.stages.append(_time_of_steps(ends, first_done=done > 0, late=self._steps_end_late))


def _time_of_steps(ends: Sequence[float], *, first_done: bool, late: bool) -> StageTime:
    """Return the time of training steps, without the first one, which warms up, and what follows the last.

    Args:
        ends: when the stage began and each of its steps ended.
        first_done: whether the stage began when the first step ended.
        late: whether steps are reported before they are done: then only their sum is known, else the median counts.
    """
    each = np.diff(ends)
    if not first_done and len(each) > 1:
        each = each[1:]
    if not len(each):
        return StageTime("Training", 0, 0.0)
    return StageTime("Training", len(each), len(each) * float(np.mean(each) if late else np.median(each)))


def rehearsal_document(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return the outcome as a JSON document."""
    return {
        "rehearsal": REASON,
        "folder": str(rehearsal.folder),
        "broken": rehearsal.broken,
        "missing": rehearsal.num_missing,
        "metrics": {id: metric.value for id, metric in rehearsal.result.metrics.items()},
        "forecast": [line._asdict() for line in rehearsal.forecast],
    }
