"""`vidbench evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from vidbench.cli import options
from vidbench.distributed.ranks import ranks_from_environment
from vidbench.progress import Progress


@click.command("evaluate")
@options.model
@options.scoring
@options.seed("Another seed of the samples than the task's: the result is then unofficial.")
def command(
    model: str,
    task: str,
    data: Path | None,
    reference: Path | None,
    output: Path | None,
    num_samples: int | None,
    batch_size: int,
    device: str | None,
    precision: Literal["exact", "fast"],
    as_json: bool,
    seed: int | None,
) -> None:
    """Sample from a model, score the samples on a task, write result.json and report.html.

    Killed at any moment, the same command goes on where it stopped. Runs under torchrun as it is.
    """
    from vidbench.cli.table import print_result
    from vidbench.jobs.evaluate import evaluate_model
    from vidbench.scoring.run import Options

    chosen = Options(data, output, num_samples, batch_size, device, precision, seed, reference=reference)
    result, folder = evaluate_model(model, task, chosen, Progress())
    if ranks_from_environment().is_main:
        print_result(result, task, folder, as_json)
