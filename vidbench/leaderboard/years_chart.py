"""Scores of one comparability group over the years, on a log axis."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from vidbench.leaderboard.rows import BoardRow
from vidbench.leaderboard.tables import score_cell
from vidbench.rendering.axes import Axis, axis_over
from vidbench.rendering.svg import Plot, circle_at, picture, text_at, text_width

WIDTH, HEIGHT = 440, 270
_FONT_SIZE = 11
_LINE_HEIGHT = 12
_LONGEST_NAME = 28
_MOST_YEARS = 8

Box = tuple[float, float, float, float]
"""Left, top, width and height in pixels."""


@dataclass(frozen=True)
class ReferenceLine:
    """A horizontal line: the score of real clips (the floor) or of a trivial model (the ceiling).

    Attributes:
        label: what it is.
        value: its height, positive.
        deviation: half the height of a shade around it; 0 for none.
    """

    label: str
    value: float
    deviation: float = 0.0


def years_chart(rows: Sequence[BoardRow], lines: Sequence[ReferenceLine], label: str, progress: bool = True) -> str:
    """Return the chart of the rows of one group; points link to the entries of their rows.

    Args:
        rows: methods with positive scores, of one metric.
        lines: floor and ceiling where known, positive.
        label: what a screen reader says for the whole picture.
        progress: join the best scores so far by a line; otherwise the points are hollow.
    """
    values = [row.value for row in rows] + [line.value for line in lines]
    first, last = min(row.year for row in rows), max(row.year for row in rows)
    y = axis_over(values, log=True, margin=0.35)
    plot = Plot(Axis(first, last), y, WIDTH, HEIGHT, top=14, bottom=30, inset=12)
    years = {
        float(year): str(year) for year in range(first, last + 1, max(1, math.ceil((last - first + 1) / _MOST_YEARS)))
    }
    marks = [*plot.grid(years), plot.across(y.low, "axis")]
    taken: list[Box] = [(x - 5, y - 5, 10, 10) for x, y in (plot.at(row.year, row.value) for row in rows)]
    for line in lines:
        height = plot.at(first, line.value)[1]
        marks += _shade(plot, line)
        marks += [plot.across(line.value, "bound"), text_at(plot.left + 3, height - 4, line.label, "tick over")]
        taken.append((plot.left, height - 13, text_width(line.label, _FONT_SIZE) + 6, 15))
    best = _best_so_far(rows)
    if len(best) > 1 and progress:
        marks.append(plot.curve([(row.year, row.value) for row in best], "best"))
    marks += [_point(plot, row, "" if progress else " hollow") for row in rows]
    named = [row for row in rows if row.status != "reported"] + best
    marks += [text for row in dict.fromkeys(named) if (text := _name(plot, row, taken))]
    return picture(WIDTH, HEIGHT, marks, label, role="group")


def _shade(plot: Plot, line: ReferenceLine) -> list[str]:
    if line.deviation <= 0:
        return []
    # Cut at the ends of the axis, by `Axis.place`; below zero there is no place on a log axis.
    ends = (line.value + line.deviation, max(line.value - line.deviation, plot.y.low))
    top, bottom = (plot.at(plot.x.low, end)[1] for end in ends)
    width = WIDTH - plot.left - plot.right
    return [f'<rect class="shade" x="{plot.left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}"/>']


def _best_so_far(rows: Sequence[BoardRow]) -> list[BoardRow]:
    best: list[BoardRow] = []
    better = -1 if rows[0].higher_is_better else 1
    for row in sorted(rows, key=lambda row: (row.year, better * row.value)):
        if not best or better * row.value < better * best[-1].value:
            best.append(row)
    return best


def _point(plot: Plot, row: BoardRow, style: str) -> str:
    x, y = plot.at(row.year, row.value)
    title = f"<title>{escape(row.model)}: {escape(score_cell(row))} ({row.year})</title>"
    if row.status == "reported":
        shape = circle_at(x, y, 4, f"point{style}", title)
    else:
        corners = f"{x:.1f},{y - 6:.1f} {x + 6:.1f},{y:.1f} {x:.1f},{y + 6:.1f} {x - 6:.1f},{y:.1f}"
        shape = f'<polygon class="point measured{style}" points="{corners}">{title}</polygon>'
    # The table has the same links in reading order; the points of a chart should not each add a tab stop.
    return f'<a href="#{row.id}" tabindex="-1">{shape}</a>'


def _name(plot: Plot, row: BoardRow, taken: list[Box]) -> str | None:
    """Return the name of a point where it covers nothing: to its right or left, above or below; None if it does not fit."""
    name = row.model if len(row.model) <= _LONGEST_NAME else row.model.split(" (")[0]
    name = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"
    (x, y), width = plot.at(row.year, row.value), text_width(name, _FONT_SIZE)
    for left, base in ((x + 8, y + 4), (x - 12 - width, y + 4), (x - width / 2, y - 9), (x - width / 2, y + 17)):
        box = (left, base - 10, width, float(_LINE_HEIGHT))
        inside = (
            left >= plot.left
            and left + width <= WIDTH - 2
            and box[1] >= plot.top - 8
            and base <= HEIGHT - plot.bottom - 2
        )
        if inside and not any(_overlap(box, other) for other in taken):
            taken.append(box)
            return text_at(left, base, name, "name over")
    return None


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
