"""Whether samples are copies of reference clips, by distances in the features of the metric's network."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from vidbench.rendering.numbers import score_text
from vidbench.results.schema import ValidityRecord
from vidbench.validity.checks import done, not_done
from vidmetrics.statistics.data_copying import Rows, copying_test, mann_whitney_z, nearest_neighbours

LEVEL = 0.001
"""Probability at which the check flags: of a model that has copied neither side, one result in 1,000, exactly."""
LEAST = 32
"""Samples and held-out clips needed for the level to be attainable by anything but an accident."""

Blocks = Callable[[], Iterable[Rows]]


def train_distance(
    samples_ND: Rows, reference: Blocks, held_out: Blocks, held_out_MD: Rows, where: str
) -> ValidityRecord:
    """Compare distances to the reference clips with distances to held-out ones.

    Args:
        samples_ND: features of the samples.
        reference: makes blocks of features of the reference clips.
        held_out: makes blocks of features of all held-out clips.
        held_out_MD: features of some held-out clips, for the statistic of Meehan et al.
        where: the features, in words.
    """
    if min(len(samples_ND), len(held_out_MD)) < LEAST:
        return not_done("train-distance", f"It needs at least {LEAST} samples and as many held-out clips.")
    neighbours = nearest_neighbours(samples_ND, reference(), held_out())
    test = copying_test(neighbours)
    z = mann_whitney_z(_to_reference(samples_ND, reference()), _to_reference(held_out_MD, reference()))
    flagged = test.probability <= LEVEL
    return done(
        "train-distance",
        value=test.close,
        against=test.expected,
        threshold=None,
        flagged=flagged,
        sentence=f"{test.close:.1%} of {len(samples_ND):,} samples are less than half as far from a reference clip as from every "
        f"held-out clip in {where}, and {test.expected:.1%} if the sides are dealt at random (p "
        f"{'<=' if test.probability <= 1 / 1000 else '='} {test.probability:.3f}, flagged at {LEVEL:g}); distances to the "
        f"reference against those of held-out clips: Mann-Whitney z {score_text(z)}.",
    )


def _to_reference(rows: Rows, reference: Iterable[Rows]) -> np.ndarray:
    points = np.asarray(rows, np.float64)
    centre = points.mean(axis=0)
    points = points - centre
    least = np.full(len(points), np.inf)
    for block in reference:
        others = np.asarray(block, np.float64) - centre
        least = np.minimum(least, (np.square(others).sum(axis=1) - 2 * points @ others.T).min(axis=1))
    return np.maximum(least + np.square(points).sum(axis=1), 0)
