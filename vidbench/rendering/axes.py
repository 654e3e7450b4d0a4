"""Axes of a chart: the position of a value, and round ticks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_LOG_FROM = 10.0
"""Values that span this factor get a log axis."""


@dataclass(frozen=True)
class Axis:
    """An axis from ``low`` to ``high``.

    Attributes:
        low: value at position 0.
        high: value at position 1; below ``low`` on a reversed axis.
        log: logarithmic; both ends are then positive.
    """

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Return the position of a value, 0 to 1; values outside the axis are clipped to its ends."""
        if self.low == self.high:
            return 0.5
        low, high = min(self.low, self.high), max(self.low, self.high)
        inside = min(max(value, low), high)
        if self.log:
            return (math.log(inside) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (inside - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Return round numbers within the axis."""
        low, high = min(self.low, self.high), max(self.low, self.high)
        return log_ticks(low, high) if self.log else linear_ticks(low, high)


def axis_over(values: Sequence[float], *, reverse: bool = False, log: bool | None = None, margin: float = 0.0) -> Axis:
    """Return an axis that covers all values.

    Args:
        values: at least one; positive for a log axis.
        reverse: put the greatest value first.
        log: whether the axis is logarithmic; None for a log axis where all values are positive and span a factor of 10.
        margin: share of the span to add at both ends; on a log axis, of the ends themselves.
    """
    low, high = min(values), max(values)
    if log is None:
        log = low > 0 and high / low >= _LOG_FROM
    if log:
        low, high = low / (1 + margin), high * (1 + margin)
    else:
        pad = margin * (high - low) or (margin * abs(high) or margin)
        low, high = low - pad, high + pad
    return Axis(high, low, log) if reverse else Axis(low, high, log)


def linear_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return about ``about`` round numbers from ``low`` to ``high``, in steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / rough)))
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def log_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """Return at most ``most`` round numbers between two positive ones, as many per decade as fit."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]
