"""The charts of a report, all as wide as a phone, so that their text stays readable there; wider pages set them in columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vidbench.rendering.axes import Axis, axis_over, linear_ticks
from vidbench.rendering.numbers import score_text, tick_text
from vidbench.rendering.svg import Plot, circle_at, line_between, picture, text_at, text_width
from vidbench.results.real_clips import FloorSets, floor_text
from vidbench.results.time_curves import TimeCurve

WIDTH = 340
_HEIGHT = 190
_FONT_SIZE = 12
_DOT, _RING = 3.5, 5


@dataclass(frozen=True)
class Point:
    """A measured point of a chart.

    Attributes:
        x: in the units of the x axis.
        y: in the units of the y axis.
        interval: its 95 % confidence interval, or None.
    """

    x: float
    y: float
    interval: tuple[float, float] | None = None


def scale_bar(
    name: str,
    value: float,
    interval: tuple[float, float] | None,
    bounds: Mapping[str, float],
    higher_is_better: bool,
    ceiling: float | None = None,
    floor_sets: FloorSets | None = None,
) -> str:
    """Return a score between the bounds of its task, the best end on the left.

    Args:
        name: name of the model.
        value: its score.
        interval: 95 % confidence interval of the score.
        bounds: value of each bound by name.
        higher_is_better: direction of the metric.
        ceiling: score that every method should beat; the bar is broken beyond it.
        floor_sets: scores of several sets of real clips; their mean ± standard deviation is a shade on the bar.
    """
    # An interval may reach down to 0, which a log axis cannot show; it is cut at the end of the axis.
    ends = [value, *bounds.values(), *(() if ceiling is None else (ceiling,))]
    shade = () if floor_sets is None else _around(floor_sets)
    axis = axis_over([*ends, *shade], reverse=higher_is_better)
    left, right, y = 14.0, WIDTH - 14.0, 34.0

    def at(number: float) -> float:
        return left + axis.place(number) * (right - left)

    middle = right if ceiling is None else at(ceiling)
    parts = [line_between((left, y), (middle, y), "rail")]
    if middle < right:
        parts.append(line_between((middle, y), (right, y), "beyond"))
    if shade:
        start, stop = sorted(at(end) for end in shade)
        parts.append(line_between((start, y), (stop, y), "floor"))
    if interval:
        start, stop = sorted(at(end) for end in interval)
        parts.append(line_between((start, y), (stop, y), "span"))
    rows: list[float] = []
    for bound, number in sorted(bounds.items(), key=lambda item: at(item[1])):
        x, text = at(number), f"{bound} {score_text(number)}"
        row, centre = _free_row(rows, x, text)
        below = y + 22 + 15 * row
        parts.append(line_between((x, y - 7), (x, below - 11), "bound"))
        parts.append(text_at(centre, below, text, "dim", "middle"))
    x, text = at(value), f"{name} {score_text(value)}"
    parts.append(circle_at(x, y, 6, "dot"))
    parts.append(text_at(_inside(x, text_width(text, _FONT_SIZE, bold=True)), y - 14, text, "strong", "middle"))
    kind = "log" if axis.log else "linear"
    others = ", ".join(f"{bound} {score_text(number)}" for bound, number in bounds.items())
    if floor_sets is not None and shade:
        others += f"; {floor_sets.num_sets} sets of real clips {floor_text(None, floor_sets)}"
    height = y + 45 + 15 * max(0, len(rows) - 1)
    parts += [text_at(2, height - 4, "better", "dim"), text_at(WIDTH - 2, height - 4, "worse", "dim", "end")]
    return picture(WIDTH, height, parts, f"{name} {score_text(value)} on a {kind} axis; {others}")


def _around(sets: FloorSets) -> tuple[float, ...]:
    """Return the ends of mean ± standard deviation, within the values of the sets: an axis of positive scores stays one."""
    if sets.deviation is None:
        return ()
    return max(min(sets.values), sets.mean - sets.deviation), min(max(sets.values), sets.mean + sets.deviation)


def growth_chart(
    counts: Sequence[int],
    values: Sequence[float],
    num_fitted: int,
    at_infinity: float | None,
    interval: tuple[float, float] | None = None,
) -> str:
    """Return a score against 1/n with the line that extrapolates it; infinitely many samples are on the left.

    Args:
        counts: numbers of samples, ascending.
        values: the score at each.
        num_fitted: how many of the largest counts the line is fitted to.
        at_infinity: value of the line at 1/n = 0, or None without a line.
        interval: 95 % confidence interval of that value, if it has one.
    """
    points = [Point(1 / count, value) for count, value in zip(counts, values, strict=True)]
    # The most important first: of two marks that would overlap, the later one is left out.
    names = {0.0: "∞"} | {1 / counts[place]: f"{counts[place]:,}" for place in (-1, 0, 1, 3)}
    extra = [] if at_infinity is None else [at_infinity, *(interval or ())]
    plot = _plot(Axis(0.0, points[0].x * 1.02), axis_over([*values, *extra], log=False, margin=0.12))
    parts = plot.grid(_apart(names, plot), "samples (axis in 1/n)")
    if at_infinity is not None:
        end = points[len(points) - num_fitted]
        slope = _slope(points[-num_fitted:], at_infinity)
        parts.append(plot.curve([(0.0, at_infinity), (end.x, at_infinity + slope * end.x)], "fit"))
        if interval:
            parts.append(line_between(plot.at(0.0, interval[0]), plot.at(0.0, interval[1]), "error"))
        parts.append(circle_at(*plot.at(0.0, at_infinity), _RING, "ring"))
    parts += [circle_at(*plot.at(point.x, point.y), _DOT, "dot") for point in points]
    line = "no line" if at_infinity is None else f"{score_text(at_infinity)} extrapolated"
    label = f"{score_text(values[0])} at {counts[0]}, {score_text(values[-1])} at {counts[-1]}, {line}"
    return picture(WIDTH, _HEIGHT, parts, label)


def sweep_chart(points: Sequence[Point], untruncated: float) -> str:
    """Return a metric against sigma, with its value without truncation as a dashed line."""
    ordered = sorted(points, key=lambda point: point.x)
    heights = [untruncated, *(point.y for point in ordered)]
    heights += [end for point in ordered if point.interval for end in point.interval]
    plot = _plot(Axis(0.0, max(1.0, ordered[-1].x)), axis_over(heights, log=False, margin=0.08))
    parts = plot.grid({x: tick_text(x) for x in linear_ticks(0.0, plot.x.high, 5)}, "sigma of the latents")
    parts.append(plot.across(untruncated, "fit"))
    parts.append(plot.curve([(point.x, point.y) for point in ordered], "curve"))
    parts += [
        line_between(plot.at(point.x, point.interval[0]), plot.at(point.x, point.interval[1]), "error")
        for point in ordered
        if point.interval
    ]
    parts += [circle_at(*plot.at(point.x, point.y), _DOT, "dot") for point in ordered]
    return picture(WIDTH, _HEIGHT, parts, "; ".join(f"sigma {p.x:g}: {score_text(p.y)}" for p in ordered))


def time_chart(curve: TimeCurve, frames: int, bounds: Sequence[str]) -> str:
    """Return a metric in windows of predicted frames, each at its middle, with the curves of bounds as dashed lines.

    Args:
        curve: the windows, at least one.
        frames: length of the clip; time before the first window is that of the context frames.
        bounds: names of the bounds to draw.
    """
    points = [
        Point(window.first_frame + (window.num_frames - 1) / 2, window.value, window.interval)
        for window in curve.windows
    ]
    drawn = {
        name: [(point.x, window.bounds[name]) for point, window in zip(points, curve.windows, strict=True)]
        for name in bounds
        if all(name in window.bounds for window in curve.windows)
    }
    heights = [point.y for point in points]
    heights += [end for point in points if point.interval for end in point.interval]
    heights += [y for line in drawn.values() for _, y in line]
    plot = _plot(Axis(0.0, float(frames)), axis_over(heights, log=False, margin=0.08))
    parts = plot.grid({x: tick_text(x) for x in linear_ticks(0.0, float(frames), 5)}, "frame of the clip")
    for name, line in drawn.items():
        parts.append(plot.curve(line, "fit"))
        x, y = plot.at(*line[-1])
        parts.append(text_at(x, y - 4, name, "dim", "end"))
    parts.append(plot.curve([(point.x, point.y) for point in points], "curve"))
    parts += [
        line_between(plot.at(point.x, point.interval[0]), plot.at(point.x, point.interval[1]), "error")
        for point in points
        if point.interval
    ]
    parts += [circle_at(*plot.at(point.x, point.y), _DOT, "dot") for point in points]
    label = "; ".join(
        f"frames {window.first_frame} to {window.first_frame + window.num_frames - 1}: {score_text(window.value)}"
        for window in curve.windows
    )
    return picture(WIDTH, _HEIGHT, parts, label)


def _plot(x: Axis, y: Axis) -> Plot:
    return Plot(x, y, WIDTH, _HEIGHT)


def _slope(points: Sequence[Point], intercept: float) -> float:
    """Return the slope of a least-squares line of known intercept: it passes through the centroid of its points."""
    x = sum(point.x for point in points) / len(points)
    y = sum(point.y for point in points) / len(points)
    return (y - intercept) / x


def _apart(names: Mapping[float, str], plot: Plot) -> dict[float, str]:
    """Return the marks of the x axis that do not overlap, preferring the first ones."""
    kept: dict[float, str] = {}
    for x, text in names.items():
        gaps = (
            abs(plot.at(x, plot.y.low)[0] - plot.at(other, plot.y.low)[0]) - text_width(text + there, _FONT_SIZE) / 2
            for other, there in kept.items()
        )
        if all(gap > 4 for gap in gaps):
            kept[x] = text
    return kept


def _inside(x: float, width: float) -> float:
    """Return the middle of a text of some width that is to stand at ``x``, moved so that it fits into the picture."""
    return min(max(x, width / 2 + 2), WIDTH - width / 2 - 2)


def _free_row(rows: list[float], x: float, text: str) -> tuple[int, float]:
    """Return the first row whose last label leaves room for this one, and the label's middle; ``rows`` holds their ends."""
    width = text_width(text, _FONT_SIZE)
    middle = _inside(x, width)
    for row, end in enumerate(rows):
        if middle - width / 2 > end + 6:
            rows[row] = middle + width / 2
            return row, middle
    rows.append(middle + width / 2)
    return len(rows) - 1, middle
