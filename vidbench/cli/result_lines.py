"""Lines below the table of `evaluate`: rank among the bounds, score against time and against N, other actions, truncation."""

from __future__ import annotations

from vidbench.rendering.numbers import interval_text, score_text
from vidbench.results.meaning import meaning
from vidbench.results.real_clips import sets_words
from vidbench.results.schema import GrowthRecord, MetricRecord, Result


def result_lines(result: Result) -> list[str]:
    """Return lines of plain text; each section ends with an empty line, and sections without data are left out.

    Args:
        result: the result record.
    """
    sections = (_places(result), _time(result), _other_actions(result), _growth(result), _truncation(result))
    return [line for section in sections if section for line in (*section, "")]


def ranked(result: Result, name: str, metric: MetricRecord) -> list[tuple[str, float]]:
    """Return the model and the bounds with their values of one metric, best first."""
    places = [
        (bound, record.values[name])
        for bound, record in result.bounds.items()
        if name in record.values and bound != result.model.name
    ]
    return sorted([(result.model.name, metric.value), *places], key=lambda p: p[1], reverse=metric.higher_is_better)


def _places(result: Result) -> list[str]:
    if not result.bounds:
        return []
    width = max(len(name) for name in result.metrics)
    lines = ["between the bounds, best first"]
    for name, metric in result.metrics.items():
        sign = " > " if metric.higher_is_better else " < "
        row = [f"{who} {score_text(value)}" for who, value in ranked(result, name, metric)]
        lines.append(f"  {name:<{width}}  {sign.join(row)}")
    said = dict.fromkeys(sets_words(sets) for bound in result.bounds.values() for sets in bound.sets.values())
    lines += [f"  floor ± standard deviation: {words}" for words in said]
    lines += [f"  no '{name}': {bound.absent}" for name, bound in result.bounds.items() if bound.absent]
    return lines


def _time(result: Result) -> list[str]:
    rows = []
    for name, curve in result.against_time.items():
        values = ", ".join(score_text(window.value) for window in curve.windows)
        rows.append(f"  {name}  {values}" if values else f"  {name}  none: {curve.absent}")
    windows = next((curve.windows for curve in result.against_time.values() if curve.windows), ())
    head = (
        f"against time, in windows of {windows[0].num_frames} frames from frame {windows[0].first_frame}"
        if windows
        else ""
    )
    return [head or "against time", *rows] if rows else []


def _other_actions(result: Result) -> list[str]:
    if not result.other_actions:
        return []
    values = "  ".join(f"{name} {score_text(metric.value)}" for name, metric in result.other_actions.items())
    return ["with the actions of other clips (never the score; equal for a model that ignores actions)", f"  {values}"]


def _growth(result: Result) -> list[str]:
    rows = [
        f"  {name}  {score_text(curve.values[0])} at {curve.counts[0]:,}, {score_text(curve.values[-1])} at "
        f"{curve.counts[-1]:,}, {score_text(curve.at_infinity)} extrapolated{_in_brackets(name, curve)}"
        for name, curve in result.against_count.items()
        if curve.at_infinity is not None
    ]
    return ["against the number of samples", *rows] if rows else []


def _in_brackets(name: str, curve: GrowthRecord) -> str:
    """Return the interval of an extrapolated value, and what it means, where there are such."""
    interval, words = curve.at_infinity_interval, meaning(name, curve.at_infinity or 0.0, None)
    parts = [*([] if interval is None else [interval_text(interval)]), *([words] if words else [])]
    return f" ({'; '.join(parts)})" if parts else ""


def _truncation(result: Result) -> list[str]:
    if not result.truncation:
        return []
    lines = ["truncated latents (never the score)"]
    for record in result.truncation:
        values = "  ".join(f"{name} {score_text(metric.value)}" for name, metric in record.metrics.items())
        lines.append(f"  sigma {record.sigma:<5g} {values}")
    return lines
