"""The nearest training clips of samples in the features of a network, and which samples are nearer than held-out clips are."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from vidmetrics.statistics.data_copying import NEIGHBOURS, Rows, nearest_neighbours

MOST_NEIGHBOURS = NEIGHBOURS
"""Neighbours of a sample, at most."""
LEVEL = 0.01
"""Share of held-out clips that may be as near to the training clips as a sample that is flagged."""
_AT_ONCE = 4096


@dataclass(frozen=True)
class Neighbourhood:
    """The nearest training clips of some clips, nearest first.

    Attributes:
        distances_NK: Euclidean distances, float64 ``[N, K]``.
        clips_NK: index of each training clip, int64 ``[N, K]``.
        num_training: number of training clips.
    """

    distances_NK: np.ndarray
    clips_NK: np.ndarray
    num_training: int


@dataclass(frozen=True)
class Threshold:
    """The distance below which a sample is flagged.

    Attributes:
        distance: the distance of a held-out clip to its nearest training clip, of rank `rank` from the smallest.
        rank: that rank, from 1.
        num_held_out: number of held-out clips.
    """

    distance: float
    rank: int
    num_held_out: int

    @property
    def chance(self) -> float:
        """Probability that one more held-out clip is below: their order is random."""
        return self.rank / (self.num_held_out + 1)

    def flags(self, distances: np.ndarray) -> np.ndarray:
        """Return which distances ``[N]`` are below, bool; a distance of 0 always is, even where held-out clips are copies too."""
        below: np.ndarray = (distances < self.distance) | (distances == 0)
        return below


def nearest_training(rows_ND: Rows, training: Callable[[], Iterable[Rows]], count: int) -> Neighbourhood:
    """Find the nearest training clips.

    Candidates come from squares, whose differences lose digits; the distances are then computed again from the features themselves, so
    that an exact copy is at 0.

    Args:
        rows_ND: features of the clips, ``[N, D]``.
        training: makes blocks of features of the training clips, ``[n, D]``.
        count: neighbours of each, at most `MOST_NEIGHBOURS`; there are fewer of fewer training clips.
    """
    parts = [_nearest(rows_ND[start : start + _AT_ONCE], training, count) for start in range(0, len(rows_ND), _AT_ONCE)]
    return Neighbourhood(
        np.concatenate([part.distances_NK for part in parts]),
        np.concatenate([part.clips_NK for part in parts]),
        parts[0].num_training,
    )


def _nearest(rows_ND: Rows, training: Callable[[], Iterable[Rows]], count: int) -> Neighbourhood:
    found = nearest_neighbours(rows_ND, training(), ())
    # All candidates, not the first few: rounding may have exchanged neighbours at almost the same distance.
    clips_NK = found.clips_NK
    distances_NK = np.full(clips_NK.shape, np.inf)
    points, seen = np.asarray(rows_ND, np.float64), 0
    for block in training():
        inside = np.argwhere((clips_NK >= seen) & (clips_NK < seen + len(block)))
        rows = np.asarray(block, np.float64)[clips_NK[inside[:, 0], inside[:, 1]] - seen]
        distances_NK[inside[:, 0], inside[:, 1]] = np.linalg.norm(points[inside[:, 0]] - rows, axis=1)
        seen += len(block)
    order = np.argsort(distances_NK, axis=1, kind="stable")[:, :count]
    return Neighbourhood(
        np.take_along_axis(distances_NK, order, axis=1), np.take_along_axis(clips_NK, order, axis=1), seen
    )


def flag_threshold(held_out: np.ndarray, level: float = LEVEL) -> Threshold:
    """Return the distance below which at most a share of held-out clips lies.

    Args:
        held_out: distance of each held-out clip to its nearest training clip, ``[M]``, at least one.
        level: the share. Of fewer clips than ``1 / level`` the smallest distance counts.
    """
    rank = max(1, int(level * (len(held_out) + 1)))
    return Threshold(float(np.sort(held_out)[rank - 1]), rank, len(held_out))
