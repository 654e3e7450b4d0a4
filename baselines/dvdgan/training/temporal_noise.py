"""Noise on what the temporal discriminator sees, real and fake clips alike, which fades over a run's first updates.

At first that discriminator tells fakes apart by the seam between real context frames and poor predictions, and leaves the
generator nothing to learn from. Noise that hides what is fine brings both sides closer (instance noise, Sonderby et al.,
arXiv 1610.04490); not in the paper.

A value is a hash of its clip's seed and its place, computed where the clips are: millions of values an update are too many
to draw on the host, and no generator's state has to be kept, recorded or shared among processes.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from dvdgan import noise
from dvdgan.config import Settings
from dvdgan.training.learning_rate import remaining

_LOW_32 = 0xFFFFFFFF
_ROUNDS = ((16, 0x7FEB352D), (15, 0x846CA68B))  # lowbias32 (Wellons, 2018): 32 bits well mixed, products below 2^63


def noise_draws(stream: int, count: int) -> np.ndarray:
    """Draw a seed below 2^32 for each clip, int64 ``[count]``."""
    return (noise.uniform_variates(stream, count) * _LOW_32).astype(np.int64)


def noise_strength(settings: Settings, step: int) -> float:
    """Standard deviation of the noise in update `step` (from 0), in units of [-1, 1]: linear to 0."""
    return settings.temporal_noise * remaining(step, settings.temporal_noise_end)


def add_noise(clips_MTCHW: Tensor, seeds_M: Tensor, strength: Tensor) -> Tensor:
    """Add uniform noise of mean 0 to clips.

    Args:
        clips_MTCHW: clips of any floating type, which is also that of the result.
        seeds_M: seed of each clip (`noise_draws`).
        strength: standard deviation, a 0-d float32 tensor.
    """
    places = torch.arange(math.prod(clips_MTCHW.shape[1:]), device=clips_MTCHW.device)
    mixed = (seeds_M[:, None] + places * 0x9E3779B9) & _LOW_32
    for shift, factor in _ROUNDS:
        mixed = ((mixed ^ (mixed >> shift)) * factor) & _LOW_32
    mixed = mixed ^ (mixed >> 16)
    # Uniform from -sqrt(3) to sqrt(3), which has variance 1.
    values = (mixed.to(torch.float32) * 2.0**-31 - 1) * math.sqrt(3)
    return clips_MTCHW + (strength * values.view(clips_MTCHW.shape)).to(clips_MTCHW.dtype)
