"""`report.html` of `vidbench measure --output`: one page over all folders of samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from vidbench.rendering.numbers import interval_text
from vidbench.report.charts import Point
from vidbench.report.page import report_templates
from vidbench.report.samples_chart import samples_chart
from vidbench.results.meaning import marked
from vidbench.results.measurement import Measurement


def render_measured(found: Sequence[Measurement], document: str) -> str:
    """Return the page as HTML text without external references.

    Args:
        found: the measurement of each folder of samples, against the same real clips.
        document: the same as JSON, shown at the end.
    """
    return (
        report_templates()
        .get_template("measured.html.jinja")
        .render(
            found=found,
            first=found[0],
            metrics=[_of_metric(id, found) for id in dict.fromkeys(id for each in found for id in each.metrics)],
            cautions=list(dict.fromkeys(line for each in found for line in each.cautions)),
            reasons=list(dict.fromkeys(reason for each in found for reason in each.reasons)),
            document=document,
        )
    )


def _of_metric(id: str, found: Sequence[Measurement]) -> dict[str, Any]:
    rows = [(each.samples.path, each.metrics[id]) for each in found if id in each.metrics]
    higher = rows[0][1].higher_is_better
    points = [Point(0.0, metric.value, metric.interval) for _, metric in rows]
    chart = samples_chart([path for path, _ in rows], points, higher)
    return {
        "name": marked(id),
        "higher": higher,
        "rows": [(path, metric, interval_text(metric.interval)) for path, metric in rows],
        "chart": Markup(chart),  # noqa: S704 - every text in it is escaped when drawn
    }
