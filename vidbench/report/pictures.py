"""The moving pictures of a report, from its clips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidbench.rendering.numbers import score_text
from vidbench.report.material import Extremes, Material
from vidbench.report.moving_pictures import animated_webp, contact_sheet, data_uri
from vidbench.results.schema import Result
from vidbench.tasks.schema import Task

_FRAMES_PER_SECOND = 8.0
_COLUMNS = 8
# Small frames are enlarged; the browser repeats pixels instead of smoothing them.
_SHOWN_WIDTH = 96
_LOSSLESS_BYTES = 3 << 20
"""Uncompressed size up to which a sheet of clips is lossless; larger pages would be too big to mail."""
_CLIP_PIXELS = 200_000
"""Number of pixels, over all frames, up to which a clip is shown at full size."""
_STRIP_BYTES = 32 << 10
"""File size up to which a strip is stored at double resolution: lossy WebP halves the resolution of colour."""


@dataclass(frozen=True)
class Picture:
    """One moving picture.

    Attributes:
        title: caption.
        uri: data URI.
        width: displayed width in CSS pixels.
    """

    title: str
    uri: str
    width: int


def sheets(material: Material, result: Result, task: Task) -> list[Picture]:
    """Return sheets of the first samples and the first held-out real clips."""
    count, num_real = len(material.samples_NTHWC), len(material.real_NTHWC)
    split = task.data.evaluation_split
    whose = "" if result.model.samples_sha256 else f" of {result.model.name}"
    pictures = [_sheet(f"First {count} samples{whose}", material.samples_NTHWC)]
    if num_real:
        pictures.append(_sheet(f"First {num_real} held-out real clips ({split})", material.real_NTHWC))
    return pictures


def pairs(extremes: Extremes) -> list[Picture]:
    """Return each sample with its nearest real clip to its right."""
    return [
        strip(f"{index}: {score_text(distance)}", np.stack([sample, real]))
        for sample, real, distance, index in zip(
            extremes.samples_NTHWC, extremes.real_NTHWC, extremes.distances, extremes.indices, strict=True
        )
    ]


def class_strips(material: Material) -> list[Picture]:
    """Return the samples of each class, with a real clip to their right if there is one."""
    return [strip(each.name, np.concatenate([each.samples_NTHWC, each.real_NTHWC])) for each in material.classes]


def reduction(num_frames: int, height: int, width: int) -> int:
    """Return the factor by which a clip is reduced in both directions for display: 1, 2, 4, ..."""
    factor = 1
    while num_frames * (height // factor) * (width // factor) > _CLIP_PIXELS and min(height, width) >= 4 * factor:
        factor *= 2
    return factor


def _sheet(title: str, clips_NTHWC: np.ndarray) -> Picture:
    clips_NTHWC, width = _reduced(clips_NTHWC), clips_NTHWC.shape[3]
    sheet = contact_sheet(clips_NTHWC, min(_COLUMNS, len(clips_NTHWC)))
    lossless = sheet.nbytes <= _LOSSLESS_BYTES
    size = "" if clips_NTHWC.shape[3] == width else ", reduced"
    webp = animated_webp(sheet, _FRAMES_PER_SECOND, lossless)
    return Picture(title + size + ("" if lossless else ", lossy"), data_uri(webp), _shown(sheet, clips_NTHWC))


def strip(title: str, clips_NTHWC: np.ndarray) -> Picture:
    """Return clips of equal size in a row."""
    clips_NTHWC = _reduced(clips_NTHWC)
    sheet = contact_sheet(clips_NTHWC, len(clips_NTHWC))
    return Picture(title, data_uri(_strip_webp(sheet)), _shown(sheet, clips_NTHWC))


def _strip_webp(sheet_THWC: np.ndarray) -> bytes:
    """Encode a strip, at twice its size if that fits."""

    def encoded(frames_THWC: np.ndarray) -> bytes:
        return animated_webp(frames_THWC, _FRAMES_PER_SECOND, lossless=False)

    # Half of the time of a report is spent here. Where the first picture says that twice the size fits, nothing else is tried first.
    fits = 2 * len(sheet_THWC) * len(encoded(sheet_THWC[:1])) <= _STRIP_BYTES
    webp = b"" if fits else encoded(sheet_THWC)
    # Twice the size takes more than twice the bytes, so most strips that would not fit need not be tried.
    if 2 * len(webp) <= _STRIP_BYTES:
        doubled = encoded(sheet_THWC.repeat(2, axis=1).repeat(2, axis=2))
        if len(doubled) <= _STRIP_BYTES:
            return doubled
    return webp or encoded(sheet_THWC)


def _shown(sheet_THWC: np.ndarray, clips_NTHWC: np.ndarray) -> int:
    return sheet_THWC.shape[2] * max(1, round(_SHOWN_WIDTH / clips_NTHWC.shape[3]))


def _reduced(clips_NTHWC: np.ndarray) -> np.ndarray:
    count, frames, height, width, channels = clips_NTHWC.shape
    factor = reduction(frames, height, width)
    if factor == 1:
        return clips_NTHWC
    height, width = height // factor, width // factor
    cells = clips_NTHWC[:, :, : height * factor, : width * factor].reshape(
        count, frames, height, factor, width, factor, channels
    )
    means: np.ndarray = cells.mean(axis=(3, 5)).round().astype(np.uint8)
    return means
