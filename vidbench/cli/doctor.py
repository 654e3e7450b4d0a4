"""`vidbench doctor`."""

from __future__ import annotations

import json

import click

from vidbench.cli import options


@click.command("doctor")
@options.as_json
def command(as_json: bool) -> None:
    """Show what is installed, which network weights are available, and which tasks can run."""
    from vidbench.jobs.doctor import environment_report

    report = environment_report()
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    for section, rows in report.items():
        click.echo(section)
        width = max(len(name) for name in rows)
        for name, value in rows.items():
            click.echo(f"  {name:<{width}}  {value}")
