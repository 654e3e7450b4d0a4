"""`vidbench compare`."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidbench.cli import options
from vidbench.cli.paths import PATH
from vidbench.cli.streams import echo_line
from vidbench.errors import InputError

if TYPE_CHECKING:
    from vidbench.results.comparison import Comparison, Difference
    from vidbench.results.schema import Result


@click.command("compare")
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@click.argument("more", type=PATH, nargs=-1)
@click.option(
    "--max-regression",
    type=click.FloatRange(min=0),
    metavar="SHARE",
    help="Exit with 1 if a metric of B is worse than A's by more than this share of A's value (0.05: 5 %) and beyond the noise, or "
    "if the two are not comparable.",
)
@options.as_json
def command(a: Path, b: Path, more: tuple[Path, ...], max_regression: float | None, as_json: bool) -> None:
    """Compare two or more results, each a result.json or the folder of a run.

    Prints B - A for each metric with its 95 % confidence interval, whether it exceeds the noise, and each reason why the two
    are not comparable. The intervals cover the sampling of generated clips with the reference set fixed. Predictions of the
    same contexts are compared in pairs ("paired"), which tells smaller differences; other runs are taken to be independent.

    Of more than two, prints every difference of two, metric by metric and best first, and marks those that exceed the noise of
    all comparisons together (Bonferroni). Neighbours without a mark are ties.
    """
    from vidbench.cli.matrix_table import print_matrices
    from vidbench.results.comparison import compare_results, load, regressions

    if more:
        if max_regression is not None:
            raise InputError("--max-regression compares a new result with an earlier one; give exactly two results.")
        print_matrices((a, b, *more), [load(path) for path in (a, b, *more)], as_json)
        return
    first, second = load(a), load(b)
    found = compare_results(first, second)
    worse = () if max_regression is None else regressions(found, max_regression)
    if as_json:
        document = {"comparable": found.comparable, **dataclasses.asdict(found)}
        click.echo(json.dumps(document if max_regression is None else document | {"regressions": worse}, indent=2))
    else:
        _print((a, b), (first, second), found)
        for sentence in worse:
            echo_line(f"regression: {sentence}")
    if max_regression is not None and (worse or not found.comparable):
        sys.exit(1)


def _print(paths: tuple[Path, Path], results: tuple[Result, Result], found: Comparison) -> None:
    from vidbench.rendering.numbers import score_text

    for name, path, result in zip("AB", paths, results, strict=True):
        status = "official" if result.official else "unofficial"
        echo_line(f"{name}  {result.model.name} on {result.task.name} v{result.task.version}, {status}: {path}")
    click.echo("")
    for each in found.differences:
        line = f"{each.metric:<14} A {score_text(each.a)}  B {score_text(each.b)}  B - A {_signed(each.difference)}"
        if each.interval is not None:
            line += f"  [{_signed(each.interval[0])}, {_signed(each.interval[1])}{', paired' if each.paired else ''}]"
        click.echo(f"{line}  {_verdict(each, found.comparable)}")
    click.echo("")
    click.echo("comparable" if found.comparable else "not comparable:")
    for sentence in found.obstacles:
        echo_line(f"  - {sentence}")
    for sentence in found.remarks:
        echo_line(f"note: {sentence}")


def _signed(value: float) -> str:
    from vidbench.rendering.numbers import score_text

    return f"{'-' if value < 0 else '+'}{score_text(abs(value))}"


def _verdict(each: Difference, comparable: bool) -> str:
    if not comparable:
        return "not comparable"
    if each.better is None:
        return "equal"
    if each.exceeds_noise is None:
        return f"{each.better.upper()} is better; without an interval its noise is unknown"
    return f"{each.better.upper()} is better" if each.exceeds_noise else "within the noise"
