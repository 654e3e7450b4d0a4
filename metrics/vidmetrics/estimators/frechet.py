"""Fréchet distance over a stream of features, in constant memory."""

from __future__ import annotations

from typing import Any

from vidmetrics.catalog.conventions import Root
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.catalog.facts import statistic_facts
from vidmetrics.estimators.base import Estimate, estimate_with
from vidmetrics.estimators.jackknife_groups import ClipKeys, Groups
from vidmetrics.estimators.reference_gaussian import covariance_of, given_moments, reference_gaussian
from vidmetrics.estimators.row_blocks import RowBlocks, refuse_empty
from vidmetrics.statistics.frechet import Gaussian, distance, gaussian
from vidmetrics.statistics.frechet_float32 import distance_float32_svd
from vidmetrics.statistics.frechet_many import quick_distances
from vidmetrics.statistics.intervals import cut, jackknife_interval
from vidmetrics.statistics.moments import Moments, leave_one_out, merged_moments, merged_without_one


class FrechetEstimator:
    """Fréchet distance of a stream of features to reference moments.

    Args:
        dim: number of features per sample.
        num_samples: exact number of samples to expect.
        groups: number of jackknife groups; fewer if there are few samples.
        rows_per_sample: rows per sample: 1, or its number of frames.
        ddof: the covariances of both sides divide by ``N - ddof``.
        root: method of the matrix square root, see `vidmetrics.catalog.conventions.Convention`.
        keys: keys of the clips, from which the groups are drawn; None to draw them by place.
    """

    def __init__(
        self,
        dim: int,
        num_samples: int,
        groups: int = 20,
        rows_per_sample: int = 1,
        ddof: int = 1,
        root: Root = "frechet-exact",
        keys: ClipKeys | None = None,
    ) -> None:
        refuse_empty(dim, num_samples, rows_per_sample)
        self._ddof, self._root = ddof, root
        self._drawn = Groups.drawn(keys, num_samples, groups)
        self._blocks = RowBlocks(dim, self._drawn.labels, rows_per_sample)
        self._groups = [Moments(dim) for _ in range(self._drawn.count)]

    @staticmethod
    def settings_of(definition: MetricDefinition) -> dict[str, Any]:
        """Return the arguments beyond those of every estimator, by name."""
        return {"ddof": definition.ddof, "root": definition.root}

    def update(self, features: Any) -> None:
        """Add the next samples in index order, real ``[N, dim]``; a torch tensor on a GPU is summed there.

        Raises:
            InputError: wrong shape, NaN or infinity, or more samples than expected.
        """
        for group, rows in self._blocks.push(self._blocks.check(features)):
            self._groups[group].update(rows)

    def result(self, reference: Moments | None) -> Estimate:
        """Return the estimate against fixed reference moments.

        Raises:
            InputError: fewer samples than expected, or no reference.
        """
        real = self._given(reference)
        everything, value = self._whole(real)
        folds = self._folds(everything, real) if self._drawn.count > 1 else None
        interval = None if folds is None else jackknife_interval(value, folds)
        interval = cut(interval, *statistic_facts("frechet").attainable_range(self._root))
        num_reference = real.count // self._blocks.rows_per_sample
        return estimate_with(self._drawn, value, interval, self._blocks.num_samples, num_reference, folds)

    def value(self, reference: Moments | None) -> float:
        """Return the value of `result` alone, for a twentieth of its time."""
        return self._whole(self._given(reference))[1]

    def _given(self, reference: Moments | None) -> Moments:
        self._blocks.check_complete()
        return given_moments(reference)

    def _whole(self, reference: Moments) -> tuple[Moments, float]:
        """Return the moments of all samples, and their distance."""
        target = reference_gaussian(reference, self._ddof)
        everything = merged_moments(self._groups)
        covariance = covariance_of(everything, self._ddof)
        if self._root == "float32-svd":
            return everything, distance_float32_svd(everything.mean, covariance, target.mean, target.covariance)
        return everything, distance(gaussian(everything.mean, covariance, "generated"), target)

    def _folds(self, everything: Moments, reference: Moments) -> list[float]:
        """Return the distance without each group."""
        target = reference_gaussian(reference, self._ddof)
        if self._root == "float32-svd":  # the last bits of a covariance move such a distance
            folds = ((fold.mean, covariance_of(fold, self._ddof)) for fold in merged_without_one(self._groups))
            return [distance_float32_svd(*fold, target.mean, target.covariance) for fold in folds]
        rest = leave_one_out(self._groups, everything)
        gaussians = (Gaussian(fold.mean, covariance_of(fold, self._ddof), "generated") for fold in rest)
        return quick_distances(gaussians, target)
