"""Where a value goes on an axis, and how it is written."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

_LOG_FROM = 10.0
"""A span of this factor is shown on a log axis."""


@dataclass(frozen=True)
class Axis:
    """An axis from ``low`` to ``high``.

    Attributes:
        low: value at 0.
        high: value at 1; below ``low`` for an axis that runs backwards.
        log: logarithmic; both ends are then positive.
    """

    low: float
    high: float
    log: bool = False

    def place(self, value: float) -> float:
        """Return 0 to 1; what lies outside is put on the nearer end."""
        if self.low == self.high:
            return 0.5
        low, high = min(self.low, self.high), max(self.low, self.high)
        inside = min(max(value, low), high)
        if self.log:
            return (math.log(inside) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (inside - self.low) / (self.high - self.low)


def axis_over(values: Sequence[float], *, backwards: bool = False, allow_log: bool = True, margin: float = 0.0) -> Axis:
    """Return an axis that holds all values; logarithmic where they are positive and span a factor of 10.

    Args:
        values: at least one.
        backwards: the greatest value comes first.
        allow_log: False for a linear axis in any case.
        margin: share of the span to add at both ends of a linear axis.
    """
    low, high = min(values), max(values)
    log = allow_log and low > 0 and high / low >= _LOG_FROM
    if not log:
        pad = margin * (high - low) or (margin * abs(high) or margin)
        low, high = low - pad, high + pad
    return Axis(high, low, log) if backwards else Axis(low, high, log)


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return round numbers from ``low`` to ``high``, some ``about`` of them, steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = min((factor * power for factor in (1, 2, 5, 10)), key=lambda step: abs(math.log(step / rough)))
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def written(value: float) -> str:
    """Return about four significant digits, without an exponent from 0.001 on, as papers print scores."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        return f"{value:.1e}"
    digits = 3 if abs(value) < 1 else 2 if abs(value) < 100 else 1
    return f"{value:.{digits}f}"


def tick_text(value: float) -> str:
    """Return a tick's number, as short as it can be."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
