"""Scores of one comparability group over the years, on a log axis, as inline SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from vidbench.leaderboard.rows import Row
from vidbench.leaderboard.tables import score

WIDTH, HEIGHT = 440, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 16, 14, 30
_CHARACTER = 5.9
_LINE = 12
_NAME = 28


@dataclass(frozen=True)
class Bound:
    """A horizontal line: real data (the floor) or a model that knows nothing (the ceiling)."""

    label: str
    value: float


class _Axes:
    """From years and scores to pixels."""

    def __init__(self, rows: Sequence[Row], bounds: Sequence[Bound]) -> None:
        values = [row.value for row in rows] + [bound.value for bound in bounds]
        self.low, self.high = min(values) / 1.35, max(values) * 1.35
        self.first, self.last = min(row.year for row in rows), max(row.year for row in rows)

    def x(self, year: int) -> float:
        if self.first == self.last:
            return (_LEFT + WIDTH - _RIGHT) / 2
        inner = WIDTH - _LEFT - _RIGHT - 24
        return _LEFT + 12 + inner * (year - self.first) / (self.last - self.first)

    def y(self, value: float) -> float:
        span = math.log(self.high / self.low)
        return _TOP + (HEIGHT - _TOP - _BOTTOM) * (1 - math.log(value / self.low) / span)


def draw(rows: Sequence[Row], bounds: Sequence[Bound], label: str) -> str:
    """Return the chart of rows of one group; points link to the entries of their rows.

    Args:
        rows: methods with positive scores, of one metric.
        bounds: floor and ceiling, where known, positive.
        label: what a screen reader says of the whole picture.
    """
    axes = _Axes(rows, bounds)
    best = _best_so_far(rows)
    marks: list[str] = []
    taken: list[tuple[float, float, float, float]] = [(axes.x(r.year) - 5, axes.y(r.value) - 5, 10, 10) for r in rows]
    for bound in bounds:
        marks.append(_bound(axes, bound))
        taken.append((_LEFT, axes.y(bound.value) - 13, len(bound.label) * _CHARACTER + 6, 15))
    if len(best) > 1:
        points = " ".join(f"{axes.x(row.year):.1f},{axes.y(row.value):.1f}" for row in best)
        marks.append(f'<polyline class="best" points="{points}"/>')
    marks += [_point(axes, row) for row in rows]
    named = [row for row in rows if row.status != "reported"] + best
    marks += [text for row in dict.fromkeys(named) if (text := _name(axes, row, taken))]
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="group" aria-label="{escape(label)}">'
        + _grid(axes)
        + "".join(marks)
        + "</svg>"
    )


def ticks(low: float, high: float) -> list[float]:
    """Round values between two positive ones, at most seven: as many of each decade as there is room for."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(found) <= 7:
            return found
    return found[:: math.ceil(len(found) / 7)]


def _best_so_far(rows: Sequence[Row]) -> list[Row]:
    best: list[Row] = []
    better = -1 if rows[0].higher_is_better else 1
    for row in sorted(rows, key=lambda row: (row.year, better * row.value)):
        if not best or better * row.value < better * best[-1].value:
            best.append(row)
    return best


def _grid(axes: _Axes) -> str:
    right, bottom = WIDTH - _RIGHT, HEIGHT - _BOTTOM
    parts = []
    for value in ticks(axes.low, axes.high):
        y = axes.y(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:,.6g}</text>')
    step = max(1, math.ceil((axes.last - axes.first + 1) / 8))
    for year in range(axes.first, axes.last + 1, step):
        parts.append(f'<text class="tick" x="{axes.x(year):.1f}" y="{bottom + 19}" text-anchor="middle">{year}</text>')
    return "".join(parts) + f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>'


def _bound(axes: _Axes, bound: Bound) -> str:
    y = axes.y(bound.value)
    return (
        f'<line class="bound" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        f'<text class="tick over" x="{_LEFT + 3}" y="{y - 4:.1f}">{escape(bound.label)}</text>'
    )


def _point(axes: _Axes, row: Row) -> str:
    x, y = axes.x(row.year), axes.y(row.value)
    title = f"<title>{escape(row.model)}: {escape(score(row))} ({row.year})</title>"
    if row.status == "reported":
        shape = f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="4">{title}</circle>'
    else:
        corners = f"{x:.1f},{y - 6:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 6:.1f} {x - 6:.1f},{y:.1f}"
        shape = f'<polygon class="point measured" points="{corners}">{title}</polygon>'
    # The table holds the same links in reading order; a chart should not add a tab stop for each of its points.
    return f'<a href="#{row.id}" tabindex="-1">{shape}</a>'


def _name(axes: _Axes, row: Row, taken: list[tuple[float, float, float, float]]) -> str | None:
    """The name of a point, where it hides nothing: to the right of it, to the left, above or below."""
    name = row.model if len(row.model) <= _NAME else row.model.split(" (")[0]
    name = name if len(name) <= _NAME else name[: _NAME - 1].rstrip() + "…"
    x, y, width = axes.x(row.year), axes.y(row.value), len(name) * _CHARACTER
    for left, base in ((x + 8, y + 4), (x - 8 - width, y + 4), (x - width / 2, y - 9), (x - width / 2, y + 17)):
        box = (left, base - 10, width, float(_LINE))
        inside = left >= _LEFT and left + width <= WIDTH - 2 and box[1] >= _TOP - 8 and base <= HEIGHT - _BOTTOM - 2
        if inside and not any(_overlap(box, other) for other in taken):
            taken.append(box)
            return f'<text class="name over" x="{left:.1f}" y="{base:.1f}">{escape(name)}</text>'
    return None


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
