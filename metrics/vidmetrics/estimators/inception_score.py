"""Inception Score over a stream of logits, in constant memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.catalog.facts import statistic_facts
from vidmetrics.errors import InputError
from vidmetrics.estimators.base import Estimate, RowBlocks, num_groups
from vidmetrics.statistics.inception_score import ScoreSums, score_from_sums, score_sums
from vidmetrics.statistics.intervals import cut, jackknife_interval
from vidmetrics.statistics.moments import Moments


class InceptionScoreEstimator:
    """Inception Score of a stream of logits: the mean over contiguous splits, like `vidmetrics.inception_score`.

    With 3 or more splits, the splits are the jackknife groups: each fold is the mean over the other splits at full size.
    With fewer, each fold recomputes the score without one group.

    Args:
        num_classes: number of logits per sample.
        num_samples: exact number of samples to expect.
        splits: number of contiguous parts.
        groups: jackknife groups with fewer than 3 splits; fewer if there are few samples.
        rows_per_sample: rows per sample: 1, or its number of frames; a split contains whole samples.

    Raises:
        InputError: fewer samples than splits.
    """

    def __init__(
        self, num_classes: int, num_samples: int, splits: int, groups: int = 20, rows_per_sample: int = 1
    ) -> None:
        if not 1 <= splits <= num_samples:
            raise InputError(f"{num_samples} samples cannot be divided into {splits} splits; give more samples.")
        self._splits = splits
        # Two splits get an even number of groups, so no group crosses the border between them.
        self._cells = splits if splits >= 3 else splits * num_groups(groups // splits, num_samples // splits)
        self._blocks = RowBlocks(num_classes, num_samples, self._cells, rows_per_sample)
        self._sums = [ScoreSums(0, 0.0, np.zeros(num_classes)) for _ in range(self._cells)]

    @classmethod
    def for_metric(cls, definition: MetricDefinition, dim: int, num_samples: int, rows_per_sample: int) -> Self:
        """Create the estimator of a metric, see `vidmetrics.estimators.registry.make_estimator`."""
        return cls(dim, num_samples, definition.splits or 1, rows_per_sample=rows_per_sample)

    def update(self, logits: npt.NDArray[Any]) -> None:
        """Add the next samples in index order, real ``[N, num_classes]``.

        Raises:
            InputError: wrong shape, NaN or ``+inf``, or more samples than expected.
        """
        for cell, first, rows in self._blocks.push(logits):
            self._sums[cell] = self._sums[cell] + score_sums(rows, first, self._blocks.rows_per_sample)

    def result(self, reference: Moments | None = None) -> Estimate:
        """Return the estimate; a reference is not used and must be None.

        Raises:
            InputError: fewer samples than expected, or a reference was given.
        """
        self._blocks.check_complete()
        if reference is not None:
            raise InputError("An Inception Score uses only generated clips; give no reference.")
        cells = range(self._cells)
        value = self._score_of(cells)
        interval = None
        if self._cells >= 3:
            interval = jackknife_interval(value, [self._score_of([c for c in cells if c != gone]) for gone in cells])
        interval = cut(interval, *statistic_facts("inception-score").attainable_range(num_classes=self._blocks.width))
        return Estimate(value, interval, self._blocks.num_samples, None)

    def value(self, reference: Moments | None = None) -> float:
        """Return the value of `result`."""
        return self.result(reference).value

    def _score_of(self, cells: Sequence[int]) -> float:
        per_split = self._cells // self._splits
        splits: dict[int, list[ScoreSums]] = {}
        for cell in cells:
            splits.setdefault(cell // per_split, []).append(self._sums[cell])
        return float(np.mean([score_from_sums(reduce(add, parts)) for parts in splits.values()]))
