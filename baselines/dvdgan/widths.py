"""Numbers of channels and of resolution doublings of both networks."""

from __future__ import annotations

import math

from dvdgan.config import Settings
from vidbench.models import InputError, ModelTask


def resolution_groups(task: ModelTask) -> int:
    """Number of doublings from 4x4 to the task's frames: 3 for 32x32, 4 for 64x64.

    Raises:
        InputError: the task's frames are not square with a side of 8, 16, 32, …
    """
    groups = int(math.log2(max(task.height, 1))) - 2
    if task.height != task.width or groups < 1 or task.height != 4 * 2**groups:
        raise InputError(
            f"dvdgan generates square frames with a side of 8, 16, 32, 64, … pixels and task '{task.name}' has "
            f"{task.width}x{task.height}; choose another task or size."
        )
    return groups


def generator_widths(settings: Settings, groups: int) -> list[int]:
    """Channels at 4x4, 8x8, … and at full resolution, ``groups + 1`` numbers."""
    multipliers = list(settings.g_multipliers)
    multipliers += multipliers[-1:] * (groups + 1 - len(multipliers))
    return [settings.ch * multiplier for multiplier in multipliers[groups::-1]]


def state_width(width: int, settings: Settings) -> int:
    """Channels of the ConvGRU state in a group whose blocks have `width` channels."""
    return max(1, round(width * settings.state_fraction))


def discriminator_widths(ch: int, settings: Settings, blocks: int) -> list[int]:
    """Channels after each of `blocks` residual blocks, from the image down, in units of `ch`."""
    multipliers = list(settings.d_multipliers)
    multipliers += multipliers[-1:] * (blocks - len(multipliers))
    return [ch * multiplier for multiplier in multipliers[:blocks]]
