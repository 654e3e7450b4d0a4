"""Fréchet distance of a stream of features, extrapolated to infinitely many samples."""

from __future__ import annotations

from vidmetrics.estimators.base import Estimate, KeptFeatures
from vidmetrics.estimators.jackknife_groups import ClipKeys
from vidmetrics.estimators.reference_gaussian import given_moments, reference_gaussian
from vidmetrics.statistics.extrapolation import frechet_at_infinity, subset_sizes
from vidmetrics.statistics.moments import Moments


class FrechetInfinityEstimator(KeptFeatures):
    """Fréchet distance extrapolated to infinitely many generated samples; may be negative.

    Interval: delete-a-group jackknife over the whole procedure, with 10 groups because each fold computes 15 distances.
    """

    def __init__(self, dim: int, num_samples: int, rows_per_sample: int = 1, keys: ClipKeys | None = None) -> None:
        super().__init__(dim, num_samples, rows_per_sample, groups=10, keys=keys)
        subset_sizes(num_samples, dim, rows_per_sample)  # refuses too few samples at once

    def result(self, reference: Moments | None) -> Estimate:
        """Return the estimate against fixed reference moments.

        Raises:
            InputError: fewer samples than expected, or no reference moments.
        """
        rows, real = self._features(), given_moments(reference)
        value, folds = frechet_at_infinity(
            rows,
            reference_gaussian(real),
            self._groups.labels,
            self._groups.count,
            rows_per_sample=self._rows_per_sample,
        )
        return self._jackknifed(value, folds, real.count)
