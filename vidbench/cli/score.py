"""`vidbench score`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from vidbench.cli import options
from vidbench.distributed.ranks import ranks_from_environment
from vidbench.progress import Progress


@click.command("score")
@click.option(
    "--samples",
    required=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Exchange folder, .npy or .npz (uint8 [N, T, H, W, 3]), folder of videos, or folder of frame folders.",
)
@options.scoring
def command(
    samples: Path,
    task: str,
    data: Path | None,
    reference: Path | None,
    output: Path | None,
    num_samples: int | None,
    batch_size: int,
    device: str | None,
    precision: Literal["exact", "fast"],
    as_json: bool,
) -> None:
    """Score clips that are already on disk, from any model.

    For prediction tasks the clips hold the predicted frames alone; sample i answers evaluation clip i. Samples that say what
    they answer (`vidbench data export` gives it) are refused where that is not what the task asks.
    """
    from vidbench.cli.table import print_result
    from vidbench.jobs.evaluate import score_samples
    from vidbench.scoring.run import Options

    chosen = Options(data, output, num_samples, batch_size, device, precision, reference=reference)
    result, folder = score_samples(samples, task, chosen, Progress())
    if ranks_from_environment().is_main:
        print_result(result, task, folder, as_json)
