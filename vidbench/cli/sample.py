"""`vidbench sample`."""

from __future__ import annotations

from pathlib import Path

import click

from vidbench.cli import options
from vidbench.progress import Progress


@click.command("sample")
@options.model
@options.task
@options.data
@click.option("--num-samples", type=click.IntRange(min=1), metavar="N", help="The task's number by default.")
@options.output("Folder to write to; it must not exist yet.", required=True)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["npy", "png", "mp4", "gif"]),
    default="npy",
    show_default=True,
    help="npy is the exchange format that `vidbench score` reads exactly; mp4 and gif are for looking.",
)
@options.batch_size
@options.device
@options.seed("Another seed than the task's.")
def command(
    model: str,
    task: str,
    data: Path | None,
    num_samples: int | None,
    output: Path,
    kind: str,
    batch_size: int,
    device: str | None,
    seed: int | None,
) -> None:
    """Write a model's clips for a task, without scoring them: the very clips that `evaluate` would score."""
    from vidbench.jobs.sample import sample_model

    sample_model(model, task, data, num_samples, output, kind, batch_size, device, seed, Progress())
    click.echo(output)
