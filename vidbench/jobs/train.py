"""Training a model that offers it, on the training clips of a task."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from vidbench.data import open_split, open_training
from vidbench.distributed.ranks import choose_device, process_group
from vidbench.errors import InputError
from vidbench.jobs.training_curve import TrainingCurve
from vidbench.models.choice import choose_model, offers_training
from vidbench.models.interface import TrainRequest, VideoModel
from vidbench.progress import Advance, Progress
from vidbench.scoring.clip_sources import model_task
from vidbench.tasks import load_task


@dataclass(frozen=True)
class CurveOptions:
    """What to measure during a training.

    Attributes:
        every: steps between measurements, 1 or more.
        metrics: metric ids; none for the task's own.
        num_samples: samples per measurement.
    """

    every: int
    metrics: tuple[str, ...]
    num_samples: int


def train_model(
    model: str,
    task_name: str,
    data: Path | None,
    output: Path | None,
    steps: int | None,
    settings: dict[str, str],
    device: str | None,
    seed: int,
    progress: Progress,
    curve: CurveOptions | None = None,
) -> Path:
    """Train, or go on training; returns the checkpoint to give to ``--model NAME:CHECKPOINT``.

    Under torchrun every process calls this, and the first alone writes and shows.

    Args:
        model: registered name or ``package.module:callable`` of a `VideoModel` subclass.
        task_name: task name or path of a task file.
        data: data folder, for tasks that read one.
        output: folder of the training; None for ``runs/TASK/MODEL-training``.
        steps: train until this many steps in all; None for the model's default.
        settings: the model's own settings, as text.
        device: torch device, or None for a GPU where there is one.
        seed: seed of the training.
        progress: where progress is shown.
        curve: what to measure as the training goes; None for nothing.

    Raises:
        InputError: the model offers no training, a checkpoint is given, or the data cannot be read.
    """
    choice = choose_model(model)
    if choice.checkpoint is not None:
        raise InputError(
            f"A training goes on from its own --output folder: leave out ':{choice.checkpoint}' after '{choice.name}'."
        )
    if not offers_training(choice.factory):
        raise InputError(f"The model '{choice.name}' offers no training: `vidbench models list` marks those that do.")
    loaded = load_task(task_name)
    task = loaded.task
    with process_group() as ranks:
        progress = progress if ranks.is_main else Progress(enabled=False)
        chosen_device = choose_device(device, ranks)
        # A train split may lack a class that the evaluation split has; the names come from the data as a whole.
        names = open_split(task, task.data.train_split, data, 1).class_names
        clips = open_training(task, data, seed)
        shown = _StepProgress(progress)
        request = TrainRequest(
            task=model_task(task, names),
            clips=clips,
            output=output or Path("runs") / task.name / f"{choice.folder_name}-training",
            steps=steps,
            seed=seed,
            device=chosen_device,
            settings=settings,
            progress=shown,
            say=progress.say,
        )
        if curve is not None:
            request = replace(request, measure_every=curve.every)
        if curve is not None and ranks.is_main:
            # A stage of its own cannot open within the training's, so the reference clips come without one.
            points = TrainingCurve(
                loaded, data, curve.metrics, curve.num_samples, chosen_device, Progress(enabled=False)
            )
            request = replace(request, measure=_Shown(points, progress))
        try:
            checkpoint: Path = choice.factory.train(request)
        finally:
            shown.close()
    return checkpoint


class _Shown:
    """Measures, and says the numbers."""

    def __init__(self, points: TrainingCurve, progress: Progress) -> None:
        self._points, self._progress = points, progress

    def __call__(self, model: VideoModel) -> dict[str, float]:
        values = self._points(model)
        numbers = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        self._progress.say(f"Training curve, on {self._points.num_samples} samples (no result): {numbers}")
        return values


class _StepProgress:
    """Turns a model's ``progress(done, total, text)`` calls into one stage, opened at the first of them."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._stack = ExitStack()
        self._advance: Advance | None = None
        self._done = 0

    def __call__(self, done: int, total: int, text: str) -> None:
        if self._advance is None:
            self._advance = self._stack.enter_context(self._progress.stage("Training", total, unit="steps"))
        self._advance(done - self._done, text)
        self._done = done

    def close(self) -> None:
        self._stack.close()
