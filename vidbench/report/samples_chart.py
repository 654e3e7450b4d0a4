"""The chart of several sets of samples: a row for each, its value and its 95 % confidence interval."""

from __future__ import annotations

from collections.abc import Sequence

from vidbench.rendering.axes import axis_over
from vidbench.rendering.numbers import interval_text, score_text, tick_text
from vidbench.rendering.svg import circle_at, line_between, picture, text_at, text_width
from vidbench.report.charts import WIDTH, Point

_ROW, _MARGIN, _FONT_SIZE = 36.0, 14.0, 12


def samples_chart(names: Sequence[str], points: Sequence[Point], higher_is_better: bool) -> str:
    """Return the picture, the best end of the axis on the left.

    Args:
        names: what each row is.
        points: value ``y`` and interval of each; ``x`` is not used.
        higher_is_better: direction of the metric.
    """
    ends = [end for point in points for end in (point.interval or ())]
    axis = axis_over([*(point.y for point in points), *ends], reverse=higher_is_better, margin=0.05)

    def at(number: float) -> float:
        return _MARGIN + axis.place(number) * (WIDTH - 2 * _MARGIN)

    parts = []
    for row, (name, point) in enumerate(zip(names, points, strict=True)):
        y = _ROW * row + 28
        parts.append(text_at(_MARGIN, y - 13, f"{_short(name)} {score_text(point.y)}", "strong"))
        parts.append(line_between((_MARGIN, y), (WIDTH - _MARGIN, y), "rail"))
        if point.interval:
            start, stop = sorted(map(at, point.interval))
            parts.append(line_between((start, y), (stop, y), "span"))
        parts.append(circle_at(at(point.y), y, 6, "dot"))
    below = _ROW * len(names) + 16
    ticks = axis.ticks()
    for tick in dict.fromkeys((ticks[0], ticks[-1]) if ticks else ()):
        parts.append(text_at(at(tick), below, tick_text(tick), "tick", "middle"))
    spoken = "; ".join(
        f"{name} {score_text(point.y)} ({interval_text(point.interval)})"
        for name, point in zip(names, points, strict=True)
    )
    return picture(WIDTH, below + 8, parts, spoken)


def _short(name: str) -> str:
    """Return the end of a name that fits above its row."""
    most = int((WIDTH - 2 * _MARGIN - 60) / text_width("x", _FONT_SIZE, bold=True))
    return name if len(name) <= most else "…" + name[-most + 1 :]
