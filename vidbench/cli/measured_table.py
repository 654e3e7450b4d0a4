"""The table of `vidbench measure`, and the lines below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from vidbench.cli.streams import echo_line, table_console

if TYPE_CHECKING:
    from vidbench.results.measurement import Measurement


def print_measured(found: Sequence[Measurement]) -> None:
    """Print one table of all folders of samples, metric by metric, and remarks on the values."""
    from rich.table import Table

    from vidbench.rendering.numbers import INTERVAL_HEADER, interval_text, score_text
    from vidbench.results.meaning import marked

    several = len(found) > 1
    table = Table()
    for name in ("metric", "better", *(["of"] if several else [])):
        table.add_column(name)
    for name in ("value", INTERVAL_HEADER, "samples", "real"):
        table.add_column(name, justify="right")
    for id in dict.fromkeys(id for each in found for id in each.metrics):
        for each in found:
            if (metric := each.metrics.get(id)) is None:
                continue
            real = "-" if metric.num_reference is None else f"{metric.num_reference:,}"
            better = "higher" if metric.higher_is_better else "lower"
            numbers = (score_text(metric.value), interval_text(metric.interval), f"{metric.num_samples:,}", real)
            table.add_row(marked(id), better, *([each.samples.path] if several else []), *numbers)
    first = found[0]
    paths = ", ".join(each.samples.path for each in found)
    echo_line(f"{paths} against {first.real.path}, {first.num_frames} frames of {first.width}x{first.height}")
    table_console(width=120).print(table)
    remarks = [(f"{each.samples.path}: " if several else "", each) for each in found]
    cautions = dict.fromkeys(line for each in found for line in each.cautions)
    values = [f"{where}{line}" for where, each in remarks for line in each.value_remarks]
    reasons = dict.fromkeys(reason for each in found for reason in each.reasons)
    for line in (*cautions, *values, "unofficial, because:", *(f"  - {reason}" for reason in reasons)):
        echo_line(line)


def print_together(found: Sequence[Measurement], as_json: bool) -> None:
    """Print measurements as a table, or as one JSON document."""
    from vidbench.jobs.measure_together import measured_document

    if as_json:
        click.echo(measured_document(found))
    else:
        print_measured(found)
