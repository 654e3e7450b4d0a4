"""Real clips, drawn ahead of the updates by threads and moved to the device."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import numpy as np
import torch

from dvdgan.config import Settings
from dvdgan.training.inputs import Batch
from vidbench.models import InputError, TrainRequest


class Prefetch:
    """Draws numbered batches in order, some ahead. A draw is a pure function of its number, so threads change nothing."""

    def __init__(self, request: TrainRequest, settings: Settings, draws: Iterable[int], rows: np.ndarray) -> None:
        """Start drawing.

        Args:
            request: clips, task and device.
            settings: `batch_size` clips per draw over all processes, and `loader_threads`; twice as many batches are kept
                ready.
            draws: numbers of the draws, in the order in which they will be taken.
            rows: int64, rows of a draw that this process keeps. Every process draws the whole batch, since `draw` has no
                other way.
        """
        self._clips, self._task, self._batch_size = request.clips, request.task, settings.batch_size
        self._device, self._rows = torch.device(request.device), rows
        self._pool = ThreadPoolExecutor(settings.loader_threads, thread_name_prefix="dvdgan-clips")
        self._draws = iter(draws)
        self._waiting: dict[int, Future[Batch]] = {}
        for _ in range(2 * settings.loader_threads):
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
                f"Training clips of task '{task.name}' are {clips.dtype} {list(clips.shape)} instead of uint8 "
                f"{list(wanted)}; check the data folder and the task file."
            )
        if labels is None or not task.num_classes:  # data may have labels that the task does not use
            labels = np.zeros(count, np.int64)
        if labels.shape != (count,) or labels.min() < 0 or labels.max() >= max(1, task.num_classes):
            raise InputError(
                f"Training labels of task '{task.name}' are not {count} numbers from 0 to "
                f"{max(1, task.num_classes) - 1}; check its class list."
            )
        pair = torch.from_numpy(clips[self._rows]), torch.from_numpy(labels[self._rows].astype(np.int64))
        return (pair[0].pin_memory(), pair[1].pin_memory()) if self._device.type == "cuda" else pair

    def take(self, draw: int) -> Batch:
        """Return the batch of a draw, on the device; errors of the drawing thread are raised here."""
        clips, labels = self._waiting.pop(draw).result()
        self._submit()
        return clips.to(self._device, non_blocking=True), labels.to(self._device, non_blocking=True)
