"""Moments of each jackknife group of a stream of features: what distances between moments are computed from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vidmetrics.estimators.base import Estimate, estimate_with
from vidmetrics.estimators.jackknife_groups import ClipKeys, Groups
from vidmetrics.estimators.reference_gaussian import given_moments
from vidmetrics.estimators.row_blocks import RowBlocks, refuse_empty
from vidmetrics.statistics.intervals import cut, jackknife_interval
from vidmetrics.statistics.moments import Moments


class MomentGroups:
    """Sums a stream of features into the moments of its jackknife groups.

    Args:
        dim: number of features per sample.
        num_samples: exact number of samples to expect.
        groups: number of jackknife groups; fewer if there are few samples.
        rows_per_sample: rows per sample: 1, or its number of frames.
        keys: keys of the clips, from which the groups are drawn; None to draw them by place.
    """

    def __init__(
        self, dim: int, num_samples: int, groups: int = 20, rows_per_sample: int = 1, keys: ClipKeys | None = None
    ) -> None:
        refuse_empty(dim, num_samples, rows_per_sample)
        self._drawn = Groups.drawn(keys, num_samples, groups)
        self._blocks = RowBlocks(dim, self._drawn.labels, rows_per_sample)
        self.groups = [Moments(dim) for _ in range(self._drawn.count)]

    def update(self, features: Any) -> None:
        """Add the next samples in index order, real ``[N, dim]``; a torch tensor on a GPU is summed there.

        Raises:
            InputError: wrong shape, NaN or infinity, or more samples than expected.
        """
        for group, rows in self._blocks.push(self._blocks.check(features)):
            self.groups[group].update(rows)

    def given(self, reference: Moments | None) -> Moments:
        """Return the reference of a complete stream.

        Raises:
            InputError: fewer samples than expected, or no reference.
        """
        self._blocks.check_complete()
        return given_moments(reference)

    def estimate(
        self, value: float, folds: Sequence[float] | None, reference: Moments, attainable: tuple[float, float]
    ) -> Estimate:
        """Return the estimate with the interval of its values without each group.

        Args:
            value: the distance of all samples.
            folds: the distance without each group; None if there is one group.
            reference: the reference moments.
            attainable: range to which the interval is clipped.
        """
        interval = cut(None if folds is None else jackknife_interval(value, folds), *attainable)
        num_reference = reference.count // self._blocks.rows_per_sample
        return estimate_with(self._drawn, value, interval, self._blocks.num_samples, num_reference, folds)
