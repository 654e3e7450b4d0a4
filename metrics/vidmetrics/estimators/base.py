"""Base of the estimators: the estimate, and streams of features that are summed or stored.

The 95 % confidence interval of an estimate covers the scatter over generated samples at this number of samples, against
this reference set. The bias of the estimator at this number of samples is included in what it covers. If each frame has
its own features, jackknife groups are still groups of clips, because frames of a clip are not independent.
tools/interval_coverage.py measures the coverage of each interval (docs/intervals.md).

Fréchet distances and Inception Scores sum their stream (`RowBlocks`) in constant memory. The other statistics need all
features at once (`KeptFeatures`): 4 bytes times features times rows, 16 MB for 10,000 clips of 400 logits and 1.3 GB for
10,000 clips of 16 frames with 2,048 features each; most also store the features of the real clips.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.errors import InputError
from vidmetrics.statistics.intervals import jackknife_interval
from vidmetrics.statistics.moments import WITHOUT_FLOAT64, Moments, check_rows

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A measured number.

    Attributes:
        value: the metric.
        interval: 95 % confidence interval ``(low, high)`` over generated clips; None with too few samples.
        num_samples: number of generated clips.
        num_reference: number of real clips; None for a metric that needs none.
    """

    value: float
    interval: tuple[float, float] | None
    num_samples: int
    num_reference: int | None

    def __float__(self) -> float:
        """Return the value alone."""
        return self.value


Reference: TypeAlias = "Moments | Iterable[npt.NDArray[Any]] | None"
"""Input from the real clips, by `MetricDefinition.needs_reference`: moments, batches of features real ``[n, D]``, or
None."""


class Estimator(Protocol):
    """A metric over a stream of features."""

    def update(self, features: npt.NDArray[Any], /) -> None:
        """Add the next samples in index order, real ``[n, D]``."""
        ...

    def result(self, reference: Any, /) -> Estimate:
        """Return the estimate against a fixed `Reference`."""
        ...

    def value(self, reference: Any, /) -> float:
        """Return the value of `result`, without the interval where that takes longer."""
        ...


def counting_message(rows: int, num_samples: int, rows_per_sample: int) -> str:
    """Return the message for a number of samples other than expected."""
    if rows_per_sample == 1:
        return f"Expected {num_samples} samples but got {rows}; score exactly {num_samples}."
    return f"Expected {num_samples} clips of {rows_per_sample} frames but got {rows} frames; score exactly {num_samples} clips."


def num_groups(groups: int, num_samples: int) -> int:
    """Return the number of jackknife groups, each with at least two samples; 1 (no interval) if fewer than 3 are possible."""
    possible = min(groups, num_samples // 2)
    return possible if possible >= 3 else 1


_BLOCK = 256
"""Rows summed at once: large enough for fast matrix products, and fixed because it decides the last bits."""


class RowBlocks:
    """Splits a stream of rows at fixed indices: at the ends of groups, and every `_BLOCK` rows within a group.

    So an estimate has the same bits for any batch sizes. Groups are contiguous ranges of whole samples; a sample has one
    row, or one per frame.
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
        self._waiting: list[Any] = []
        self._flushed = 0

    def push(self, rows: Any) -> list[tuple[int, int, Any]]:
        """Return the blocks completed by these rows: ``(group, index of the first row, rows)``.

        Args:
            rows: real ``[n, width]``; rows that are torch tensors on a GPU are cut there, all of a stream or none.
        """
        on_gpu = is_on_gpu(rows)
        rows = rows if on_gpu else np.asarray(rows)
        if rows.ndim != 2 or rows.shape[1] != self.width:
            raise InputError(f"The features have shape {list(rows.shape)}, but [N, {self.width}] is needed.")
        if self.seen + len(rows) > self.num_samples * self.rows_per_sample:
            raise InputError(self._miscounted(self.seen + len(rows)))
        self.seen += len(rows)
        if not self._cuts or self._cuts[-1][1] > self.seen:
            self._waiting.append(_copy(rows))  # the caller may reuse its buffer
            return []
        rows = _joined([*self._waiting, rows])
        first, done = self._flushed, []
        while self._cuts and self._cuts[-1][1] <= self.seen:
            group, end = self._cuts.pop()
            done.append((group, self._flushed, rows[self._flushed - first : end - first]))
            self._flushed = end
        self._waiting = [_copy(rows[self._flushed - first :])]
        return done

    def check_complete(self) -> None:
        """Refuse a stream that ended early.

        Raises:
            InputError: fewer samples than expected.
        """
        if self.seen != self.num_samples * self.rows_per_sample:
            raise InputError(self._miscounted(self.seen))

    def _miscounted(self, rows: int) -> str:
        return counting_message(rows, self.num_samples, self.rows_per_sample)


def is_on_gpu(rows: Any) -> bool:
    """Return whether rows are a torch tensor on a device with float64, where they are best summed."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(rows, torch.Tensor) and rows.device.type not in WITHOUT_FLOAT64


def _copy(rows: Any) -> Any:
    return rows.clone() if is_on_gpu(rows) else rows.copy()


def _joined(parts: list[Any]) -> Any:
    if not is_on_gpu(parts[-1]):
        return np.concatenate(parts)
    import torch

    return torch.cat(parts)


class KeptFeatures(ABC):
    """Stores the features of a stream of samples as float32.

    Args:
        dim: number of features per row.
        num_samples: exact number of samples to expect.
        rows_per_sample: rows per sample.
        groups: jackknife groups, contiguous ranges ``g*N//G`` of samples; fewer if there are few samples.
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
            InputError: wrong shape, NaN or infinity, or more samples than expected.
        """
        rows = check_rows(_as_kept(features), self._dim, "features", self._seen, self._rows_per_sample)
        if self._seen + len(rows) > len(self._rows):
            raise InputError(counting_message(self._seen + len(rows), self._num_samples, self._rows_per_sample))
        self._rows[self._seen : self._seen + len(rows)] = rows
        self._seen += len(rows)

    @abstractmethod
    def result(self, reference: Any) -> Estimate:
        """Return the estimate; see the class."""

    def value(self, reference: Any) -> float:
        """Return the value of `result`."""
        return self.result(reference).value

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
    """Convert floats to float32; values out of its range become infinite, which the check of rows refuses."""
    rows = np.asarray(features)
    if rows.dtype.kind != "f":
        return rows
    with np.errstate(over="ignore"):
        return rows.astype(np.float32, copy=False)
