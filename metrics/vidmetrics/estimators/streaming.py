"""Metrics over a stream of features in index order, each with its interval; memory does not grow with the stream.

The interval of an estimate describes one thing: how the value would scatter if other samples were generated, at this
number of samples and against this very reference. The reference is held fixed, and the bias of the estimator at this
number of samples is part of what the interval covers. Where each frame has features of its own, the groups are groups
of clips all the same: the frames of one clip are not independent.

Rows are put into blocks at fixed indices before anything is summed, so that an estimate has the same bits whatever the
sizes of the batches in which the rows arrive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from operator import add
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.conventions import Root
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.catalog.facts import statistic_facts
from vidmetrics.errors import InputError
from vidmetrics.estimators.base import Estimate, counting_message, num_groups
from vidmetrics.statistics.frechet import distance, gaussian
from vidmetrics.statistics.frechet_float32 import distance_float32_svd
from vidmetrics.statistics.inception_score import ScoreSums, score, score_sums
from vidmetrics.statistics.intervals import cut, jackknife_interval
from vidmetrics.statistics.moments import Moments, check_rows

_BLOCK = 256
"""Rows summed at once: large enough for fast matrix products, and fixed because it decides the last bits."""


class _RowBlocks:
    """Cuts a stream of rows at fixed indices: at the ends of its groups, and every `_BLOCK` rows within a group.

    Groups are contiguous ranges of whole samples; a sample has one row, or one for each of its frames.
    """

    def __init__(self, width: int, num_samples: int, groups: int, rows_per_sample: int = 1) -> None:
        if num_samples < 1 or width < 1 or rows_per_sample < 1:
            raise InputError(f"An estimate of {num_samples} samples of size {width} is empty; both must be at least 1.")
        self.width, self.num_samples, self.rows_per_sample, self.seen = width, num_samples, rows_per_sample, 0
        ends = [(g + 1) * num_samples // groups * rows_per_sample for g in range(groups)]
        starts = [0, *ends[:-1]]
        self._cuts = [
            (group, min(begin + _BLOCK, end))
            for group, (start, end) in enumerate(zip(starts, ends, strict=True))
            for begin in range(start, end, _BLOCK)
        ][::-1]
        self._waiting: list[npt.NDArray[Any]] = []
        self._flushed = 0

    def push(self, rows: npt.NDArray[Any]) -> list[tuple[int, int, npt.NDArray[Any]]]:
        """Return the blocks completed by these rows: ``(group, index of the first row, rows)``."""
        rows = np.asarray(rows)
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise InputError(f"The features have shape {list(rows.shape)}, but [N, {self.width}] is needed.")
        if self.seen + len(rows) > self.num_samples * self.rows_per_sample:
            raise InputError(self._miscounted(self.seen + len(rows)))
        self.seen += len(rows)
        if not self._cuts or self._cuts[-1][1] > self.seen:
            self._waiting.append(rows.copy())  # the caller may reuse his buffer
            return []
        rows = np.concatenate([*self._waiting, rows])
        first, done = self._flushed, []
        while self._cuts and self._cuts[-1][1] <= self.seen:
            group, end = self._cuts.pop()
            done.append((group, self._flushed, rows[self._flushed - first : end - first]))
            self._flushed = end
        self._waiting = [rows[self._flushed - first :].copy()]
        return done

    def check_complete(self) -> None:
        if self.seen != self.num_samples * self.rows_per_sample:
            raise InputError(self._miscounted(self.seen))

    def _miscounted(self, rows: int) -> str:
        return counting_message(rows, self.num_samples, self.rows_per_sample)


class FrechetEstimator:
    """Fréchet distance of a stream of features to reference moments.

    Args:
        dim: number of features per sample.
        num_samples: exact number of samples that will come.
        groups: jackknife groups, contiguous index ranges ``g*N//G``; fewer where there are few samples.
        rows_per_sample: rows of each sample: 1, or its number of frames.
        ddof: the covariances of both sides divide by ``N - ddof``.
        root: how the matrix root is taken, see `vidmetrics.catalog.conventions.Convention`.
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
        self._blocks = _RowBlocks(dim, num_samples, count, rows_per_sample)
        self._groups = [Moments(dim) for _ in range(count)]

    @classmethod
    def for_metric(cls, definition: MetricDefinition, dim: int, num_samples: int, rows_per_sample: int) -> Self:
        """Create the estimator of a metric, see `vidmetrics.estimators.registry.make_estimator`."""
        return cls(dim, num_samples, rows_per_sample=rows_per_sample, ddof=definition.ddof, root=definition.root)

    def update(self, features: npt.NDArray[Any]) -> None:
        """Add the next samples in index order, real ``[N, dim]``.

        Raises:
            InputError: wrong shape, NaN or infinity, or more samples than announced.
        """
        for group, first, rows in self._blocks.push(features):
            blocks = self._blocks
            self._groups[group].update(check_rows(rows, blocks.width, "features", first, blocks.rows_per_sample))

    def result(self, reference: Moments | None) -> Estimate:
        """Return the estimate; the reference is held fixed.

        Raises:
            InputError: fewer samples came than announced, or there is no reference.
        """
        self._blocks.check_complete()
        if reference is None:
            raise InputError("A Fréchet distance needs real clips to compare with; give a reference.")
        target = gaussian(reference.mean, self._covariance(reference), "reference")

        def value_of(moments: Moments) -> float:
            covariance = self._covariance(moments)
            if self._root == "float32-svd":
                return distance_float32_svd(moments.mean, covariance, reference.mean, self._covariance(reference))
            return distance(gaussian(moments.mean, covariance, "generated"), target)

        everything = _merged(self._groups)
        value = value_of(everything)
        interval = None
        if len(self._groups) > 1:
            interval = jackknife_interval(value, [value_of(m) for m in _leave_one_out(self._groups)])
        num_reference = reference.count // self._blocks.rows_per_sample
        interval = cut(interval, *statistic_facts("frechet").attainable_range(self._root))
        return Estimate(value, interval, self._blocks.num_samples, num_reference)

    def _covariance(self, moments: Moments) -> npt.NDArray[np.float64]:
        """Return the covariance with this estimator's ``ddof``; moments keep the unbiased one."""
        if self._ddof == 1:
            return moments.covariance
        return moments.covariance * ((moments.count - 1) / (moments.count - self._ddof))


class InceptionScoreEstimator:
    """Inception Score of a stream of logits: the mean over contiguous splits, as `vidmetrics.inception_score`.

    With 3 splits or more the splits themselves are the jackknife groups: each fold is the mean of the other splits,
    at their full size. With fewer, each fold recomputes the score without one group.

    Args:
        num_classes: number of logits per sample.
        num_samples: exact number of samples that will come.
        splits: number of contiguous parts.
        groups: jackknife groups where there are fewer than 3 splits; fewer where there are few samples.
        rows_per_sample: rows of each sample: 1, or its number of frames; a split holds whole samples.

    Raises:
        InputError: fewer samples than splits.
    """

    def __init__(
        self, num_classes: int, num_samples: int, splits: int, groups: int = 20, rows_per_sample: int = 1
    ) -> None:
        if not 1 <= splits <= num_samples:
            raise InputError(f"{num_samples} samples cannot be cut into {splits} splits; give more samples.")
        self._splits = splits
        # Two splits are halves of an even number of groups, so that no group crosses the border of a split.
        self._cells = splits if splits >= 3 else splits * num_groups(groups // splits, num_samples // splits)
        self._blocks = _RowBlocks(num_classes, num_samples, self._cells, rows_per_sample)
        self._sums = [ScoreSums(0, 0.0, np.zeros(num_classes)) for _ in range(self._cells)]

    @classmethod
    def for_metric(cls, definition: MetricDefinition, dim: int, num_samples: int, rows_per_sample: int) -> Self:
        """Create the estimator of a metric, see `vidmetrics.estimators.registry.make_estimator`."""
        return cls(dim, num_samples, definition.splits or 1, rows_per_sample=rows_per_sample)

    def update(self, logits: npt.NDArray[Any]) -> None:
        """Add the next samples in index order, real ``[N, num_classes]``.

        Raises:
            InputError: wrong shape, NaN or ``+inf``, or more samples than announced.
        """
        for cell, first, rows in self._blocks.push(logits):
            self._sums[cell] = self._sums[cell] + score_sums(rows, first, self._blocks.rows_per_sample)

    def result(self, reference: Moments | None = None) -> Estimate:
        """Return the estimate; a reference is not used and must be None.

        Raises:
            InputError: fewer samples came than announced, or a reference was given.
        """
        self._blocks.check_complete()
        if reference is not None:
            raise InputError("An Inception Score looks at generated clips alone; give no reference.")
        cells = range(self._cells)
        value = self._score_of(cells)
        interval = None
        if self._cells >= 3:
            interval = jackknife_interval(value, [self._score_of([c for c in cells if c != gone]) for gone in cells])
        interval = cut(interval, *statistic_facts("inception-score").attainable_range(num_classes=self._blocks.width))
        return Estimate(value, interval, self._blocks.num_samples, None)

    def _score_of(self, cells: Sequence[int]) -> float:
        per_split = self._cells // self._splits
        splits: dict[int, list[ScoreSums]] = {}
        for cell in cells:
            splits.setdefault(cell // per_split, []).append(self._sums[cell])
        return float(np.mean([score(reduce(add, parts)) for parts in splits.values()]))


def _merged(parts: Sequence[Moments]) -> Moments:
    total = parts[0].copy()
    for part in parts[1:]:
        total.merge(part)
    return total


def _leave_one_out(parts: Sequence[Moments], others: Moments | None = None) -> Iterator[Moments]:
    """Yield, for each part, the merge of all others: by halves, because subtraction loses digits.

    At any time there are as many merges as the parts can be halved, and not one for each part: with thousands of features
    each takes more memory than anything else here.
    """
    others = Moments(parts[0].dim) if others is None else others
    if len(parts) == 1:
        yield others
        return
    first, second = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    for mine, rest in ((first, second), (second, first)):
        yield from _leave_one_out(mine, _merged([others, *rest]))
