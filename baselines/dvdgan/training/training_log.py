"""The log of a run: train.jsonl, TensorBoard if set, and where `vidbench train --log` says."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import torch

from vidbench.models import InputError, never_through_links

LOG_FILE = "train.jsonl"


def versions() -> dict[str, str]:
    """Versions of Python and libraries that a run depends on."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
            "platform": sys.platform}  # fmt: skip


def device_name(device: torch.device) -> str:
    """Name of the GPU or the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()


class TrainingLog:
    """Appends JSON lines to train.jsonl; nothing is written before the first line.

    A last line that was cut off when a run was killed is removed before the first line is appended.
    """

    def __init__(
        self, folder: Path, tensorboard: bool, enabled: bool, say: Callable[[str], None] = lambda text: None,
        record: Callable[[int, Mapping[str, float]], None] = lambda step, numbers: None,
    ) -> None:  # fmt: skip
        """Open nothing yet.

        Args:
            folder: output folder of the run.
            tensorboard: whether to also write numbers for TensorBoard, to ``folder/tensorboard``.
            enabled: False for all processes but the first.
            say: called with a sentence if a line had to be removed.
            record: called with the step and the numbers that TensorBoard would get.

        Raises:
            InputError: TensorBoard is set and not installed.
        """
        self._path, self._enabled, self._say, self._checked = folder / LOG_FILE, enabled, say, False
        self._record = record
        self._make_writer: Callable[[], Any] | None = None
        self._writer: Any = None
        if tensorboard and enabled:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                raise InputError(
                    "Setting 'tensorboard' is true and TensorBoard is not installed; install vidbench[tensorboard], or "
                    "leave the setting out: train.jsonl holds the same numbers."
                ) from None
            self._make_writer = lambda: SummaryWriter(str(folder / "tensorboard"))

    def __enter__(self) -> TrainingLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()  # and flush

    def write(self, values: Mapping[str, Any]) -> None:
        """Append a line; TensorBoard and ``record`` get the numbers of lines without an event, and of metrics."""
        if not self._enabled:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if not self._checked:
            self._remove_torn_line()
        with open(self._path, "a", encoding="utf-8", opener=never_through_links) as file:
            file.write(json.dumps(values) + "\n")
        given = values.get("metrics", values) if values.get("event") in (None, "metrics") else {}
        numbers = {name: value for name, value in given.items() if name != "step" and isinstance(value, int | float)}
        if numbers:
            self._record(values["step"], numbers)
        if self._make_writer is None:
            return
        if self._writer is None:
            self._writer = self._make_writer()
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, values["step"])

    def _remove_torn_line(self) -> None:
        self._checked = True
        if not self._path.is_file():
            return
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with open(self._path, "r+b", opener=never_through_links) as file:
                file.truncate(whole)
            self._say(f"Warning: the last line of {self._path} was cut off when an earlier run ended, and is removed.")
