"""What `vidbench compare` prints of more than two results."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidbench.cli.streams import echo_line, table_console

if TYPE_CHECKING:
    from vidbench.results.comparison_matrix import Matrix, Pair
    from vidbench.results.schema import Result


def print_matrices(paths: Sequence[Path], results: Sequence[Result], as_json: bool) -> None:
    """Print a matrix of differences for each metric, or one JSON document."""
    from vidbench.results.comparison_matrix import compare_many

    found = compare_many(results)
    if as_json:
        document = {"results": list(map(str, paths)), "matrices": [dataclasses.asdict(each) for each in found]}
        click.echo(json.dumps(document, indent=2))
        return
    for place, (path, result) in enumerate(zip(paths, results, strict=True)):
        status = "official" if result.official else "unofficial"
        echo_line(f"{_name(place)}  {result.model.name} on {result.task.name} v{result.task.version}, {status}: {path}")
    for each in found:
        _print_matrix(each, results)
    for sentence in dict.fromkeys(
        f"{_name(pair.a)} and {_name(pair.b)} are not comparable: {pair.obstacles[0]}"
        for each in found
        for pair in each.pairs
        if pair.obstacles
    ):
        echo_line(f"  - {sentence}")


def _name(place: int) -> str:
    """Return A to Z, then A1, B1 and so on."""
    turn, letter = divmod(place, 26)
    return f"{chr(ord('A') + letter)}{turn or ''}"


def _print_matrix(matrix: Matrix, results: Sequence[Result]) -> None:
    from rich.table import Table

    from vidbench.rendering.numbers import counted, score_text

    comparisons = counted(len(matrix.pairs), "comparison")
    click.echo("")
    click.echo(f"{matrix.metric}, best first: column - row; * exceeds the noise of {comparisons} together (95 %)")
    table = Table()
    for name in ("", "value", *map(_name, matrix.places[1:])):
        table.add_column(name, justify="right")
    pairs = {(pair.a, pair.b): pair for pair in matrix.pairs}
    for row, a in enumerate(matrix.places):
        cells = ["" if column <= row else _cell(pairs[a, b]) for column, b in enumerate(matrix.places) if column]
        table.add_row(_name(a), score_text(results[a].metrics[matrix.metric].value), *cells)
    table_console(width=120).print(table)


def _cell(pair: Pair) -> str:
    from vidbench.rendering.numbers import score_text

    found = pair.difference
    if found is None:
        return "-"
    sign = "-" if found.difference < 0 else "+"
    return f"{sign}{score_text(abs(found.difference))}{'*' if found.exceeds_noise else ' '}"
