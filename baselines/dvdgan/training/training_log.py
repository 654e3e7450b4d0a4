"""What a training writes down as it goes: train.jsonl always, TensorBoard where asked."""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vidbench.models import InputError

LOG_FILE = "train.jsonl"


def versions() -> dict[str, str]:
    """Versions that decide how a training runs."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__,
            "platform": sys.platform}  # fmt: skip


def device_name(device: torch.device) -> str:
    """Name of the GPU or the processor."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()


class Journal:
    """train.jsonl, one JSON object per line, appended; nothing is written before the first line."""

    def __init__(self, folder: Path, tensorboard: bool, enabled: bool) -> None:
        """Open nothing yet.

        Args:
            folder: output folder of the training.
            tensorboard: whether to write numbers for TensorBoard too, to ``folder/tensorboard``.
            enabled: False for all processes but the first.

        Raises:
            InputError: TensorBoard is asked for and not installed.
        """
        self._path, self._enabled = folder / LOG_FILE, enabled
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
        self._tensorboard = tensorboard and enabled

    def write(self, values: Mapping[str, Any]) -> None:
        """Append a line; numbers of lines with a step and no event go to TensorBoard too."""
        if not self._enabled:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(values) + "\n")
        if not self._tensorboard:
            return
        if self._writer is None:
            self._writer = self._make_writer()
        numbers = values.get("metrics", values) if values.get("event") in (None, "metrics") else {}
        for name, value in numbers.items():
            if name != "step" and isinstance(value, int | float):
                self._writer.add_scalar(name, value, values["step"])

    def close(self) -> None:
        """Write out what TensorBoard still holds."""
        if self._writer is not None:
            self._writer.close()
