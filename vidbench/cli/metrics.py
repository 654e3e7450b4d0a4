"""`vidbench metrics list` and `vidbench metrics show`."""

from __future__ import annotations

import json
from typing import Any

import click

from vidbench.cli import options
from vidbench.cli.groups import Group
from vidbench.cli.streams import echo_line
from vidmetrics.catalog.definitions import METRICS, MetricDefinition, get_metric


@click.group("metrics", cls=Group)
def command() -> None:
    """List the metrics that --metric accepts, or print a definition."""


@command.command("list")
@options.as_json
def metrics_list(as_json: bool) -> None:
    """Print one line per metric: id, direction, feature extractor and whether its weights are here, title."""
    rows = [_row(metric) for metric in METRICS.values()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    widths = [max(len(row[name]) for row in rows) for name in ("id", "network", "weights")]
    for row in rows:
        cells = [row[name].ljust(width) for name, width in zip(("id", "network", "weights"), widths, strict=True)]
        echo_line(f"{cells[0]}  {row['better']:<6}  {cells[1]}  {cells[2]}  {row['title']}")


@command.command("show")
@click.argument("metric")
@options.as_json
def metrics_show(metric: str, as_json: bool) -> None:
    """Print the definition of METRIC and where it comes from."""
    definition = get_metric(metric)
    row = {**_row(definition), "output": definition.output, "source": definition.source}
    if as_json:
        click.echo(json.dumps(row, indent=2))
        return
    width = max(map(len, row))
    for name, value in row.items():
        echo_line(f"{name:<{width}}  {value or '-'}")
    if row["weights"] == "absent":
        echo_line(f"{'':<{width}}  vidbench weights fetch {definition.network}")


def _row(metric: MetricDefinition) -> dict[str, Any]:
    from vidbench.jobs.weights import weights_path

    here = metric.network and weights_path(metric.network).is_file()
    return {
        "id": metric.id,
        "better": "higher" if metric.higher_is_better else "lower",
        "network": metric.network,
        "weights": ("here" if here else "absent") if metric.network else "",
        "title": metric.title,
    }
