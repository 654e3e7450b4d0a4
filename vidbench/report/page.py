"""`report.html`: one self-contained page that shows a result."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from vidbench.leaderboard.better_than_real import real_clip_flags
from vidbench.rendering.numbers import score_text
from vidbench.rendering.templates import html_templates
from vidbench.report.charts import Point, growth_chart, scale_bar, sweep_chart, time_chart
from vidbench.report.citation import latex_row, result_bibtex
from vidbench.report.material import Material
from vidbench.report.pictures import class_strips, pairs, sheets
from vidbench.report.provenance import is_digest, provenance
from vidbench.results.meaning import marked, meaning
from vidbench.results.real_clips import FloorSets, floor_text, sets_words
from vidbench.results.schema import Result
from vidbench.results.trained_on import seen_sentences
from vidbench.scoring.truncation import why_no_sweep
from vidbench.tasks.schema import Task
from vidbench.tasks.words import protocol_text
from vidbench.validity.checks import CHECKS

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def report_templates() -> Environment:
    """Return the templates of the reports."""
    environment = html_templates(resources.files("vidbench.report").joinpath("templates"))
    environment.filters["score_text"] = score_text
    environment.filters["is_digest"] = is_digest
    return environment


def render_report(result: Result, task: Task, material: Material) -> str:
    """Return the page as HTML text without external references.

    Args:
        result: the result.
        task: its protocol.
        material: the clips to show.
    """
    return (
        report_templates()
        .get_template("page.html.jinja")
        .render(
            result=result,
            task=task,
            scores=_scores(result, task),
            bounds={name: bound for name, bound in result.bounds.items() if bound.values},
            absent={name: bound.absent for name, bound in result.bounds.items() if bound.absent},
            validity=[{"record": record, "check": CHECKS.get(record.check)} for record in result.validity],
            sheets=sheets(material, result, task),
            material=material,
            best=pairs(material.best),
            worst=pairs(material.worst),
            classes=class_strips(material),
            truncation=_truncation(result),
            no_truncation=_no_truncation(result, task),
            growth=_growth(result),
            against_time=_against_time(result, task),
            flags=real_clip_flags(result),
            seen=seen_sentences(result, task),
            protocol=protocol_text(task),
            provenance=provenance(result),
            latex=latex_row(result),
            bibtex=result_bibtex(result),
            document=result.to_json(),
        )
    )


def _scores(result: Result, task: Task) -> list[dict[str, Any]]:
    scores = []
    for name, metric in result.metrics.items():
        bounds = {bound: record.values[name] for bound, record in result.bounds.items() if name in record.values}
        # A bound that is itself evaluated would be hidden by its own mark.
        others = {bound: value for bound, value in bounds.items() if bound != result.model.name}
        known, sets = {result.model.name: metric.value, **bounds}, result.floor_sets_of(name)
        floor, ceiling = (known.get(end) for end in (task.evaluation.floor, task.evaluation.ceiling))
        bar, words = "", no_scale(task, floor, ceiling, metric.higher_is_better)
        if not words:
            words = beyond_scale(task, metric.value, floor, ceiling, metric.higher_is_better, sets)
            bar = scale_bar(
                result.model.name, metric.value, metric.interval, others, metric.higher_is_better, ceiling, sets
            )
        scores.append(
            {
                "name": marked(name),
                "metric": metric,
                "bounds": bounds,
                "floor": floor_text(floor, sets),
                "sets": "" if sets is None else sets_words(sets),
                "bar": Markup(bar),  # noqa: S704 - every text in it is escaped when drawn
                "words": words,
            }
        )
    return scores


def no_scale(task: Task, floor: float | None, ceiling: float | None, higher_is_better: bool) -> str:
    """Return why the bounds of a task are no scale for a score; empty if they are one."""
    ends = {task.evaluation.floor: floor, task.evaluation.ceiling: ceiling}
    if floor is None or ceiling is None:
        missing = " and ".join(name for name, value in ends.items() if value is None)
        return f"no scale: without {missing} to compare with"
    if (floor <= ceiling) if higher_is_better else (floor >= ceiling):
        shown = " is no better than ".join(
            f"{name} ({score_text(value)})" for name, value in ends.items() if value is not None
        )
        return f"no scale: {shown} here"
    return ""


def beyond_scale(
    task: Task,
    value: float,
    floor: float | None,
    ceiling: float | None,
    higher_is_better: bool,
    sets: FloorSets | None = None,
) -> str:
    """Return in words that a score lies outside the bounds of its task; empty inside.

    Where the floor is known of several sets of real clips, a score is beyond it if it is better than every one of them.
    """
    if floor is None or ceiling is None:
        return ""
    sign = 1 if higher_is_better else -1
    if sign * value < sign * ceiling:
        return f"worse than {task.evaluation.ceiling}"
    if sets is not None and sets.num_sets > 1:
        better = all(sign * value > sign * each for each in sets.values)
        return f"better than each of {sets.num_sets} sets of real clips" if better else ""
    return f"better than {task.evaluation.floor}" if sign * value > sign * floor else ""


def _growth(result: Result) -> list[dict[str, Any]]:
    curves = []
    for name, curve in result.against_count.items():
        line = curve.at_infinity, curve.at_infinity_interval
        chart = growth_chart(curve.counts, curve.values, curve.num_fitted, *line) if curve.counts else ""
        words = None if curve.at_infinity is None else meaning(name, curve.at_infinity, None)
        curves.append({"name": name, "curve": curve, "words": words, "chart": Markup(chart)})  # noqa: S704 - every text in it is escaped when drawn
    return curves


def _against_time(result: Result, task: Task) -> list[dict[str, Any]]:
    bounds = dict.fromkeys((task.evaluation.floor, task.evaluation.ceiling))
    curves = []
    for name, curve in result.against_time.items():
        drawn = [bound for bound in bounds if bound != result.model.name]
        chart = time_chart(curve, task.clips.num_frames, drawn) if curve.windows else ""
        curves.append({"name": name, "curve": curve, "chart": Markup(chart)})  # noqa: S704 - every text in it is escaped when drawn
    return curves


def _truncation(result: Result) -> list[dict[str, Any]]:
    charts = []
    for name, metric in result.metrics.items() if result.truncation else ():
        points = [
            Point(record.sigma, record.metrics[name].value, record.metrics[name].interval)
            for record in result.truncation
        ]
        charts.append({"name": name, "chart": Markup(sweep_chart(points, metric.value))})  # noqa: S704 - every text in it is escaped when drawn
    return charts


def _no_truncation(result: Result, task: Task) -> str | None:
    sweep = task.evaluation.truncation_sweep
    return why_no_sweep(sweep, result.model.name) if sweep and not result.truncation else None
