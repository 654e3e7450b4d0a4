"""Whether a run fits into memory, before anything of its size is created."""

from __future__ import annotations

import torch

from dvdgan.config import Settings
from dvdgan.discriminators import build_discriminators
from dvdgan.generator import Generator
from vidbench.models import ModelTask, refuse_more_than_memory

_COPIES = 4  # weights, gradients and the two moments of Adam, float32


def refuse_large_run(task: ModelTask, settings: Settings) -> None:
    """Refuse settings whose weights and clips alone do not fit into memory.

    Args:
        task: the task to train for.
        settings: settings without `auto`.

    Raises:
        InputError: names what they need and what the machine has.
    """
    clips = settings.batch_size * task.num_frames * task.height * task.width * 3
    refuse_more_than_memory(clips, f"A batch of {settings.batch_size:,} clips", "set a smaller batch_size")
    with torch.device("meta"):
        networks = [Generator(task, settings), build_discriminators(task, settings)]
    weights = sum(parameter.numel() for network in networks for parameter in network.parameters())
    refuse_more_than_memory(
        _COPIES * 4 * weights, f"Training {weights:,} weights", "set a smaller ch, d_ch, tower_ch or multipliers"
    )
