"""Whether samples lie nearer to the reference clips than to held-out real clips: a test for copies.

Reference clips and held-out clips are drawn alike. To a model that has copied neither, which of the two a real clip belongs to is
a label that could as well have been dealt out at random. So take all real clips together, find the nearest one of each sample, and
count how many of the *different* clips found are reference clips: given the samples, that count is hypergeometric, whatever the model
makes and however badly. Copies of reference clips find nothing but reference clips.

The question is that of Meehan, Chaudhuri and Dasgupta (AISTATS 2020, "A non-parametric test to detect data-copying in generative
models"), who compare distances to the training set between samples and held-out clips. That comparison also reacts to samples that
are only more typical than real clips are; this one does not, since it never compares a sample with a real clip by distance.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SideCounts:
    """Which real clips are nearest to the samples.

    Attributes:
        num_reference: number of reference clips.
        num_held_out: number of held-out clips.
        found: number of different real clips that are the nearest one of a sample.
        found_in_reference: how many of these are reference clips.
    """

    num_reference: int
    num_held_out: int
    found: int
    found_in_reference: int

    @property
    def expected(self) -> float:
        """How many of the clips found are reference clips on average, for a model that has copied neither side."""
        return self.found * self.num_reference / (self.num_reference + self.num_held_out)


def count_sides(samples_ND: Rows, reference: Iterable[Rows], held_out: Iterable[Rows]) -> SideCounts:
    """Find the nearest real clip of each sample among both sides and count the different ones.

    Args:
        samples_ND: features of the samples, ``[N, D]`` with at least one row.
        reference: features of the reference clips, in blocks ``[n, D]``.
        held_out: features of the held-out clips, in blocks ``[n, D]``.

    Returns:
        The counts. A clip at equal distance from a sample on both sides counts for the reference.
    """
    nearest, num_reference, num_held_out = nearest_indices(samples_ND, reference, held_out)
    found = np.unique(nearest)
    return SideCounts(num_reference, num_held_out, len(found), int((found < num_reference).sum()))


def nearest_indices(
    samples_ND: Rows, reference: Iterable[Rows], held_out: Iterable[Rows]
) -> tuple[npt.NDArray[np.int64], int, int]:
    """Return the nearest real clip of each sample, int64 ``[N]``, and the sizes of both sides.

    Reference clips are numbered from 0, and held-out clips follow them. Arguments as for `count_sides`.
    """
    points = np.asarray(samples_ND, np.float64)
    # Centring keeps the digits that squares of large offsets would lose.
    centre = points.mean(axis=0)
    points = points - centre
    nearest, least = np.zeros(len(points), np.int64), np.full(len(points), np.inf)
    sizes: list[int] = []
    for side in (reference, held_out):
        before = sum(sizes)
        sizes.append(0)
        for rows in side:
            block = np.asarray(rows, np.float64) - centre
            # Squared distances less the sample's own square, which is the same for all.
            squares = np.square(block).sum(axis=1) - 2 * points @ block.T
            closest = squares.argmin(axis=1)
            smallest = squares[np.arange(len(points)), closest]
            nearer = smallest < least
            nearest[nearer], least[nearer] = closest[nearer] + before + sizes[-1], smallest[nearer]
            sizes[-1] += len(block)
    return nearest, sizes[0], sizes[1]


def chance_of_reference(counts: SideCounts) -> float:
    """Return the probability of at least as many reference clips, for a model that has copied neither side; exact."""
    return _tail(counts.found_in_reference, counts.found, counts.num_reference, counts.num_held_out)


def chance_of_held_out(counts: SideCounts) -> float:
    """Return the probability of at least as many held-out clips, for a model that has copied neither side; exact."""
    found = counts.found - counts.found_in_reference
    return _tail(found, counts.found, counts.num_held_out, counts.num_reference)


def _tail(at_least: int, drawn: int, marked: int, others: int) -> float:
    """Return the probability of ``at_least`` or more marked ones among ``drawn`` of ``marked + others``, without replacement."""
    from scipy.special import gammaln

    def log_ways(of: npt.NDArray[Any], chosen: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return np.asarray(gammaln(of + 1.0) - gammaln(chosen + 1.0) - gammaln(of - chosen + 1.0))

    least, most = max(0, drawn - others), min(drawn, marked)
    if at_least <= least:
        return 1.0
    if at_least > most:
        return 0.0
    counts = np.arange(at_least, most + 1)
    one = np.ones(1)
    ways = log_ways(marked * one, counts) + log_ways(others * one, drawn - counts)
    return float(min(1.0, np.exp(ways - log_ways((marked + others) * one, drawn * one)).sum()))
