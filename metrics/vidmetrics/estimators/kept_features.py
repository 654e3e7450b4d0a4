"""Estimators that must see all features at once: kernel distances, manifolds, extrapolation.

They keep the features of the generated side, and most also those of the real side, in float32 as networks give them:
4 bytes times features times rows, 16 MB for 10,000 clips of 400 logits and 1.3 GB for 10,000 clips of 16 frames with
2,048 features each. Nothing else grows with the number of samples but per-row numbers; distances and kernels are made
in blocks.

The interval is one over generated samples at this N against this very reference, as for all estimators; which method
gives it is said at each class, and how often it covers is measured by tools/interval_coverage.py (docs/metrics.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.catalog.facts import statistic_facts
from vidmetrics.errors import InputError
from vidmetrics.estimators.base import Estimate, counting_message, num_groups
from vidmetrics.statistics.extrapolation import frechet_at_infinity, subset_sizes
from vidmetrics.statistics.frechet import gaussian
from vidmetrics.statistics.intervals import (
    cut,
    halves_interval,
    holders_interval,
    jackknife_interval,
    mean_interval,
    share_interval,
)
from vidmetrics.statistics.kernel import SUBSET_SIZE, grouped_kid, grouped_mmd
from vidmetrics.statistics.manifold import (
    ball_counts,
    check_neighbours,
    coverage_holders,
    radii,
    recall_halves,
    recall_hits,
)
from vidmetrics.statistics.moments import Moments, check_rows

Labels = npt.NDArray[np.int64]


class KeptFeatures:
    """The features of a stream of samples, kept as float32.

    Args:
        dim: number of features per row.
        num_samples: exact number of samples that will come.
        rows_per_sample: rows of each sample.
        groups: jackknife groups, contiguous ranges ``g*N//G`` of samples; fewer where there are few samples.
    """

    def __init__(self, dim: int, num_samples: int, rows_per_sample: int = 1, groups: int = 20) -> None:
        if dim < 1 or num_samples < 1 or rows_per_sample < 1:
            raise InputError(f"An estimate of {num_samples} samples of size {dim} is empty; both must be at least 1.")
        self._dim, self._num_samples, self._rows_per_sample = dim, num_samples, rows_per_sample
        self._num_groups = num_groups(groups, num_samples)
        self._rows = np.empty((num_samples * rows_per_sample, dim), np.float32)
        self._seen = 0

    @classmethod
    def for_metric(cls, definition: MetricDefinition, dim: int, num_samples: int, rows_per_sample: int) -> Self:
        """Create the estimator of a metric, see `vidmetrics.estimators.registry.make_estimator`."""
        return cls(dim, num_samples, rows_per_sample)

    def update(self, features: npt.NDArray[Any]) -> None:
        """Add the next rows in index order, real ``[n, dim]``.

        Raises:
            InputError: wrong shape, NaN or infinity, or more samples than announced.
        """
        rows = check_rows(_as_kept(features), self._dim, "features", self._seen, self._rows_per_sample)
        if self._seen + len(rows) > len(self._rows):
            raise InputError(counting_message(self._seen + len(rows), self._num_samples, self._rows_per_sample))
        self._rows[self._seen : self._seen + len(rows)] = rows
        self._seen += len(rows)

    def _features(self) -> npt.NDArray[np.float32]:
        if self._seen != len(self._rows):
            raise InputError(counting_message(self._seen, self._num_samples, self._rows_per_sample))
        return self._rows

    def _group_of_sample(self) -> Labels:
        bounds = [g * self._num_samples // self._num_groups for g in range(1, self._num_groups)]
        labels = np.searchsorted(np.array(bounds, np.int64), np.arange(self._num_samples), side="right")
        return labels.astype(np.int64)

    def _group_of_row(self) -> Labels:
        return np.repeat(self._group_of_sample(), self._rows_per_sample)

    def _jackknife(self, value: float, folds: npt.NDArray[np.float64]) -> tuple[float, float] | None:
        return jackknife_interval(value, folds) if self._num_groups > 1 else None

    def _estimate(self, value: float, interval: tuple[float, float] | None, reference_rows: int) -> Estimate:
        return Estimate(value, interval, self._num_samples, reference_rows // self._rows_per_sample)

    def _reference(self, reference: Iterable[npt.NDArray[Any]] | None, fewest: int) -> npt.NDArray[np.float32]:
        if reference is None or isinstance(reference, Moments):
            raise InputError("This metric compares with the features of real clips; give them as a reference.")
        batches: list[npt.NDArray[np.float32]] = []
        seen = 0
        for batch in reference:
            rows = check_rows(_as_kept(batch), self._dim, "reference features", seen, self._rows_per_sample)
            batches.append(rows.astype(np.float32))
            seen += len(rows)
        if seen < fewest:
            raise InputError(f"The reference has {seen} rows of features, and at least {fewest} are needed; add clips.")
        return np.concatenate(batches)


def _as_kept(features: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return floats as float32; what that cannot hold becomes infinite, so that the check of rows refuses it."""
    rows = np.asarray(features)
    if rows.dtype.kind != "f":
        return rows
    with np.errstate(over="ignore"):
        return rows.astype(np.float32, copy=False)


class KernelEstimator(KeptFeatures):
    """Unbiased squared MMD over all rows; may be negative. Interval: delete-a-group jackknife."""

    def result(self, reference: Iterable[npt.NDArray[Any]] | None) -> Estimate:
        """Return the estimate.

        Raises:
            InputError: fewer samples came than announced, too few rows on one side, or no reference features.
        """
        rows, real = self._features(), self._reference(reference, 2)
        if len(rows) < 2:
            raise InputError(f"An unbiased MMD needs at least 2 samples, but {len(rows)} given; add more clips.")
        value, folds = grouped_mmd(rows, real, self._group_of_row(), self._num_groups)
        return self._estimate(value, self._jackknife(value, folds), len(real))


class KernelSubsetsEstimator(KeptFeatures):
    """KID: mean of the unbiased squared MMD over 100 seeded subsets of 1,000 rows; may be negative.

    Interval: delete-a-group jackknife over the whole procedure; a fold takes the rows of a group out of every subset.
    The spread over subsets, which other tools print, is no error of the mean: subsets share their rows.

    Args:
        dim: number of features per row.
        num_samples: exact number of samples that will come.
        rows_per_sample: rows of each sample.
        subset_size: rows of either side in a subset; 1,000 in the definition of KID.
    """

    def __init__(self, dim: int, num_samples: int, rows_per_sample: int = 1, subset_size: int = SUBSET_SIZE) -> None:
        super().__init__(dim, num_samples, rows_per_sample)
        self._subset_size = subset_size
        if num_samples * rows_per_sample < subset_size:
            raise InputError(
                f"KID draws subsets of {subset_size} rows without replacement, but there are "
                f"{num_samples * rows_per_sample}; give more clips."
            )

    def result(self, reference: Iterable[npt.NDArray[Any]] | None) -> Estimate:
        """Return the estimate; raises as `KernelEstimator.result`, and for a reference smaller than a subset."""
        rows, real = self._features(), self._reference(reference, self._subset_size)
        values, folds = grouped_kid(rows, real, self._group_of_row(), self._num_groups, subset_size=self._subset_size)
        value = float(values.mean())
        return self._estimate(value, self._jackknife(value, folds), len(real))


class _ManifoldEstimator(KeptFeatures):
    nearest: int

    def _sides(
        self, reference: Iterable[npt.NDArray[Any]] | None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        generated = self._features().astype(np.float64)
        real = self._reference(reference, self.nearest + 1).astype(np.float64)
        check_neighbours(len(generated), self.nearest, "generated features")
        return real, generated

    def _clip_means(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        means: npt.NDArray[np.float64] = scores.reshape(self._num_samples, -1).mean(axis=1)
        return means


class PrecisionEstimator(_ManifoldEstimator):
    """Share of generated rows inside the real manifold.

    Interval: Wilson's. Against a fixed reference the samples are inside or outside independently of each other.
    """

    nearest = 3

    def result(self, reference: Iterable[npt.NDArray[Any]] | None) -> Estimate:
        """Return the estimate; raises as `KernelEstimator.result`."""
        real, generated = self._sides(reference)
        inside = ball_counts(generated, real, radii(real, self.nearest), closed=True) > 0
        value = float(inside.mean())
        interval = cut(share_interval(value, self._num_samples), *statistic_facts("precision").attainable_range())
        return self._estimate(value, interval, len(real))


class DensityEstimator(_ManifoldEstimator):
    """Mean number of real balls around a generated row, over k. Interval: Student's, over clips."""

    nearest = 5

    def result(self, reference: Iterable[npt.NDArray[Any]] | None) -> Estimate:
        """Return the estimate; raises as `KernelEstimator.result`."""
        real, generated = self._sides(reference)
        counts = ball_counts(generated, real, radii(real, self.nearest), closed=False) / self.nearest
        lowest, highest = statistic_facts("density").attainable_range()
        interval = cut(mean_interval(self._clip_means(counts)), lowest, min(highest, len(real) / self.nearest))
        return self._estimate(float(counts.mean()), interval, len(real))


class RecallEstimator(_ManifoldEstimator):
    """Share of real rows inside the generated manifold.

    Interval: `vidmetrics.statistics.intervals.halves_interval`, over 20 seeded ways of cutting the samples in two; none where a half
    would have no ball.
    """

    nearest = 3

    def result(self, reference: Iterable[npt.NDArray[Any]] | None) -> Estimate:
        """Return the estimate; raises as `KernelEstimator.result`."""
        real, generated = self._sides(reference)
        value = float(recall_hits(real, generated, self.nearest).mean())
        interval = None
        if self._num_samples // 2 * self._rows_per_sample > self.nearest:
            halves = recall_halves(real, generated, self._halves(), self.nearest)
            interval = cut(halves_interval(value, *halves), *statistic_facts("recall").attainable_range())
        return self._estimate(value, interval, len(real))

    def _halves(self, count: int = 20, seed: int = 0) -> npt.NDArray[np.bool_]:
        """Return which rows belong to a random half of the samples, bool ``[count, rows]``."""
        random = np.random.default_rng(seed)
        size = self._num_samples // 2
        first = np.stack([random.permutation(self._num_samples) < size for _ in range(count)])
        return np.repeat(first, self._rows_per_sample, axis=1)


class CoverageEstimator(_ManifoldEstimator):
    """Share of real balls that hold a generated row. Interval: `vidmetrics.statistics.intervals.holders_interval`."""

    nearest = 5

    def result(self, reference: Iterable[npt.NDArray[Any]] | None) -> Estimate:
        """Return the estimate; raises as `KernelEstimator.result`."""
        real, generated = self._sides(reference)
        counts, ones, twos = coverage_holders(real, generated, self._rows_per_sample, self.nearest)
        value = float((counts > 0).mean())
        interval = None
        if self._num_groups > 1:
            interval = holders_interval(value, ones, twos, len(real), self._num_samples)
            interval = cut(interval, *statistic_facts("coverage").attainable_range())
        return self._estimate(value, interval, len(real))


class FrechetInfinityEstimator(KeptFeatures):
    """Fréchet distance extrapolated to infinitely many generated samples; may be negative.

    Interval: delete-a-group jackknife over the whole procedure, with 10 groups because each fold makes 15 distances.
    """

    def __init__(self, dim: int, num_samples: int, rows_per_sample: int = 1) -> None:
        super().__init__(dim, num_samples, rows_per_sample, groups=10)
        subset_sizes(num_samples, dim, rows_per_sample)  # says at once where there are too few

    def result(self, reference: Moments | None) -> Estimate:
        """Return the estimate; the reference is held fixed.

        Raises:
            InputError: fewer samples came than announced, or there are no reference moments.
        """
        rows = self._features()
        if not isinstance(reference, Moments):
            raise InputError("A Fréchet distance needs real clips to compare with; give a reference.")
        target = gaussian(reference.mean, reference.covariance, "reference")
        value, folds = frechet_at_infinity(
            rows, target, self._group_of_sample(), self._num_groups, rows_per_sample=self._rows_per_sample
        )
        return self._estimate(value, self._jackknife(value, folds), reference.count)
