"""`report.html`: one self-contained file that shows a result to a person."""

from __future__ import annotations

import math
from importlib import resources
from typing import Any

import jinja2
import numpy as np

from vidbench.report.moving_pictures import animated_webp, contact_sheet, data_uri
from vidbench.results import MetricRecord, Result
from vidbench.tasks.schema import Task
from vidbench.tasks.words import describe

_COLUMNS = 8
_FRAMES_PER_SECOND = 8.0
# Small frames are shown larger; the browser repeats pixels instead of smoothing them.
_SHOWN_WIDTH = 96


def render_report(result: Result, task: Task, samples_NTHWC: np.ndarray, real_NTHWC: np.ndarray | None) -> str:
    """Return the page as HTML text without any outside reference.

    Args:
        result: the result record.
        task: its protocol.
        samples_NTHWC: the first samples, uint8, given frames included.
        real_NTHWC: the first held-out real clips, uint8; None where they are not here.
    """
    source = resources.files("vidbench.report").joinpath("page.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    scale = max(1, round(_SHOWN_WIDTH / task.clips.width))
    pictures = [_picture(f"Samples of {result.model.name}", samples_NTHWC, scale)]
    if real_NTHWC is not None:
        pictures.append(_picture(f"Held-out real clips ({task.data.evaluation_split})", real_NTHWC, scale))
    return environment.from_string(source).render(
        result=result,
        task=task,
        protocol=describe(task),
        rows=[_row(name, metric) for name, metric in result.metrics.items()],
        pictures=pictures,
        document=result.to_json(),
    )


def _picture(title: str, clips_NTHWC: np.ndarray, scale: int) -> dict[str, Any]:
    sheet = contact_sheet(clips_NTHWC, _COLUMNS)
    return {
        "title": title,
        "uri": data_uri(animated_webp(sheet, _FRAMES_PER_SECOND)),
        "width": sheet.shape[2] * scale,
        "count": len(clips_NTHWC),
    }


def _row(name: str, metric: MetricRecord) -> dict[str, Any]:
    return {
        "name": name,
        "better": "higher" if metric.higher_is_better else "lower",
        "value": _number(metric.value) + ("" if metric.spread is None else f" ± {_number(metric.spread)}"),
        "interval": [_number(end) for end in metric.interval] if metric.interval else None,
        "floor": None if metric.floor is None else _number(metric.floor),
        "ceiling": None if metric.ceiling is None else _number(metric.ceiling),
        "position": _position(metric),
        "counts": f"{metric.num_samples:,} samples"
        + (f" in each of {len(metric.runs)} runs" if metric.runs else "")
        + (f", {metric.num_reference:,} real" if metric.num_reference is not None else ""),
    }


def _number(value: float) -> str:
    return f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"


def _position(metric: MetricRecord) -> float | None:
    """Per cent of the way from the floor (0) to the ceiling (100) on a log axis, None where it has no place there."""
    if metric.floor is None or metric.ceiling is None:
        return None
    values = (metric.value, metric.floor, metric.ceiling)
    if min(values) <= 0 or metric.floor == metric.ceiling:
        return None
    value, floor, ceiling = (math.log(each) for each in values)
    return round(100 * min(1.0, max(0.0, (value - floor) / (ceiling - floor))), 1)
