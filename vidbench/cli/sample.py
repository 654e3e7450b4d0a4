"""`vidbench sample`."""

from __future__ import annotations

from typing import Any

import click

from vidbench.cli import options
from vidbench.cli.streams import echo_line
from vidbench.progress import Progress


@click.command("sample")
@options.model
@options.task
@options.data
@options.ignore
@click.option(
    "--num-samples", type=click.IntRange(min=1), metavar="N", help="Samples per run; default: the task's number."
)
@options.output("Folder to write; it must not exist.", required=True)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["npy", "png", "mp4", "gif"]),
    default="npy",
    show_default=True,
    help="npy is the exchange format, which `vidbench score` reads losslessly; mp4 and gif are for viewing.",
)
@options.batch_size
@options.device
@options.seed("Seed of the samples; default: the task's.")
def command(model: str, task: str, **chosen: Any) -> None:
    """Write a model's clips for a task without scoring them: the same clips that `evaluate` scores.

    The same command resumes interrupted samples.
    """
    from vidbench.jobs.sample import SampleOptions, sample_model

    sample_model(model, task, SampleOptions(**chosen), Progress())
    echo_line(chosen["output"])
