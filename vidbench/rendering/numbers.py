"""How numbers are printed: scores, and the ticks of an axis."""

from __future__ import annotations


def tick_text(value: float) -> str:
    """Return the label of a tick, as short as possible."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def score_text(value: float) -> str:
    """Return about four significant digits, without an exponent from 0.001 on, as papers print scores."""
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        return f"{value:.1e}"
    digits = 3 if abs(value) < 1 else 2 if abs(value) < 100 else 1
    return f"{value:.{digits}f}"


INTERVAL_HEADER = "95 % interval, sampling only"
"""Head of a column of intervals: they cover other clips of the same model, not another reference set or training run."""


def interval_text(interval: tuple[float, float] | None) -> str:
    """Return an interval as tables print it, "-" without one."""
    return "-" if interval is None else f"{score_text(interval[0])} to {score_text(interval[1])}"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, in the plural unless it is 1."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
