"""`vidbench compare`."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidbench.cli import options
from vidbench.cli.paths import PATH
from vidbench.cli.streams import echo_line

if TYPE_CHECKING:
    from vidbench.results.comparison import Difference


@click.command("compare")
@click.argument("a", type=PATH)
@click.argument("b", type=PATH)
@options.as_json
def command(a: Path, b: Path, as_json: bool) -> None:
    """Compare two results, each a result.json or the folder of a run.

    Prints B - A for each metric with its 95 % confidence interval, whether it exceeds the noise, and each reason why the two
    are not comparable. The intervals cover the sampling of generated clips with the reference set fixed; the two runs are
    taken to be independent.
    """
    from vidbench.rendering.numbers import score_text
    from vidbench.results.comparison import compare_results, load

    first, second = load(a), load(b)
    found = compare_results(first, second)
    if as_json:
        click.echo(json.dumps({"comparable": found.comparable, **dataclasses.asdict(found)}, indent=2))
        return
    names = ("A", "B")
    for name, path, result in zip(names, (a, b), (first, second), strict=True):
        status = "official" if result.official else "unofficial"
        echo_line(f"{name}  {result.model.name} on {result.task.name} v{result.task.version}, {status}: {path}")
    click.echo("")
    for each in found.differences:
        line = f"{each.metric:<14} A {score_text(each.a)}  B {score_text(each.b)}  B - A {_signed(each.difference)}"
        if each.interval is not None:
            line += f"  [{_signed(each.interval[0])}, {_signed(each.interval[1])}]"
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
