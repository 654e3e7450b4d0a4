"""`vidbench score`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidbench.cli import options
from vidbench.cli.paths import CLIPS
from vidbench.distributed.ranks import ranks_from_environment
from vidbench.progress import Progress
from vidbench.scoring.run_options import RunOptions


@click.command("score")
@click.option(
    "--samples",
    required=True,
    type=CLIPS,
    metavar="PATH",
    help="Exchange folder, .npy or .npz (uint8 [N, T, H, W, 3]), folder of videos, or folder of frame folders.",
)
@options.scoring(leave_out=("seed",))
def command(samples: Path, task: str, as_json: bool, **chosen: Any) -> None:
    """Score clips that are already on disk, from any model.

    For prediction tasks, clips hold only the predicted frames, and sample i continues evaluation clip i. Samples that record
    what they answer (see `vidbench data export`) are refused if that is not what the task requires.
    """
    from vidbench.cli.table import print_result
    from vidbench.jobs.evaluate import score_samples

    result, folder = score_samples(samples, task, RunOptions(**chosen), Progress())
    if ranks_from_environment().is_main:
        print_result(result, task, folder, as_json)
