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

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.errors import InputError
from vidmetrics.estimators.jackknife_groups import ClipKeys, Groups, as_recorded
from vidmetrics.estimators.row_blocks import counting_message, refuse_empty
from vidmetrics.statistics.intervals import jackknife_interval
from vidmetrics.statistics.moments import Moments, check_rows

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A measured number.

    Attributes:
        value: the metric.
        interval: 95 % confidence interval ``(low, high)`` over generated clips; None with too few samples.
        num_samples: number of generated clips.
        num_reference: number of real clips; None for a metric that needs none.
        leave_one_out: the value without each jackknife group of clips; None where the interval is of another kind.
        groups_sha256: digest of which clip is in which of these groups.
    """

    value: float
    interval: tuple[float, float] | None
    num_samples: int
    num_reference: int | None
    leave_one_out: tuple[float, ...] | None = None
    groups_sha256: str | None = None

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


class KeptFeatures(ABC):
    """Stores the features of a stream of samples as float32.

    Args:
        dim: number of features per row.
        num_samples: exact number of samples to expect.
        rows_per_sample: rows per sample.
        groups: number of jackknife groups; fewer if there are few samples.
        keys: keys of the clips, from which the groups are drawn; None to draw them by place.
    """

    def __init__(
        self, dim: int, num_samples: int, rows_per_sample: int = 1, groups: int = 20, keys: ClipKeys | None = None
    ) -> None:
        refuse_empty(dim, num_samples, rows_per_sample)
        self._dim, self._num_samples, self._rows_per_sample = dim, num_samples, rows_per_sample
        self._groups = Groups.drawn(keys, num_samples, groups)
        self._rows = np.empty((num_samples * rows_per_sample, dim), np.float32)
        self._seen = 0

    @staticmethod
    def settings_of(definition: MetricDefinition) -> dict[str, Any]:
        """Return the arguments beyond those of every estimator, by name."""
        return {}

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

    def _group_of_row(self) -> Labels:
        return np.repeat(self._groups.labels, self._rows_per_sample)

    def _jackknifed(self, value: float, folds: npt.NDArray[np.float64], reference_rows: int) -> Estimate:
        """Return the estimate with the interval of its values without each group."""
        if self._groups.count == 1:
            return self._estimate(value, None, reference_rows)
        return self._estimate(value, jackknife_interval(value, folds), reference_rows, folds)

    def _estimate(
        self,
        value: float,
        interval: tuple[float, float] | None,
        reference_rows: int,
        folds: npt.NDArray[np.float64] | None = None,
    ) -> Estimate:
        num_reference = reference_rows // self._rows_per_sample
        return estimate_with(self._groups, value, interval, self._num_samples, num_reference, folds)

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


def estimate_with(
    groups: Groups,
    value: float,
    interval: tuple[float, float] | None,
    num_samples: int,
    num_reference: int | None,
    folds: npt.ArrayLike | None,
) -> Estimate:
    """Return an estimate with its values without each group, if there are groups and all of these are finite."""
    left = None if folds is None or groups.count == 1 else as_recorded(np.asarray(folds, np.float64))
    return Estimate(value, interval, num_samples, num_reference, left, None if left is None else groups.sha256)


def _as_kept(features: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Convert floats to float32; values out of its range become infinite, which the check of rows refuses."""
    rows = np.asarray(features)
    if rows.dtype.kind != "f":
        return rows
    with np.errstate(over="ignore"):
        return rows.astype(np.float32, copy=False)
