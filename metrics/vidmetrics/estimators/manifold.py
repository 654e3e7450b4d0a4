"""Precision, recall, density and coverage over a stream of features."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.facts import statistic_facts
from vidmetrics.estimators.base import Estimate, KeptFeatures
from vidmetrics.statistics.intervals import cut, halves_interval, holders_interval, mean_interval, share_interval
from vidmetrics.statistics.manifold import (
    DENSITY_NEAREST,
    PRECISION_NEAREST,
    ball_counts,
    check_neighbours,
    coverage_holders,
    radii,
    recall_halves,
    recall_hits,
)


class _ManifoldEstimator(KeptFeatures):
    nearest: int

    def _sides(
        self, reference: Iterable[npt.NDArray[Any]] | None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        generated, real = self._features(), self._reference(reference, self.nearest + 1)
        check_neighbours(len(generated), self.nearest, "generated features")
        return real, generated

    def _clip_means(self, scores: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        means: npt.NDArray[np.float64] = scores.reshape(self._num_samples, -1).mean(axis=1)
        return means


class PrecisionEstimator(_ManifoldEstimator):
    """Share of generated rows inside the real manifold.

    Interval: Wilson's. Against a fixed reference set, samples are independently inside or outside.
    """

    nearest = PRECISION_NEAREST

    def result(self, reference: Iterable[npt.NDArray[Any]] | None) -> Estimate:
        """Return the estimate; raises like `KernelEstimator.result`."""
        real, generated = self._sides(reference)
        inside = ball_counts(generated, real, radii(real, self.nearest), closed=True) > 0
        value = float(inside.mean())
        interval = cut(share_interval(value, self._num_samples), *statistic_facts("precision").attainable_range())
        return self._estimate(value, interval, len(real), self._groups.means_without(self._clip_means(inside)))


class DensityEstimator(_ManifoldEstimator):
    """Mean number of real balls around a generated row, divided by k. Interval: Student's over clips."""

    nearest = DENSITY_NEAREST

    def result(self, reference: Iterable[npt.NDArray[Any]] | None) -> Estimate:
        """Return the estimate; raises like `KernelEstimator.result`."""
        real, generated = self._sides(reference)
        counts = ball_counts(generated, real, radii(real, self.nearest), closed=False) / self.nearest
        lowest, highest = statistic_facts("density").attainable_range()
        means = self._clip_means(counts)
        interval = cut(mean_interval(means), lowest, min(highest, len(real) / self.nearest))
        return self._estimate(float(counts.mean()), interval, len(real), self._groups.means_without(means))


class RecallEstimator(_ManifoldEstimator):
    """Share of real rows inside the generated manifold.

    Interval: `vidmetrics.statistics.intervals.halves_interval` over 20 halvings of the samples, drawn from their keys; none if
    a half is too small for a ball.
    """

    nearest = PRECISION_NEAREST

    def result(self, reference: Iterable[npt.NDArray[Any]] | None) -> Estimate:
        """Return the estimate; raises like `KernelEstimator.result`."""
        real, generated = self._sides(reference)
        value = float(recall_hits(real, generated, self.nearest).mean())
        interval = None
        if self._num_samples // 2 * self._rows_per_sample > self.nearest:
            halves = recall_halves(real, generated, self._halves(), self.nearest)
            interval = cut(halves_interval(value, *halves), *statistic_facts("recall").attainable_range())
        return self._estimate(value, interval, len(real))

    def _halves(self, count: int = 20, seed: int = 0) -> npt.NDArray[np.bool_]:
        """Return which rows belong to a half of the samples, bool ``[count, rows]``; another order of the samples has the same halves."""
        random = np.random.default_rng(seed)
        size = self._num_samples // 2
        first = np.empty((count, self._num_samples), np.bool_)
        first[:, self._groups.order] = [random.permutation(self._num_samples) < size for _ in range(count)]
        return np.repeat(first, self._rows_per_sample, axis=1)


class CoverageEstimator(_ManifoldEstimator):
    """Share of real balls that contain a generated row. Interval: `vidmetrics.statistics.intervals.holders_interval`."""

    nearest = DENSITY_NEAREST

    def result(self, reference: Iterable[npt.NDArray[Any]] | None) -> Estimate:
        """Return the estimate; raises like `KernelEstimator.result`."""
        real, generated = self._sides(reference)
        counts, ones, twos = coverage_holders(real, generated, self._rows_per_sample, self.nearest)
        value = float((counts > 0).mean())
        interval = None
        if self._groups.count > 1:
            interval = holders_interval(value, ones, twos, len(real), self._num_samples)
            interval = cut(interval, *statistic_facts("coverage").attainable_range())
        return self._estimate(value, interval, len(real))
