"""Charts as inline SVG, by pure functions.

Made by hand and not by a plotting package: a few hundred bytes each, no dependency, and colours that come from the
page's own style (`currentColor` and custom properties), so that a chart follows the reader's light or dark scheme. All are
as wide as a phone, so that their letters stay readable there; a wider page sets them side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from vidbench.report.axes import Axis, axis_over, tick_text, ticks, written

WIDTH = 340
_LETTER, _BOLD_LETTER = 6.4, 7.6
"""Width of a letter of the charts' font, in pixels, on the generous side."""


@dataclass(frozen=True)
class Point:
    """A measured point of a chart.

    Attributes:
        x: in the units of the x axis.
        y: in the units of the y axis.
        interval: ends of its interval, or None.
    """

    x: float
    y: float
    interval: tuple[float, float] | None = None


def scale_bar(
    name: str, value: float, interval: tuple[float, float] | None, bounds: dict[str, float], higher_is_better: bool
) -> str:
    """Return a score between the bounds of its task, the best end on the left.

    Args:
        name: of the model.
        value: its score.
        interval: 95 % interval of the score.
        bounds: value of each bound by name.
        higher_is_better: direction of the metric.
    """
    # An interval may reach to 0, where a log axis has no place; it is cut at the end of the axis.
    axis = axis_over([value, *bounds.values()], backwards=higher_is_better)
    left, right, y = 14.0, WIDTH - 14.0, 34.0

    def at(number: float) -> float:
        return left + axis.place(number) * (right - left)

    parts = [f'<line class="rail" x1="{left}" y1="{y}" x2="{right}" y2="{y}"/>']
    if interval:
        ends = sorted(at(end) for end in interval)
        parts.append(f'<line class="span" x1="{ends[0]:.1f}" y1="{y}" x2="{ends[1]:.1f}" y2="{y}"/>')
    rows: list[float] = []
    for bound, number in sorted(bounds.items(), key=lambda item: at(item[1])):
        x, text = at(number), f"{bound} {written(number)}"
        row, middle = _free_row(rows, x, text)
        below = y + 22 + 15 * row
        parts.append(f'<line class="bound" x1="{x:.1f}" y1="{y - 7}" x2="{x:.1f}" y2="{below - 11:.1f}"/>')
        parts.append(_text(middle, below, text, "middle", "dim"))
    x, text = at(value), f"{name} {written(value)}"
    parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y}" r="6"/>')
    parts.append(_text(_inside(x, text, _BOLD_LETTER), y - 14, text, "middle", "strong"))
    kind = "log" if axis.log else "linear"
    label = f"{name} {written(value)} on a {kind} axis; " + ", ".join(f"{b} {written(v)}" for b, v in bounds.items())
    return _svg(y + 28 + 15 * max(0, len(rows) - 1), parts, label)


def growth_chart(counts: Sequence[int], values: Sequence[float], num_fitted: int, at_infinity: float | None) -> str:
    """Return a score over 1/n with the line that it is extrapolated by; infinitely many samples are on the left.

    Args:
        counts: numbers of samples, ascending.
        values: the score at each.
        num_fitted: how many of the largest the line goes through.
        at_infinity: value of the line at 1/n = 0, or None without a line.
    """
    points = [Point(1 / count, value) for count, value in zip(counts, values, strict=True)]
    # The most telling first: where two would overlap, the later one is left out.
    names = {0.0: "∞"} | {1 / counts[place]: f"{counts[place]:,}" for place in (-1, 0, 1, 3)}
    extra = [] if at_infinity is None else [at_infinity]
    frame = _Frame(Axis(0.0, points[0].x * 1.02), axis_over([*values, *extra], allow_log=False, margin=0.12))
    parts = frame.grid(_apart(names, frame), "samples (axis in 1/n)")
    if at_infinity is not None:
        end = points[len(points) - num_fitted]
        slope = _slope(points[-num_fitted:], at_infinity)
        parts.append(frame.line([Point(0.0, at_infinity), Point(end.x, at_infinity + slope * end.x)], "fit"))
        x, y = frame.at(0.0, at_infinity)
        parts.append(f'<circle class="ring" cx="{x:.1f}" cy="{y:.1f}" r="5"/>')
    parts += [frame.dot(point) for point in points]
    line = "no line" if at_infinity is None else f"{written(at_infinity)} extrapolated"
    return _svg(
        frame.height, parts, f"{written(values[0])} at {counts[0]}, {written(values[-1])} at {counts[-1]}, {line}"
    )


def sweep_chart(points: Sequence[Point], untruncated: float) -> str:
    """Return a metric over sigma, with its value without truncation as a dashed line."""
    ordered = sorted(points, key=lambda point: point.x)
    heights = [untruncated, *(point.y for point in ordered)]
    heights += [end for point in ordered if point.interval for end in point.interval]
    frame = _Frame(Axis(0.0, max(1.0, ordered[-1].x)), axis_over(heights, allow_log=False, margin=0.08))
    marks = {x: tick_text(x) for x in ticks(0.0, frame.x.high, 5)}
    parts = frame.grid(marks, "sigma of the latents")
    parts.append(frame.line([Point(0.0, untruncated), Point(frame.x.high, untruncated)], "fit"))
    parts.append(frame.line(ordered, "curve"))
    parts += [frame.bar(point) for point in ordered if point.interval]
    parts += [frame.dot(point) for point in ordered]
    return _svg(frame.height, parts, "; ".join(f"sigma {p.x:g}: {written(p.y)}" for p in ordered))


@dataclass(frozen=True)
class _Frame:
    x: Axis
    y: Axis
    height: float = 190.0

    def at(self, x: float, y: float) -> tuple[float, float]:
        return 46 + self.x.place(x) * (WIDTH - 46 - 16), self.height - 38 - self.y.place(y) * (self.height - 38 - 12)

    def grid(self, x_marks: dict[float, str], x_title: str) -> list[str]:
        parts = []
        for number in ticks(self.y.low, self.y.high):
            left, y = self.at(self.x.low, number)
            parts.append(f'<line class="rule" x1="{left:.1f}" y1="{y:.1f}" x2="{WIDTH - 16}" y2="{y:.1f}"/>')
            parts.append(_text(left - 6, y + 4, tick_text(number), "end", "dim"))
        for number, text in x_marks.items():
            parts.append(_text(self.at(number, self.y.low)[0], self.height - 22, text, "middle", "dim"))
        parts.append(_text((46 + WIDTH - 16) / 2, self.height - 5, x_title, "middle", "dim"))
        return parts

    def line(self, points: Sequence[Point], kind: str) -> str:
        places = " ".join("{:.1f},{:.1f}".format(*self.at(point.x, point.y)) for point in points)
        return f'<polyline class="{kind}" points="{places}"/>'

    def dot(self, point: Point) -> str:
        x, y = self.at(point.x, point.y)
        return f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="3.5"/>'

    def bar(self, point: Point) -> str:
        low, high = point.interval or (point.y, point.y)
        x, bottom = self.at(point.x, low)
        return f'<line class="error" x1="{x:.1f}" y1="{bottom:.1f}" x2="{x:.1f}" y2="{self.at(point.x, high)[1]:.1f}"/>'


def _slope(points: Sequence[Point], intercept: float) -> float:
    """Return the slope of a least-squares line whose intercept is known: it goes through the centre of its points."""
    x = sum(point.x for point in points) / len(points)
    y = sum(point.y for point in points) / len(points)
    return (y - intercept) / x


def _apart(names: dict[float, str], frame: _Frame) -> dict[float, str]:
    """Return the marks of an x axis that have room, the first ones given preferred."""
    kept: dict[float, str] = {}
    for x, text in names.items():
        gaps = (
            abs(frame.at(x, frame.y.low)[0] - frame.at(other, frame.y.low)[0]) - (len(text) + len(there)) * _LETTER / 2
            for other, there in kept.items()
        )
        if all(gap > 4 for gap in gaps):
            kept[x] = text
    return kept


def _inside(x: float, text: str, letter: float = _LETTER) -> float:
    half = len(text) * letter / 2
    return min(max(x, half + 2), WIDTH - half - 2)


def _free_row(rows: list[float], x: float, text: str) -> tuple[int, float]:
    """Return the first row where a label fits right of what is there, and its middle; remembers where it ends."""
    middle, half = _inside(x, text), len(text) * _LETTER / 2
    for row, end in enumerate(rows):
        if middle - half > end + 6:
            rows[row] = middle + half
            return row, middle
    rows.append(middle + half)
    return len(rows) - 1, middle


def _text(x: float, y: float, text: str, anchor: str, kind: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(height: float, parts: Sequence[str], label: str) -> str:
    body = "".join(parts)
    return f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" aria-label="{escape(label, quote=True)}">{body}</svg>'
