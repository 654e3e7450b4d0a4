"""Tests for copies of reference clips, from distances in a feature space.

`mann_whitney_z` is the statistic of Meehan, Chaudhuri and Dasgupta (AISTATS 2020, "A non-parametric test to detect data-copying in
generative models"): are samples nearer to their nearest reference clips than held-out clips are to theirs? Samples that are only more
typical than real clips are nearer too, so it says little by itself. `copying_test` asks another question, whose answer has an exact
level whatever a model makes and however badly: reference clips and held-out clips are drawn alike, so for a model that has copied
neither, which of the two a real clip belongs to could as well have been dealt out at random.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Rows: TypeAlias = npt.NDArray[np.floating[Any]]

NEIGHBOURS = 48
"""Nearest real clips that are kept of each sample: with four times as many reference clips as others, one of 40,000 samples has no
held-out clip among them."""
DEALS = 999
"""Random deals of the sides; the smallest possible probability is 1 in `DEALS` + 1."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest real clips of each sample, nearest first.

    Attributes:
        squares_NK: squared distances, float64 ``[N, K]``.
        clips_NK: which real clip, int64 ``[N, K]``; the first `num_reference` are the reference clips, then come the held-out ones.
        num_reference: number of reference clips.
        num_real: number of real clips of both sides.
    """

    squares_NK: npt.NDArray[np.float64]
    clips_NK: npt.NDArray[np.int64]
    num_reference: int
    num_real: int


def nearest_neighbours(samples_ND: Rows, reference: Iterable[Rows], held_out: Iterable[Rows]) -> Neighbours:
    """Find the nearest real clips of each sample among both sides.

    Args:
        samples_ND: features of the samples, ``[N, D]``.
        reference: features of the reference clips, in blocks ``[n, D]``.
        held_out: features of the held-out clips, in blocks ``[n, D]``.
    """
    points = np.asarray(samples_ND, np.float64)
    # Centring keeps the digits that squares of large offsets would lose.
    centre = points.mean(axis=0)
    points = points - centre
    own = np.square(points).sum(axis=1)[:, None]
    squares, clips = np.empty((len(points), 0)), np.empty((len(points), 0), np.int64)
    sizes: list[int] = []
    for side in (reference, held_out):
        before = sum(sizes)
        sizes.append(0)
        for rows in side:
            block = np.asarray(rows, np.float64) - centre
            found = np.maximum(own + np.square(block).sum(axis=1) - 2 * points @ block.T, 0)
            numbers = np.broadcast_to(np.arange(len(block)) + before + sizes[-1], found.shape)
            squares, clips = np.hstack([squares, found]), np.hstack([clips, numbers])
            if squares.shape[1] > NEIGHBOURS:
                kept = np.argpartition(squares, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]
                squares, clips = np.take_along_axis(squares, kept, axis=1), np.take_along_axis(clips, kept, axis=1)
            sizes[-1] += len(block)
    order = np.argsort(squares, axis=1, kind="stable")
    return Neighbours(
        np.take_along_axis(squares, order, axis=1), np.take_along_axis(clips, order, axis=1), sizes[0], sum(sizes)
    )


@dataclass(frozen=True)
class CopyingTest:
    """How many samples are much nearer to a reference clip than to every held-out clip.

    Attributes:
        close: share of samples at less than half the distance.
        expected: the mean of that share over random deals of the sides.
        probability: of at least this share, for a model that has copied neither side; exact.
    """

    close: float
    expected: float
    probability: float


def copying_test(neighbours: Neighbours, seed: int = 0) -> CopyingTest:
    """Count samples that are less than half as far from a reference clip as from every held-out clip, and deal the sides out again.

    The probability is that of a permutation test, (1 + deals with at least as many) / (1 + deals): under the null hypothesis, at most p
    with probability p for every multiple p of 1 / (1 + deals).

    Args:
        neighbours: the nearest real clips of each sample.
        seed: seed of the deals.
    """
    is_reference = np.arange(neighbours.num_real) < neighbours.num_reference
    close = _num_close(neighbours, is_reference)
    rng = np.random.Generator(np.random.Philox(seed))
    dealt = [_num_close(neighbours, rng.permutation(is_reference)) for _ in range(DEALS)]
    count = max(1, len(neighbours.squares_NK))
    return CopyingTest(
        close / count, float(np.mean(dealt)) / count, (1 + sum(each >= close for each in dealt)) / (1 + DEALS)
    )


def _num_close(neighbours: Neighbours, is_reference: npt.NDArray[np.bool_]) -> int:
    side = is_reference[neighbours.clips_NK]
    rows = np.arange(len(side))
    # A side that is not among the neighbours is at least as far as the last of them.
    nearest, other = side.argmax(axis=1), (~side).argmax(axis=1)
    to_reference = neighbours.squares_NK[rows, nearest]
    to_other = np.where((~side).any(axis=1), neighbours.squares_NK[rows, other], neighbours.squares_NK[:, -1])
    return int((side.any(axis=1) & (to_reference < to_other / 4)).sum())


def mann_whitney_z(first: Rows, second: Rows) -> float:
    """Return the standardised Mann-Whitney U of two samples: negative if the first has the smaller values.

    >>> import numpy as np
    >>> from vidmetrics.statistics.data_copying import mann_whitney_z
    >>> round(mann_whitney_z(np.arange(10.0), np.arange(10.0) + 20), 2)
    -3.78

    Without ties, and with both from one distribution, it is nearly standard normal from about 8 values each (Mann and Whitney, Ann.
    Math. Statist. 18, 1947).

    Args:
        first: values ``[n]``.
        second: values ``[m]``.
    """
    from scipy.stats import rankdata

    n, m = len(first), len(second)
    statistic = float(rankdata(np.concatenate([first, second]))[:n].sum()) - n * (n + 1) / 2
    return (statistic - n * m / 2) / float(np.sqrt(n * m * (n + m + 1) / 12))
