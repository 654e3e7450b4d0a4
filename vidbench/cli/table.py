"""The table at the end of `evaluate` and `score`."""

from __future__ import annotations

from pathlib import Path

import click
from rich.table import Table

from vidbench.cli.result_lines import result_lines
from vidbench.cli.streams import echo_line, table_console
from vidbench.rendering.numbers import INTERVAL_HEADER, interval_text, score_text
from vidbench.rendering.printable import printable_line
from vidbench.results.meaning import marked
from vidbench.results.real_clips import FloorSets, floor_text
from vidbench.results.schema import MetricRecord, Result
from vidbench.tasks import Task, load_task
from vidbench.validity.checks import panel_lines


def print_result(result: Result, task_name: str, output: Path, as_json: bool) -> None:
    """Print a result as a table with its neighbours on the leaderboard, or as one JSON document."""
    from vidbench.leaderboard.better_than_real import real_clip_flags
    from vidbench.leaderboard.placement import placement_lines

    if as_json:
        click.echo(result.to_json())
        return
    task = load_task(task_name).task
    table_console(width=120).print(_table(result, task))
    flags = [f"flagged {code}: {words}" for code, words in real_clip_flags(result).items()]
    panel = [*panel_lines(result.validity), ""] if result.validity else []
    for line in (*result.remarks, *flags, *result_lines(result), *panel, *_status(result, output)):
        echo_line(line)
    click.echo("\n".join(["", *placement_lines(result, task)]))


def _table(result: Result, task: Task) -> Table:
    first = next(iter(result.metrics.values()))
    runs = f" x {len(first.runs)} runs" if first.runs else ""
    title = f"{result.model.name} on {result.task.name} v{result.task.version}: {first.num_samples:,} samples{runs}"
    table = Table(title=printable_line(title), title_justify="left")
    table.add_column("metric")
    table.add_column("better")
    table.add_column("value", justify="right", style="bold")
    table.add_column(INTERVAL_HEADER, justify="right")
    table.add_column(f"floor ({task.evaluation.floor})", justify="right")
    table.add_column(f"ceiling ({task.evaluation.ceiling})", justify="right")
    for name, metric in result.metrics.items():
        table.add_row(marked(name), *_cells(metric, result.floor_sets_of(name)))
    return table


def _cells(metric: MetricRecord, sets: FloorSets | None) -> tuple[str, ...]:
    return (
        "higher" if metric.higher_is_better else "lower",
        score_text(metric.value) + ("" if metric.spread is None else f" ± {score_text(metric.spread)}"),
        interval_text(metric.interval),
        floor_text(metric.floor, sets),
        "-" if metric.ceiling is None else score_text(metric.ceiling),
    )


def _status(result: Result, output: Path) -> list[str]:
    lines = ["official" if result.official else "unofficial, because:"]
    lines += [f"  - {reason}" for reason in result.reasons]
    lines += ["", f"result  {output / 'result.json'}", f"report  {output / 'report.html'}"]
    return lines
