"""`vidbench train`."""

from __future__ import annotations

from pathlib import Path

import click

from vidbench.cli import options
from vidbench.distributed.ranks import ranks_from_environment
from vidbench.errors import InputError
from vidbench.progress import Progress


@click.command("train")
@options.model
@options.task
@options.data
@options.output(
    "Folder for checkpoints, log and sample sheets; runs/TASK/MODEL-training by default. A training found there goes on."
)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Train up to step N in all.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the model; may be repeated.")
@click.option(
    "--metrics-every", type=click.IntRange(min=1), metavar="N", help="Measure every N steps, for a training curve."
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="ID",
    help="With --metrics-every: what; the task's metrics by default.",
)
@click.option(
    "--metric-samples",
    type=click.IntRange(min=2),
    metavar="N",
    help="With --metrics-every: samples per measurement, 256 by default; few make a curve, not a result.",
)
@options.device
@options.seed("Seed of the weights, the latents and the order of the data; 0 by default.")
def command(
    model: str,
    task: str,
    data: Path | None,
    output: Path | None,
    steps: int | None,
    settings: tuple[str, ...],
    metrics_every: int | None,
    metrics: tuple[str, ...],
    metric_samples: int | None,
    device: str | None,
    seed: int | None,
) -> None:
    """Train a model on a task's training clips, or go on with a training; on several devices under torchrun."""
    from vidbench.jobs.train import CurveOptions, train_model
    from vidbench.jobs.training_curve import DEFAULT_SAMPLES

    if metrics_every is None and (metrics or metric_samples):
        raise InputError(
            "--metric and --metric-samples say what to measure and nothing says when: add --metrics-every."
        )
    curve = None
    if metrics_every is not None:
        curve = CurveOptions(metrics_every, metrics, metric_samples or DEFAULT_SAMPLES)
    checkpoint = train_model(
        model, task, data, output, steps, parse_settings(settings), device, seed or 0, Progress(), curve
    )
    if ranks_from_environment().is_main:
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
