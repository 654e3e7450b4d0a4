"""Differentiable random transformations of clips before the discriminators, for small datasets.

After Zhao et al., *Differentiable Augmentation for Data-Efficient GAN Training*, NeurIPS 2020, arXiv 2006.10738: real and
fake clips alike are transformed in discriminator and generator steps, so that discriminators cannot memorise the real
clips and the generator does not learn to imitate the transformations. The ranges are those published for images in
[-1, 1]. A clip has ONE transformation for all its frames: one per frame would hide the motion.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dvdgan import noise

COLOUR, TRANSLATION, CUTOUT = "colour", "translation", "cutout"


def augment_draws(seed: int, count: int, side: int) -> np.ndarray:
    """Draw the transformations of some clips, of all kinds.

    Args:
        seed: 64-bit seed.
        count: number of clips.
        side: side of their frames, even.

    Returns:
        float32 ``[count, 7]``: brightness in (-0.5, 0.5], saturation in (0, 2] and contrast in (0.5, 1.5]; then whole
        numbers: the shift in rows and columns, each at most side // 8 either way, and the first row and column of the
        cutout, whose centre is anywhere in the frame or on its edge.
    """
    drawn_N7 = noise.uniform_variates(seed, count, 7)
    reach = side // 8
    widest = np.array([2 * reach, 2 * reach, side, side])
    whole_N4 = np.minimum(np.floor(drawn_N7[:, 3:] * (widest + 1)), widest)
    least = np.array([-reach, -reach, -(side // 4), -(side // 4)])
    colours_N3 = drawn_N7[:, :3] * np.array([1, 2, 1]) + np.array([-0.5, 0, 0.5])
    return np.concatenate([colours_N3, whole_N4 + least], axis=1).astype(np.float32)


def augment(clips_NTCHW: Tensor, draws_N7: Tensor, kinds: str) -> Tensor:
    """Transform clips: colour first, then translation, then cutout.

    Args:
        clips_NTCHW: floating clips in [-1, 1], of square frames.
        draws_N7: one row of `augment_draws` per clip, on the device of the clips.
        kinds: ``colour``, ``translation``, ``cutout`` or several of them joined by ``+``.

    Returns:
        Clips of the same shape and type, not clamped; pixels left empty by a shift or a cutout are 0, middle grey.
    """
    names = kinds.split("+")
    if COLOUR in names:
        clips_NTCHW = _recolour(clips_NTCHW, draws_N7[:, :3])
    if TRANSLATION in names:
        clips_NTCHW = _shift(clips_NTCHW, draws_N7[:, 3:5].long())
    if CUTOUT in names:
        clips_NTCHW = _cutout(clips_NTCHW, draws_N7[:, 5:].long())
    return clips_NTCHW


def _recolour(clips_NTCHW: Tensor, draws_N3: Tensor) -> Tensor:
    """Change brightness, then saturation (the distance from grey), then contrast (the distance from the clip's mean)."""
    # Means and differences in bfloat16 would lose colour levels.
    clips = clips_NTCHW.to(torch.promote_types(clips_NTCHW.dtype, torch.float32))
    brightness, saturation, contrast = draws_N3.to(clips.dtype)[..., None, None, None, None].unbind(1)
    clips = clips + brightness
    grey = clips.mean(2, keepdim=True)
    clips = grey + (clips - grey) * saturation
    mean = clips.mean((1, 2, 3, 4), keepdim=True)
    return (mean + (clips - mean) * contrast).to(clips_NTCHW.dtype)


def _shift(clips_NTCHW: Tensor, shifts_N2: Tensor) -> Tensor:
    """Shift all frames of a clip by rows down and columns to the right, filling with 0."""
    side = clips_NTCHW.shape[3]
    from_N2S = torch.arange(side, device=shifts_N2.device) - shifts_N2[:, :, None]
    inside_N2S = (from_N2S >= 0) & (from_N2S < side)
    rows_NS, columns_NS = from_N2S.clamp(0, side - 1).unbind(1)
    pixels_NP = (rows_NS[:, :, None] * side + columns_NS[:, None, :]).flatten(1)
    # Channels are last in memory, so this is a view, and so is the way back.
    clips_NTPC = clips_NTCHW.permute(0, 1, 3, 4, 2).flatten(2, 3)
    moved_NTPC = clips_NTPC.gather(2, pixels_NP[:, None, :, None].expand_as(clips_NTPC))
    moved = moved_NTPC.unflatten(2, (side, side)).permute(0, 1, 4, 2, 3)
    return torch.where(_both_axes(inside_N2S), moved, 0.0)


def _cutout(clips_NTCHW: Tensor, corners_N2: Tensor) -> Tensor:
    """Set a square of half the side to 0 in all frames, from its first row and column; it may extend beyond the frame."""
    side = clips_NTCHW.shape[3]
    into_N2S = torch.arange(side, device=corners_N2.device) - corners_N2[:, :, None]
    return torch.where(_both_axes((into_N2S >= 0) & (into_N2S < side // 2)), 0.0, clips_NTCHW)


def _both_axes(marked_N2S: Tensor) -> Tensor:
    """Mask [N, 1, 1, S, S] of the pixels whose row and column are both marked."""
    rows_NS, columns_NS = marked_N2S.unbind(1)
    return (rows_NS[:, :, None] & columns_NS[:, None, :])[:, None, None]
