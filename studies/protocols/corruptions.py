"""Corruptions of real clips with a continuous strength, and what protocols do to clips. Pure functions of uint8 clips.

Every corruption maps uint8 ``[N, T, H, W, 3]``, a strength and a seed to clips of the same shape. A seed fixes the random
draws, so that the score is a smooth function of the strength and can be tuned.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
import torch
from PIL import Image
from scipy import ndimage

Clips = np.ndarray
BLUR_SIGMA = 1.0
JPEG_QUALITY = 5
PATCH = 24
MP4_CRF = 23


@dataclass(frozen=True)
class Corruption:
    """One corruption.

    Attributes:
        apply: called as ``apply(clips_NTHWC, strength, seed)``.
        unit: what the strength is, for a table.
        first: strength to begin the tuning with.
        most: the strongest one that has a meaning.
    """

    apply: Callable[[Clips, float, int], Clips]
    unit: str
    first: float
    most: float


def as_uint8(values: np.ndarray) -> Clips:
    """Round to nearest and clip to 0..255."""
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


def shared_out(share: float, count: int, seed: int) -> np.ndarray:
    """Return which clips a corruption of whole clips changes, bool ``[count]``.

    They are at random places, so that the first N / 8 clips have about the same share, and a larger share has them all.
    """
    return np.random.default_rng((seed, 1)).permutation(count) < round(share * count)


def _blur(clips_NTHWC: Clips, strength: float, seed: int) -> Clips:
    values = clips_NTHWC.astype(np.float32)
    blurred = ndimage.gaussian_filter(values, (0, 0, BLUR_SIGMA, BLUR_SIGMA, 0))
    return as_uint8(values + np.float32(strength) * (blurred - values))


def _noise(clips_NTHWC: Clips, strength: float, seed: int) -> Clips:
    drawn = np.random.default_rng(seed).standard_normal(clips_NTHWC.shape, np.float32)
    return as_uint8(clips_NTHWC + np.float32(strength) * drawn)


def _jpeg(clips_NTHWC: Clips, strength: float, seed: int) -> Clips:
    coded = np.empty_like(clips_NTHWC)
    for place in np.ndindex(clips_NTHWC.shape[:2]):
        stream = io.BytesIO()
        Image.fromarray(clips_NTHWC[place]).save(stream, "JPEG", quality=JPEG_QUALITY)
        coded[place] = np.asarray(Image.open(stream).convert("RGB"))
    return as_uint8(clips_NTHWC + strength * (coded.astype(np.float32) - clips_NTHWC))


def _shuffle(clips_NTHWC: Clips, strength: float, seed: int) -> Clips:
    """Shuffle the frames of a share of the clips."""
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(clips_NTHWC.shape[1]) for _ in clips_NTHWC]
    changed = shared_out(strength, len(clips_NTHWC), seed)
    return np.stack([clip[order] if c else clip for clip, order, c in zip(clips_NTHWC, orders, changed, strict=True)])


def _colour(clips_NTHWC: Clips, strength: float, seed: int) -> Clips:
    # A gain, since an offset is rounded to whole levels and its score then jumps.
    return as_uint8(clips_NTHWC * (1 + np.float32(strength / 100) * np.array([1, 0, -1], np.float32)))


def _shift(clips_NTHWC: Clips, strength: float, seed: int) -> Clips:
    whole = int(strength)
    part = np.float32(strength - whole)
    values = clips_NTHWC.astype(np.float32)
    for axis in (2, 3):
        padded = np.pad(values, [(whole + 1, 0) if a == axis else (0, 0) for a in range(values.ndim)], mode="edge")
        size = values.shape[axis]
        near, far = (np.take(padded, range(start, start + size), axis) for start in (1, 0))
        values = near + part * (far - near)
    return as_uint8(values)


def _flicker(clips_NTHWC: Clips, strength: float, seed: int) -> Clips:
    drawn = np.random.default_rng(seed).standard_normal((*clips_NTHWC.shape[:2], 1, 1, 1), np.float32)
    return as_uint8(clips_NTHWC + np.float32(strength) * drawn)


def _patch(clips_NTHWC: Clips, strength: float, seed: int) -> Clips:
    """Blend a square of 24x24 pixels, at a place of its own in each clip, towards grey."""
    rng = np.random.default_rng(seed)
    values = clips_NTHWC.astype(np.float32)
    for clip, (top, left) in zip(values, rng.integers(0, 64 - PATCH, (len(values), 2)), strict=True):
        square = clip[:, top : top + PATCH, left : left + PATCH]
        square += np.float32(strength) * (128 - square)
    return as_uint8(values)


CORRUPTIONS = {
    "blur": Corruption(_blur, f"share of the way to a Gaussian blur of {BLUR_SIGMA} pixels", 0.2, 1),
    "noise": Corruption(_noise, "standard deviation in levels", 5, 120),
    "jpeg": Corruption(_jpeg, f"share of the way to JPEG quality {JPEG_QUALITY}", 0.7, 2),
    "shuffle": Corruption(_shuffle, "share of clips with shuffled frames", 0.6, 1),
    "colour": Corruption(_colour, "percent more red and less blue", 8, 100),
    "shift": Corruption(_shift, "pixels down and right", 2, 24),
    "flicker": Corruption(_flicker, "standard deviation of a frame's brightness in levels", 8, 120),
    "patch": Corruption(_patch, "share of the way to a grey square of 24x24", 0.7, 1),
}


def through_mp4(clips_NTHWC: Clips) -> Clips:
    """Encode each clip as most tools do by default (H.264, 4:2:0, crf 23) and decode it."""
    return np.stack([_mp4(clip) for clip in clips_NTHWC])


def _mp4(clip_THWC: Clips) -> Clips:
    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=Fraction(25), options={"crf": str(MP4_CRF), "threads": "1"})
        video.height, video.width = clip_THWC.shape[1:3]
        video.pix_fmt = "yuv420p"
        for frame in clip_THWC:
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode())
    stream.seek(0)
    with av.open(stream, "r") as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def resized(clips_NTHWC: Clips, side: int) -> Clips:
    """Resize frames to a square of ``side`` pixels: bilinear, half-pixel, without antialiasing."""
    flat = torch.from_numpy(np.ascontiguousarray(clips_NTHWC)).flatten(0, 1).permute(0, 3, 1, 2).float()
    out = torch.nn.functional.interpolate(flat, (side, side), mode="bilinear", align_corners=False)
    return as_uint8(out.permute(0, 2, 3, 1).numpy()).reshape(*clips_NTHWC.shape[:2], side, side, 3)


def _centre(clips_NTHWC: Clips, side: int) -> Clips:
    top, left = ((size - side) // 2 for size in clips_NTHWC.shape[2:4])
    return clips_NTHWC[:, :, top : top + side, left : left + side]


def cropped_then_resized(clips_NTHWC: Clips) -> Clips:
    """Crop the central 7/8 of 64x64 frames, then resize the crop to 64x64."""
    return resized(_centre(clips_NTHWC, 56), 64)


def resized_then_cropped(clips_NTHWC: Clips) -> Clips:
    """Resize 64x64 frames to 73x73, then crop the central 64x64: the same view to half a pixel."""
    return _centre(resized(clips_NTHWC, 73), 64)
