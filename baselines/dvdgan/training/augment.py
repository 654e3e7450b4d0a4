"""Random transformations of clips that gradients pass through, for the discriminators of small data sets.

After Zhao et al., *Differentiable Augmentation for Data-Efficient GAN Training*, NeurIPS 2020, arXiv 2006.10738: real and
fake clips alike go through one kind of random transformation before every look of a discriminator, in its steps and in
the generator's, so that it cannot know the real clips by heart and the generator need not imitate the transformation.
The ranges are those published for images in [-1, 1]. A clip has ONE transformation, the same in all its frames: another
for every frame would bury the movement.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from dvdgan import noise

COLOUR, TRANSLATION, CUTOUT = "colour", "translation", "cutout"


def augment_draws(seed: int, count: int, side: int) -> np.ndarray:
    """The transformations of some clips, whichever of them are used.

    Args:
        seed: 64-bit seed.
        count: number of clips.
        side: of their frames, even.

    Returns:
        float32 ``[count, 7]``: brightness in (-0.5, 0.5], saturation in (0, 2] and contrast in (0.5, 1.5]; whole numbers:
        rows and columns of the shift, each at most side // 8 either way, and the first row and column of the square to
        be cut, whose centre lies anywhere in the frame or on its edge.
    """
    drawn_N7 = noise.uniform(seed, count, 7)
    reach = side // 8
    widest = np.array([2 * reach, 2 * reach, side, side])
    whole_N4 = np.minimum(np.floor(drawn_N7[:, 3:] * (widest + 1)), widest)
    least = np.array([-reach, -reach, -(side // 4), -(side // 4)])
    colours_N3 = drawn_N7[:, :3] * np.array([1, 2, 1]) + np.array([-0.5, 0, 0.5])
    return np.concatenate([colours_N3, whole_N4 + least], axis=1).astype(np.float32)


def augment(clips_NTCHW: Tensor, draws_N7: Tensor, kinds: str) -> Tensor:
    """Clips after the named transformations: colour first, then the shift, then the cut.

    Args:
        clips_NTCHW: floating clips in [-1, 1], of square frames.
        draws_N7: one row per clip as `augment_draws` gives them, on the device of the clips.
        kinds: ``colour``, ``translation``, ``cutout`` or several of them joined by ``+``.

    Returns:
        Clips of the same shape and type, not clamped; what a shift or a cut leaves empty is 0, middle grey.
    """
    names = kinds.split("+")
    if COLOUR in names:
        clips_NTCHW = _recoloured(clips_NTCHW, draws_N7[:, :3])
    if TRANSLATION in names:
        clips_NTCHW = _shifted(clips_NTCHW, draws_N7[:, 3:5].long())
    if CUTOUT in names:
        clips_NTCHW = _cut(clips_NTCHW, draws_N7[:, 5:].long())
    return clips_NTCHW


def _recoloured(clips_NTCHW: Tensor, draws_N3: Tensor) -> Tensor:
    """Brighter or darker, then towards grey or away from it, then towards the mean of the whole clip or away from it."""
    # Means and differences of bfloat16 would lose steps of colour that are there.
    clips = clips_NTCHW.to(torch.promote_types(clips_NTCHW.dtype, torch.float32))
    brightness, saturation, contrast = draws_N3.to(clips.dtype)[..., None, None, None, None].unbind(1)
    clips = clips + brightness
    grey = clips.mean(2, keepdim=True)
    clips = grey + (clips - grey) * saturation
    mean = clips.mean((1, 2, 3, 4), keepdim=True)
    return (mean + (clips - mean) * contrast).to(clips_NTCHW.dtype)


def _shifted(clips_NTCHW: Tensor, shifts_N2: Tensor) -> Tensor:
    """Every frame of a clip moved by its rows down and its columns to the right; what comes in is 0."""
    side = clips_NTCHW.shape[3]
    from_N2S = torch.arange(side, device=shifts_N2.device) - shifts_N2[:, :, None]
    inside_N2S = (from_N2S >= 0) & (from_N2S < side)
    rows_NS, columns_NS = from_N2S.clamp(0, side - 1).unbind(1)
    pixels_NP = (rows_NS[:, :, None] * side + columns_NS[:, None, :]).flatten(1)
    # Frames lie in memory pixel by pixel, so this is a view, and so is the way back.
    clips_NTPC = clips_NTCHW.permute(0, 1, 3, 4, 2).flatten(2, 3)
    moved_NTPC = clips_NTPC.gather(2, pixels_NP[:, None, :, None].expand_as(clips_NTPC))
    moved = moved_NTPC.unflatten(2, (side, side)).permute(0, 1, 4, 2, 3)
    return torch.where(_both_axes(inside_N2S), moved, 0.0)


def _cut(clips_NTCHW: Tensor, corners_N2: Tensor) -> Tensor:
    """A square of half the side, from its first row and column on, is 0 in every frame; it may reach out of the frame."""
    side = clips_NTCHW.shape[3]
    into_N2S = torch.arange(side, device=corners_N2.device) - corners_N2[:, :, None]
    return torch.where(_both_axes((into_N2S >= 0) & (into_N2S < side // 2)), 0.0, clips_NTCHW)


def _both_axes(marked_N2S: Tensor) -> Tensor:
    """Mask [N, 1, 1, S, S] of the pixels whose row and whose column are marked."""
    rows_NS, columns_NS = marked_N2S.unbind(1)
    return (rows_NS[:, :, None] & columns_NS[:, None, :])[:, None, None]
