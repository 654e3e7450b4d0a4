"""Fréchet distance over a stream of features, in constant memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.conventions import Root
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.catalog.facts import statistic_facts
from vidmetrics.errors import InputError
from vidmetrics.estimators.base import Estimate, RowBlocks, num_groups
from vidmetrics.statistics.frechet import Gaussian, distance, gaussian, quick_distance
from vidmetrics.statistics.frechet_float32 import distance_float32_svd
from vidmetrics.statistics.intervals import cut, jackknife_interval
from vidmetrics.statistics.moments import Moments, check_rows


class FrechetEstimator:
    """Fréchet distance of a stream of features to reference moments.

    Args:
        dim: number of features per sample.
        num_samples: exact number of samples to expect.
        groups: jackknife groups, contiguous index ranges ``g*N//G``; fewer if there are few samples.
        rows_per_sample: rows per sample: 1, or its number of frames.
        ddof: the covariances of both sides divide by ``N - ddof``.
        root: method of the matrix square root, see `vidmetrics.catalog.conventions.Convention`.
    """

    def __init__(
        self,
        dim: int,
        num_samples: int,
        groups: int = 20,
        rows_per_sample: int = 1,
        ddof: int = 1,
        root: Root = "frechet-exact",
    ) -> None:
        count = num_groups(groups, num_samples)
        self._ddof, self._root = ddof, root
        self._blocks = RowBlocks(dim, num_samples, count, rows_per_sample)
        self._groups = [Moments(dim) for _ in range(count)]

    @classmethod
    def for_metric(cls, definition: MetricDefinition, dim: int, num_samples: int, rows_per_sample: int) -> Self:
        """Create the estimator of a metric, see `vidmetrics.estimators.registry.make_estimator`."""
        return cls(dim, num_samples, rows_per_sample=rows_per_sample, ddof=definition.ddof, root=definition.root)

    def update(self, features: npt.NDArray[Any]) -> None:
        """Add the next samples in index order, real ``[N, dim]``.

        Raises:
            InputError: wrong shape, NaN or infinity, or more samples than expected.
        """
        for group, first, rows in self._blocks.push(features):
            blocks = self._blocks
            self._groups[group].update(check_rows(rows, blocks.width, "features", first, blocks.rows_per_sample))

    def result(self, reference: Moments | None) -> Estimate:
        """Return the estimate against fixed reference moments.

        Raises:
            InputError: fewer samples than expected, or no reference.
        """
        self._blocks.check_complete()
        if reference is None:
            raise InputError("A Fréchet distance needs real clips to compare with; give a reference.")
        target = gaussian(reference.mean, self._covariance(reference), "reference")

        def value_of(moments: Moments, method: Callable[[Gaussian, Gaussian], float]) -> float:
            covariance = self._covariance(moments)
            if self._root == "float32-svd":
                return distance_float32_svd(moments.mean, covariance, reference.mean, self._covariance(reference))
            return method(gaussian(moments.mean, covariance, "generated"), target)

        everything = _merged(self._groups)
        value = value_of(everything, distance)
        interval = None
        if len(self._groups) > 1:
            folds = [value_of(moments, quick_distance) for moments in _leave_one_out(self._groups)]
            interval = jackknife_interval(value, folds)
        num_reference = reference.count // self._blocks.rows_per_sample
        interval = cut(interval, *statistic_facts("frechet").attainable_range(self._root))
        return Estimate(value, interval, self._blocks.num_samples, num_reference)

    def _covariance(self, moments: Moments) -> npt.NDArray[np.float64]:
        """Return the covariance with this estimator's ``ddof``; moments store the unbiased one."""
        if self._ddof == 1:
            return moments.covariance
        return moments.covariance * ((moments.count - 1) / (moments.count - self._ddof))


def _merged(parts: Sequence[Moments]) -> Moments:
    total = parts[0].copy()
    for part in parts[1:]:
        total.merge(part)
    return total


def _leave_one_out(parts: Sequence[Moments], others: Moments | None = None) -> Iterator[Moments]:
    """Yield the merge of all other parts for each part, by recursive halving, because subtraction loses digits.

    Only about log2(parts) merges are alive at any time instead of one per part: with thousands of features they dominate
    the memory.
    """
    others = Moments(parts[0].dim) if others is None else others
    if len(parts) == 1:
        yield others
        return
    first, second = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    for mine, rest in ((first, second), (second, first)):
        yield from _leave_one_out(mine, _merged([others, *rest]))
