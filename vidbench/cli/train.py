"""`vidbench train`."""

from __future__ import annotations

from pathlib import Path

import click

from vidbench.cli import options
from vidbench.errors import InputError
from vidbench.progress import Progress


@click.command("train")
@options.model
@options.task
@options.data
@options.output("Folder for checkpoints, log and sample sheets; a training found there goes on.", required=True)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Train up to step N in all.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the model; may be repeated.")
@options.device
@options.seed("Seed of the weights, the latents and the order of the data; 0 by default.")
def command(
    model: str,
    task: str,
    data: Path | None,
    output: Path,
    steps: int | None,
    settings: tuple[str, ...],
    device: str | None,
    seed: int | None,
) -> None:
    """Train a model on a task's training clips, or go on with a training."""
    from vidbench.training import train_model

    checkpoint = train_model(model, task, data, output, steps, parse_settings(settings), device, seed or 0, Progress())
    click.echo(checkpoint)


def parse_settings(settings: tuple[str, ...]) -> dict[str, str]:
    """Split ``key=value`` texts.

    Raises:
        InputError: no equals sign, or a key given twice.
    """
    parsed: dict[str, str] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"--set {text} is not of the form key=value: write for example --set batch_size=16.")
        if key in parsed:
            raise InputError(f"--set {key} is given twice: keep one of them.")
        parsed[key] = value
    return parsed
