"""Real clips drawn ahead of the training by threads, and moved to the device."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np
import torch

from dvdgan.training.turns import Batch
from vidbench.models import InputError, ModelTask, TrainingClips


class Prefetch:
    """Draws numbered batches in order, some ahead. Since a draw is a pure function of its number, threads change nothing."""

    def __init__(
        self, clips: TrainingClips, task: ModelTask, draws: Iterable[int], batch_size: int, rows: np.ndarray,
        threads: int, device: torch.device,
    ) -> None:  # fmt: skip
        """Start drawing.

        Args:
            clips: the real clips.
            task: their expected shape.
            draws: numbers of the draws, in the order in which they will be taken.
            batch_size: clips per draw, over all processes.
            rows: int64, the rows of a draw that this process takes. All draw the whole batch, since a draw is only
                known as a whole, and keep their own part.
            threads: number of threads; twice as many batches are held ready.
            device: where the batches go.
        """
        self._clips, self._task, self._batch_size, self._device = clips, task, batch_size, device
        self._rows = rows
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="dvdgan-clips")
        self._draws = iter(draws)
        self._waiting: dict[int, Future[Batch]] = {}
        for _ in range(2 * threads):
            self._submit()

    def __enter__(self) -> Prefetch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self) -> None:
        if (draw := next(self._draws, None)) is not None:
            self._waiting[draw] = self._pool.submit(self._load, draw)

    def _load(self, draw: int) -> Batch:
        clips, labels = self._clips.draw(draw, self._batch_size)
        task, count = self._task, self._batch_size
        wanted = (count, task.num_frames, task.height, task.width, 3)
        if clips.shape != wanted or clips.dtype != np.uint8:
            raise InputError(
                f"Training clips of task '{task.name}' are {clips.dtype} {list(clips.shape)} where uint8 "
                f"{list(wanted)} is due; check the data folder and the task file."
            )
        if labels is None or not task.num_classes:  # data may have labels that the task does not hand out
            labels = np.zeros(count, np.int64)
        if labels.shape != (count,) or labels.min() < 0 or labels.max() >= max(1, task.num_classes):
            raise InputError(
                f"Training labels of task '{task.name}' are not {count} numbers from 0 to "
                f"{max(1, task.num_classes) - 1}; check its class list."
            )
        pair = torch.from_numpy(clips[self._rows]), torch.from_numpy(labels[self._rows].astype(np.int64))
        return (pair[0].pin_memory(), pair[1].pin_memory()) if self._device.type == "cuda" else pair

    def take(self, draw: int) -> Batch:
        """The batch of a draw, on the device; errors of the drawing thread are raised here."""
        clips, labels = self._waiting.pop(draw).result()
        self._submit()
        return clips.to(self._device, non_blocking=True), labels.to(self._device, non_blocking=True)
