"""Fréchet distance over a stream of features, in constant memory."""

from __future__ import annotations

from typing import Any

from vidmetrics.catalog.conventions import Root
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.catalog.facts import statistic_facts
from vidmetrics.estimators.base import Estimate
from vidmetrics.estimators.jackknife_groups import ClipKeys
from vidmetrics.estimators.moment_groups import MomentGroups
from vidmetrics.estimators.reference_gaussian import covariance_of, reference_gaussian
from vidmetrics.statistics.frechet import Gaussian, distance, gaussian
from vidmetrics.statistics.frechet_float32 import distance_float32_svd
from vidmetrics.statistics.frechet_many import quick_distances
from vidmetrics.statistics.moments import Moments, leave_one_out, merged_moments, merged_without_one


class FrechetEstimator(MomentGroups):
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
        super().__init__(dim, num_samples, groups, rows_per_sample, keys)
        self._ddof, self._root = ddof, root

    @staticmethod
    def settings_of(definition: MetricDefinition) -> dict[str, Any]:
        """Return the arguments beyond those of every estimator, by name."""
        return {"ddof": definition.ddof, "root": definition.root}

    def result(self, reference: Moments | None) -> Estimate:
        """Return the estimate against fixed reference moments.

        Raises:
            InputError: fewer samples than expected, or no reference.
        """
        real = self.given(reference)
        everything, value = self._whole(real)
        folds = self._folds(everything, real) if len(self.groups) > 1 else None
        return self.estimate(value, folds, real, statistic_facts("frechet").attainable_range(self._root))

    def value(self, reference: Moments | None) -> float:
        """Return the value of `result` alone, for a twentieth of its time."""
        return self._whole(self.given(reference))[1]

    def _whole(self, reference: Moments) -> tuple[Moments, float]:
        """Return the moments of all samples, and their distance."""
        target = reference_gaussian(reference, self._ddof)
        everything = merged_moments(self.groups)
        covariance = covariance_of(everything, self._ddof)
        if self._root == "float32-svd":
            return everything, distance_float32_svd(everything.mean, covariance, target.mean, target.covariance)
        return everything, distance(gaussian(everything.mean, covariance, "generated"), target)

    def _folds(self, everything: Moments, reference: Moments) -> list[float]:
        """Return the distance without each group."""
        target = reference_gaussian(reference, self._ddof)
        if self._root == "float32-svd":  # the last bits of a covariance move such a distance
            folds = ((fold.mean, covariance_of(fold, self._ddof)) for fold in merged_without_one(self.groups))
            return [distance_float32_svd(*fold, target.mean, target.covariance) for fold in folds]
        rest = leave_one_out(self.groups, everything)
        gaussians = (Gaussian(fold.mean, covariance_of(fold, self._ddof), "generated") for fold in rest)
        return quick_distances(gaussians, target)
