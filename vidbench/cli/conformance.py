"""`vidbench conformance`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from vidbench.cli import options
from vidbench.cli.streams import echo_line, table_console
from vidbench.rendering.printable import printable_line

if TYPE_CHECKING:
    from vidmetrics.conformance.suite import Outcome


@click.command("conformance")
@click.option(
    "--implementation",
    metavar="M:C",
    help="package.module:callable to test; default: vidmetrics. See docs/conformance.md.",
)
@click.option(
    "--vectors", "patterns", multiple=True, metavar="PATTERN", help="Only vectors with these names, e.g. 'frechet/*'."
)
@options.as_json
def command(implementation: str | None, patterns: tuple[str, ...], as_json: bool) -> None:
    """Run the known-answer suite on vidmetrics or any other implementation; exit 1 if a vector fails or none is tested.

    Failures are compared with the answers of known mistakes, so that the verdict comes with a diagnosis.
    """
    from vidbench.progress import Progress
    from vidmetrics.conformance.suite import OURS, load_implementation, nothing_tested, run_suite
    from vidmetrics.conformance.vectors import load_vectors

    target = implementation or OURS
    judged = load_implementation(target)
    vectors = load_vectors(patterns)
    with Progress(enabled=not as_json).stage("Vectors", len(vectors), "vectors") as advance:
        outcomes = run_suite(vectors, judged, lambda _: advance(1))
    if as_json:
        click.echo(json.dumps(_document(target, outcomes), indent=2))
    else:
        _print(target, outcomes)
    if nothing_tested(outcomes) or any(outcome.verdict in ("failed", "error") for outcome in outcomes):
        raise click.exceptions.Exit(1)


def _document(target: str, outcomes: list[Outcome]) -> dict[str, Any]:
    from vidmetrics.conformance.mistakes import MISTAKES
    from vidmetrics.conformance.suite import explanations, unexplained
    from vidmetrics.conformance.vectors import VERSION, encode

    return {
        "suite": VERSION,
        "implementation": target,
        "counts": _counts(outcomes),
        "vectors": [
            {
                "name": o.vector.name,
                "kind": o.vector.kind,
                "verdict": o.verdict,
                "expected": encode(o.vector.expected),
                "got": None if o.got is None else _finite(encode(o.got)),
                "deviation": o.deviation if o.deviation is not None and o.deviation < float("inf") else None,
                "tolerance": o.vector.tolerance,
                "oracle": o.vector.oracle,
                "message": o.message,
                "candidates": list(o.candidates),
            }
            for o in outcomes
        ],
        "diagnosis": [
            {"mistake": name, "title": MISTAKES[name].title, "vectors": [o.vector.name for o in explained]}
            for name, explained in explanations(outcomes)
        ],
        "unexplained": [o.vector.name for o in unexplained(outcomes)],
    }


def _finite(value: Any) -> Any:
    """Replace infinities with None, because JSON has none."""
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and abs(value) == float("inf") else value


def _counts(outcomes: list[Outcome]) -> dict[str, int]:
    verdicts = [outcome.verdict for outcome in outcomes]
    return {verdict: verdicts.count(verdict) for verdict in ("passed", "failed", "error", "not offered")}


def _print(target: str, outcomes: list[Outcome]) -> None:
    # Without any answer a table would repeat one word.
    if any(outcome.got is not None for outcome in outcomes):
        _print_table(target, outcomes)
    for line in _diagnosis(target, outcomes):
        echo_line(line)


def _print_table(target: str, outcomes: list[Outcome]) -> None:
    from rich.table import Table

    from vidmetrics.conformance.vectors import VERSION

    table = Table(title=printable_line(f"{target} on the known answers {VERSION}"), title_justify="left")
    for name in ("vector", "expected", "got", "error", "tolerance", "verdict"):
        table.add_column(name, justify="left" if name in ("vector", "verdict") else "right")
    for o in outcomes:
        error = "-" if o.deviation is None else f"{o.deviation:.1e}"
        got = "-" if o.got is None else _words(o.got)
        table.add_row(o.vector.name, _words(o.vector.expected), got, error, f"{o.vector.tolerance:.0e}", o.verdict)
    table_console(width=132).print(table)


def _words(answer: Any) -> str:
    """Format the first part of an answer: a number, or the shape of an array."""
    first = next(iter(answer.values()))
    return f"{float(first):.8g}" if first.ndim == 0 else "array " + "x".join(map(str, first.shape))


def _diagnosis(target: str, outcomes: list[Outcome]) -> list[str]:
    from vidmetrics.conformance.mistakes import MISTAKES
    from vidmetrics.conformance.suite import errors, explanations, nothing_tested, unexplained

    if nothing_tested(outcomes):
        kinds = list(dict.fromkeys(outcome.vector.kind for outcome in outcomes))
        named = ", ".join(kinds[:3]) + (f" and {len(kinds) - 3} more" if len(kinds) > 3 else "")
        return [f"nothing was tested: {target} returned NotImplemented for every kind ({named})"]
    counts = _counts(outcomes)
    lines = [", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)]
    failed = counts["failed"]
    for name, explained in explanations(outcomes):
        names = ", ".join(outcome.vector.name for outcome in explained)
        lines.append(
            f"{name}: {len(explained)} of {failed} failures look like code that {MISTAKES[name].title} ({names})"
        )
    unknown = [outcome.vector.name for outcome in unexplained(outcomes)]
    if unknown:
        lines.append(f"no known mistake: {', '.join(unknown)}")
    for message, affected in errors(outcomes):
        more = f" and {len(affected) - 1} more" if len(affected) > 1 else ""
        lines.append(f"error in {affected[0].vector.name}{more}: {message}")
    return lines
