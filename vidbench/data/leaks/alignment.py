"""Whether two videos show the same: their thumbnails are laid over each other at every shift in time.

Two things must agree. The pictures: the mean cosine of thumbnails less their means, which knows a scene but not what happens
in it, and so confuses videos of one camera. The motion: the correlation over space and time of what differs from the mean picture
of the common frames, which knows what happens, and is noise where nothing does.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidbench.data.leaks.thumbnails import SIDE, Thumbnails

Array = npt.NDArray[np.float64]

PICTURES, MOTION = 0.95, 0.92
"""From where pictures and motion agree; docs/data.md has the rates at which they err."""
STILL, STILL_PICTURES = 0.75, 0.995
"""Grey levels (root mean square) below which nothing moves, and from where the pictures alone then suffice."""
LEAST_FRAMES = 8
"""Common frames that a match needs, and half the shorter video; all of it if it is shorter."""


class Match(NamedTuple):
    """The shift at which two videos agree best.

    Attributes:
        pictures: mean cosine of the thumbnails, at most 1.
        motion: correlation of what moves, at most 1; 0 if nothing does.
        shift: frames by which the second video is later.
        frames: number of common frames.
        still: whether nothing moves in one of them, so that the pictures alone decide.
    """

    pictures: float
    motion: float
    shift: int
    frames: int
    still: bool

    @property
    def same(self) -> bool:
        """Whether they show the same."""
        if self.still:
            return self.pictures >= STILL_PICTURES
        return self.pictures >= PICTURES and self.motion >= MOTION


def best_match(a: Thumbnails, b: Thumbnails) -> Match:
    """Lay two videos over each other at every shift, and return the best match: one that says they are the same, if there is one.

    If they state different rates, they are compared frame by frame, as if one were shown faster, and also second by second.
    """
    found = [_best_shift(a, b)]
    paced = a.at_rate_of(b), b.at_rate_of(a)
    if paced[0] is not a or paced[1] is not b:
        found.append(_best_shift(*paced))
    return max(found, key=lambda match: (match.same, match.pictures + match.motion))


def _best_shift(a: Thumbnails, b: Thumbnails) -> Match:
    a_TC, b_TC = centred(a.cells_TC), centred(b.cells_TC)
    count_a, count_b = len(a_TC), len(b_TC)
    shorter = min(count_a, count_b)
    least = min(shorter, max(LEAST_FRAMES, -(-shorter // 2)))
    shifts = np.arange(least - count_a, count_b - least + 1)
    first_a, last_a = np.maximum(0, -shifts), np.minimum(count_a, count_b - shifts)
    frames = (last_a - first_a).astype(np.float64)
    pictures = _correlation(_unit(a_TC), _unit(b_TC), shifts) / frames
    mean_a, power_a = _over(a_TC, first_a, last_a)
    mean_b, power_b = _over(b_TC, first_a + shifts, last_a + shifts)
    moving_a = np.maximum(0.0, power_a / frames - (mean_a**2).sum(axis=1))
    moving_b = np.maximum(0.0, power_b / frames - (mean_b**2).sum(axis=1))
    together = _correlation(a_TC, b_TC, shifts) / frames - (mean_a * mean_b).sum(axis=1)
    still = np.sqrt(np.minimum(moving_a, moving_b) / SIDE**2) < STILL
    motion = np.where(still, 0.0, together / np.sqrt(np.maximum(moving_a * moving_b, 1e-12)))
    same = np.where(still, pictures >= STILL_PICTURES, (pictures >= PICTURES) & (motion >= MOTION))
    best = int(np.lexsort((frames, pictures + motion, same))[-1])
    return Match(float(pictures[best]), float(motion[best]), int(shifts[best]), int(frames[best]), bool(still[best]))


def centred(cells_TC: np.ndarray) -> Array:
    """Return thumbnails less the mean of each, float64 ``[T, C]``: brightness does not count."""
    cells = cells_TC.astype(np.float64)
    return cells - cells.mean(axis=1, keepdims=True)


def probes(thumbnails: Thumbnails, every: int) -> npt.NDArray[np.float32]:
    """Return every n-th thumbnail, centred and of length 1, float32 ``[P, C]``; their products are cosines."""
    cells_TC = thumbnails.cells_TC
    chosen = cells_TC[every // 2 :: every] if len(cells_TC) > every else cells_TC
    return _unit(centred(chosen)).astype(np.float32)


def _unit(rows_TC: Array) -> Array:
    return rows_TC / np.maximum(np.linalg.norm(rows_TC, axis=1, keepdims=True), 1e-6)


def _correlation(a_TC: Array, b_TC: Array, shifts: npt.NDArray[np.int64]) -> Array:
    """Return the sum over frames of a[t] . b[t + shift] for each shift, by Fourier transform over time."""
    length = 1 << (len(a_TC) + len(b_TC) - 1).bit_length()
    product = (np.fft.rfft(a_TC, length, axis=0).conj() * np.fft.rfft(b_TC, length, axis=0)).sum(axis=1)
    return np.fft.irfft(product, length)[shifts % length]


def _over(rows_TC: Array, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> tuple[Array, Array]:
    """Return the mean row and the sum of squares over each range of frames."""
    sums = np.concatenate([np.zeros((1, rows_TC.shape[1])), rows_TC.cumsum(axis=0)])
    squares = np.concatenate([np.zeros(1), (rows_TC**2).sum(axis=1).cumsum()])
    return (sums[last] - sums[first]) / (last - first)[:, np.newaxis], squares[last] - squares[first]
