"""What every estimator is and answers, and what they share about counts and groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy.typing as npt

from vidmetrics.statistics.moments import Moments


@dataclass(frozen=True)
class Estimate:
    """A measured number.

    Attributes:
        value: the metric.
        interval: 95 % interval ``(low, high)`` over the sampling of generated clips, or None with too few samples.
        num_samples: generated clips behind it.
        num_reference: real clips behind it, None where the metric needs none.
    """

    value: float
    interval: tuple[float, float] | None
    num_samples: int
    num_reference: int | None


Reference: TypeAlias = "Moments | Iterable[npt.NDArray[Any]] | None"
"""What an estimator is handed of the real side, as `MetricDefinition.needs_reference` says: moments, or features real
``[n, D]`` in batches, or nothing."""


class Estimator(Protocol):
    """A metric over a stream of features."""

    def update(self, features: npt.NDArray[Any], /) -> None:
        """Add the next samples in index order, real ``[n, D]``."""
        ...

    def result(self, reference: Any, /) -> Estimate:
        """Return the estimate against a `Reference`, which is held fixed."""
        ...


def counting_message(rows: int, num_samples: int, rows_per_sample: int) -> str:
    """Return the sentence that says another number of samples came than was announced."""
    if rows_per_sample == 1:
        return f"{rows} samples came where {num_samples} were announced; score just that many."
    return f"{rows} frames came where {num_samples} clips of {rows_per_sample} were announced; score just that many."


def num_groups(groups: int, num_samples: int) -> int:
    """Return the number of jackknife groups: at least two samples in each; 1 (no interval) where fewer than 3 are possible."""
    possible = min(groups, num_samples // 2)
    return possible if possible >= 3 else 1
