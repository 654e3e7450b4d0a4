"""`vidbench train`."""

from __future__ import annotations

from typing import Any

import click

from vidbench.cli import options
from vidbench.cli.streams import echo_line
from vidbench.distributed.ranks import ranks_from_environment
from vidbench.errors import InputError
from vidbench.progress import Progress


@click.command("train")
@options.model
@click.option(
    "--task", metavar="TASK", help="Task name, or path of a TOML task file; not needed for a plain folder of videos."
)
@options.data
@click.option(
    "--num-frames", type=int, metavar="N", help="Without --task: frames per clip of the videos in --data DIR."
)
@click.option(
    "--resolution", type=int, metavar="SIDE", help="Without --task: crop the central square, resize it to SIDE."
)
@options.ignore
@options.output(
    "Folder for checkpoints, log and sample sheets; default: runs/TASK/MODEL-training. A run found there is resumed."
)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Total number of steps to reach.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="A setting of the model; repeatable.")
@click.option(
    "--metrics-every", type=click.IntRange(min=1), metavar="N", help="Measure every N steps, for a training curve."
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="ID",
    help="With --metrics-every: a metric to measure; repeatable; default: the task's metrics.",
)
@click.option(
    "--metric-samples",
    type=click.IntRange(min=2),
    metavar="N",
    help="With --metrics-every: samples per measurement; default: 256, enough for a curve but not for a result.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    type=click.Choice(["tensorboard", "wandb"]),
    help="Also send losses and metrics there; repeatable; needs vidbench[tensorboard] or vidbench[wandb].",
)
@options.device
@options.seed("Seed of the weights, the latents and the order of the data; default: 0.")
def command(
    model: str,
    task: str | None,
    num_frames: int | None,
    resolution: int | None,
    settings: tuple[str, ...],
    metrics_every: int | None,
    metrics: tuple[str, ...],
    metric_samples: int | None,
    seed: int | None,
    **chosen: Any,
) -> None:
    """Train a model on a task's training clips, or resume its training; on several devices under torchrun.

    A plain folder of videos needs no task: --data DIR --num-frames 16 --resolution 64 makes one, which is written as task.toml
    into the output folder.
    """
    from vidbench.data.plain_folder import task_or_folder
    from vidbench.jobs.train import TrainOptions, train_model
    from vidbench.jobs.training_curve import CurveOptions

    if metrics_every is None and (metrics or metric_samples):
        raise InputError("--metric and --metric-samples have no effect without --metrics-every: add it.")
    curve = None
    if metrics_every is not None:
        samples = {} if metric_samples is None else {"num_samples": metric_samples}
        curve = CurveOptions(every=metrics_every, metrics=metrics, **samples)
    train_options = TrainOptions(**chosen, settings=parse_settings(settings), seed=seed or 0, curve=curve)
    named = (
        task_or_folder(task, train_options.data, num_frames, resolution)
        if task is None or num_frames or resolution
        else task
    )
    checkpoint = train_model(model, named, train_options, Progress())
    if ranks_from_environment().is_main:
        echo_line(checkpoint)


def parse_settings(settings: tuple[str, ...]) -> dict[str, str]:
    """Parse ``key=value`` strings.

    Raises:
        InputError: no equals sign, or a repeated key.
    """
    parsed: dict[str, str] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"--set {text[:100]} is not of the form key=value: write for example --set batch_size=16.")
        if key in parsed:
            raise InputError(f"--set {key} is given twice: keep one of them.")
        parsed[key] = value
    return parsed
