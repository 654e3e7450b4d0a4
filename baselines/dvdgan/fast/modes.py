"""How updates compute: the type of their convolutions, and whether they are recorded and fused."""

from __future__ import annotations

import torch

from dvdgan.config import Settings
from vidbench.models import InputError

RECORDED = ("graphs", "fused")
"""The modes in which an update is one recorded CUDA graph."""


def compute_dtype(settings: Settings, device: torch.device) -> torch.dtype:
    """Type of the convolutions in training."""
    if settings.precision == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return torch.bfloat16 if settings.precision == "bfloat16" else torch.float32


def choose_mode(setting: str, device: torch.device, accumulate: int) -> str:
    """Mode that the setting `compile` selects: ``none``, ``graphs`` or ``fused``.

    Args:
        setting: value of the setting.
        device: device of the training run.
        accumulate: parts in which a process computes its share of a batch.

    Raises:
        InputError: a recorded mode is set where updates cannot be recorded.
    """
    possible = device.type == "cuda" and accumulate == 1
    if setting in RECORDED and not possible:
        raise InputError(
            f"Setting compile={setting} records updates, which needs a GPU and accumulate=1; set compile=auto."
        )
    if setting != "auto":
        return setting
    return "graphs" if possible else "none"
