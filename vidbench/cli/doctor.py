"""`vidbench doctor`."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping

import click

from vidbench.cli import options
from vidbench.cli.streams import echo_line

_WIDTH = 100
_Rows = Mapping[str, str]


@click.command("doctor")
@options.as_json
def command(as_json: bool) -> None:
    """Show what is installed, which network weights are available, and which tasks can run.

    The last line is the command to run next.
    """
    from vidbench.jobs.doctor import environment_report

    report = environment_report()
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    for line in report_lines(report):
        echo_line(line)


def report_lines(report: Mapping[str, _Rows]) -> Iterator[str]:
    """Return the report for people: what can run in a few lines, and what is missing once."""
    from vidbench.jobs.doctor import ABSENT

    # What is absent stands below, once.
    networks = {name: said for name, said in report["networks"].items() if said != ABSENT}
    for section in ("versions", "devices", "folders", "networks"):
        yield section
        yield from _table(networks if section == "networks" else report[section])
    for section in ("metrics", "tasks"):
        yield from _runnable(section, report[section])
    yield from _listed("models", report["models"])
    answers = report["known answers"]
    computable = sum(said.startswith("can be") for said in answers.values())
    yield f"known answers: {computable} of {len(answers)} published numbers can be computed here (docs/weights.md)"
    if report["missing"]:
        yield "missing"
        for name, said in report["missing"].items():
            yield from _listed(f"  {name}", said.split(", "))
    yield ""
    yield f"next: {report['next']['command']}"


def _table(rows: _Rows) -> Iterator[str]:
    width = max(map(len, rows))
    for name, value in rows.items():
        yield f"  {name:<{width}}  {value}"


def _runnable(section: str, rows: _Rows) -> Iterator[str]:
    """Return the names that can run here, by what else they need."""
    by_need: dict[str, list[str]] = {"can run": []}
    for name, said in rows.items():
        if said.startswith("can run"):
            by_need.setdefault(said, []).append(name)
    for said, names in by_need.items():
        yield from _listed(f"{section} that {said.partition(':')[0]}", names)


def _listed(title: str, names: Iterable[str]) -> Iterator[str]:
    text = ", ".join(names) or "none"
    yield from textwrap.wrap(f"{title}: {text}", _WIDTH, subsequent_indent="    ", break_on_hyphens=False)
