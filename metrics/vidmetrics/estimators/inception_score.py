"""Inception Score over a stream of logits, in constant memory."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.catalog.facts import statistic_facts
from vidmetrics.errors import InputError
from vidmetrics.estimators.base import Estimate, estimate_with
from vidmetrics.estimators.jackknife_groups import ClipKeys, Groups, keys_or_places
from vidmetrics.estimators.row_blocks import RowBlocks, refuse_empty
from vidmetrics.statistics.inception_score import ScoreSums, check_logits, score_from_sums, score_sums
from vidmetrics.statistics.intervals import cut, jackknife_interval
from vidmetrics.statistics.moments import Moments


class InceptionScoreEstimator:
    """Inception Score of a stream of logits: the mean over contiguous splits, like `vidmetrics.inception_score`.

    The splits are those of the definition, ranges of the order of samples. The jackknife groups are drawn from the keys of the clips and
    cross the splits, with nearly as many clips of each: each fold recomputes the mean without one group.

    Args:
        num_classes: number of logits per sample.
        num_samples: exact number of samples to expect.
        splits: number of contiguous parts.
        groups: number of jackknife groups; fewer if there are few samples.
        rows_per_sample: rows per sample: 1, or its number of frames; a split contains whole samples.
        keys: keys of the clips, from which the groups are drawn; None to draw them by place.

    Raises:
        InputError: fewer samples than splits.
    """

    def __init__(
        self,
        num_classes: int,
        num_samples: int,
        splits: int,
        groups: int = 20,
        rows_per_sample: int = 1,
        keys: ClipKeys | None = None,
    ) -> None:
        if not 1 <= splits <= num_samples:
            raise InputError(f"{num_samples} samples cannot be divided into {splits} splits; give more samples.")
        refuse_empty(num_classes, num_samples, rows_per_sample)
        ends = [(split + 1) * num_samples // splits for split in range(splits - 1)]
        split_of_sample = np.searchsorted(ends, np.arange(num_samples), side="right")
        given = keys_or_places(keys, num_samples)
        self._splits = splits
        self._drawn = Groups.drawn(given.within(split_of_sample) if splits > 1 else given, num_samples, groups)
        cells = split_of_sample * self._drawn.count + self._drawn.labels
        self._blocks = RowBlocks(num_classes, cells, rows_per_sample)
        self._sums = [ScoreSums(0, 0.0, np.zeros(num_classes)) for _ in range(splits * self._drawn.count)]

    @staticmethod
    def settings_of(definition: MetricDefinition) -> dict[str, Any]:
        """Return the arguments beyond those of every estimator, by name."""
        return {"splits": definition.splits or 1}

    def update(self, logits: npt.NDArray[Any]) -> None:
        """Add the next samples in index order, real ``[N, num_classes]``.

        Raises:
            InputError: wrong shape, NaN or ``+inf``, or more samples than expected.
        """
        blocks = self._blocks
        for cell, rows in blocks.push(check_logits(logits, blocks.seen, blocks.rows_per_sample)):
            self._sums[cell] = self._sums[cell] + score_sums(rows)

    def result(self, reference: Moments | None = None) -> Estimate:
        """Return the estimate; a reference is not used and must be None.

        Raises:
            InputError: fewer samples than expected, or a reference was given.
        """
        self._blocks.check_complete()
        if reference is not None:
            raise InputError("An Inception Score uses only generated clips; give no reference.")
        groups = range(self._drawn.count)
        value = self._score_of(groups)
        folds = interval = None
        if self._drawn.count > 1:
            folds = [self._score_of([group for group in groups if group != gone]) for gone in groups]
            interval = jackknife_interval(value, folds)
        interval = cut(interval, *statistic_facts("inception-score").attainable_range(num_classes=self._blocks.width))
        return estimate_with(self._drawn, value, interval, self._blocks.num_samples, None, folds)

    def value(self, reference: Moments | None = None) -> float:
        """Return the value of `result`."""
        return self.result(reference).value

    def _score_of(self, groups: Sequence[int]) -> float:
        """Return the mean over the splits, of the samples of some groups; a split without any is left out."""
        count = self._drawn.count
        splits = (reduce(add, (self._sums[split * count + group] for group in groups)) for split in range(self._splits))
        return float(np.mean([score_from_sums(sums) for sums in splits if sums.count]))
