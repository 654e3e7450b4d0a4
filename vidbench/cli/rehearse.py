"""`vidbench rehearse`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from vidbench.cli import options
from vidbench.cli.streams import echo_line
from vidbench.cli.train import parse_settings
from vidbench.progress import Progress
from vidbench.rendering.numbers import score_text


@click.command("rehearse")
@options.model
@options.task
@click.option(
    "--num-samples", type=click.IntRange(min=2), metavar="N", default=16, show_default=True, help="Samples per run."
)
@click.option(
    "--steps",
    type=click.IntRange(min=1),
    metavar="N",
    default=3,
    show_default=True,
    help="Training steps, if it trains.",
)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the model; repeatable.")
@options.output("Folder to write; default: rehearsals/TASK-MODEL. An earlier rehearsal there is replaced.")
@options.device
@options.as_json
def command(
    model: str,
    task: str,
    num_samples: int,
    steps: int,
    settings: tuple[str, ...],
    output: Path | None,
    device: str | None,
    as_json: bool,
) -> None:
    """Try the whole path of a task in minutes, without its data and weights.

    Makes a miniature of the published data folder, with rendered videos, one missing and one broken, and networks with
    random weights; scans it, trains the model a few steps if it trains, and evaluates it. No number means anything, and
    none can enter a leaderboard. Ends with what the real run will take on this machine.
    """
    from vidbench.jobs.rehearse import RehearseOptions, rehearsal_document, rehearse_task

    chosen = RehearseOptions(
        output=output, num_samples=num_samples, steps=steps, settings=parse_settings(settings), device=device
    )
    outcome = rehearse_task(model, task, chosen, Progress())
    if as_json:
        click.echo(json.dumps(rehearsal_document(outcome), indent=2, ensure_ascii=False))
        return
    metrics = ", ".join(f"{id} {score_text(metric.value)}" for id, metric in outcome.result.metrics.items())
    echo_line(f"Rehearsal: every step worked. Its scores mean nothing and enter nothing: {metrics}")
    echo_line(f"Rehearsal: its files are in {outcome.folder}")
    if outcome.forecast:
        echo_line("Rehearsal: what the real run will take here, from the rates just measured")
        width = max(len(line.what) for line in outcome.forecast)
        for line in outcome.forecast:
            echo_line(f"  {line.what:<{width}}  {line.amount:>14}  {line.basis}")
