"""Training a model that offers it, on the training clips of a task."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from vidbench.data import open_split, open_training
from vidbench.distributed import choose_device, ranks_from_environment
from vidbench.errors import InputError
from vidbench.models.interface import TrainRequest
from vidbench.models.registry import choose_model, offers_training
from vidbench.progress import Advance, Progress
from vidbench.sources import model_task
from vidbench.tasks import load_task


def train_model(
    model: str,
    task_name: str,
    data: Path | None,
    output: Path,
    steps: int | None,
    settings: dict[str, str],
    device: str | None,
    seed: int,
    progress: Progress,
) -> Path:
    """Train, or go on training; returns the checkpoint to give to ``--model NAME:CHECKPOINT``.

    Args:
        model: registered name or ``package.module:callable`` of a `VideoModel` subclass.
        task_name: task name or path of a task file.
        data: data folder, for tasks that read one.
        output: folder of the training.
        steps: train until this many steps in all; None for the model's default.
        settings: the model's own settings, as text.
        device: torch device, or None for a GPU where there is one.
        seed: seed of the training.
        progress: where progress is shown.

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
    task = load_task(task_name).task
    chosen_device = choose_device(device, ranks_from_environment())
    # A train split may lack a class that the evaluation split has; the names come from the data as a whole.
    names = open_split(task, task.data.train_split, data, 1).class_names
    clips = open_training(task, data, seed)
    shown = _StepProgress(progress)
    request = TrainRequest(
        task=model_task(task, names),
        clips=clips,
        output=output,
        steps=steps,
        seed=seed,
        device=chosen_device,
        settings=settings,
        progress=shown,
    )
    try:
        checkpoint: Path = choice.factory.train(request)
    finally:
        shown.close()
    return checkpoint


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
