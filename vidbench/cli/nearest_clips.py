"""`vidbench nearest`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from vidbench.cli import options
from vidbench.cli.paths import CLIPS
from vidbench.cli.streams import echo_line
from vidbench.errors import InputError
from vidbench.tasks.schema import PixelConvention

_LISTED = 20


@click.command("nearest")
@click.option("--samples", type=CLIPS, required=True, metavar="PATH", help="The samples, as for `score` or `measure`.")
@click.option("--task", metavar="TASK", help="Search the training split of a task.")
@options.data
@click.option("--train", type=CLIPS, metavar="PATH", help="Search these training clips, in place of a task's.")
@click.option(
    "--held-out", type=CLIPS, metavar="PATH", help="With --train: real clips the model has not seen, for the flags."
)
@click.option("--network", metavar="NAME", help="Feature extractor; default: the first one of the task.")
@click.option("--k", "count", type=int, default=5, show_default=True, metavar="K", help="Training clips per sample.")
@click.option(
    "--train-clips",
    type=click.IntRange(min=1),
    metavar="N",
    help="Search the first N clips of the task's training split; default: all, of embedded clips as many as the reference set has.",
)
@options.clip_shape
@options.ignore
@options.device
@options.batch_size
@options.output("Folder for nearest.json and nearest.html; default: nothing is written.")
@options.as_json
def command(
    task: str | None,
    train: Path | None,
    held_out: Path | None,
    num_frames: int,
    stride: int,
    resolution: int | None,
    pixels: PixelConvention,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Find the training clips nearest to each sample, by distances in the features of a network.

    A sample is flagged if it is nearer to a training clip than all but 1 % of held-out clips are, as a memorised clip is. Of honest
    samples about 1 % are flagged by chance. The options of clip shape are for folders (--train); a task has its own.
    """
    from vidbench.distributed.launcher import require_single_process
    from vidbench.jobs.nearest_clips import NearestOptions, nearest_clips
    from vidbench.progress import Progress
    from vidbench.samples.clip_folder import ClipShape

    require_single_process("nearest")
    if task is not None and (train is not None or held_out is not None):
        raise InputError("A task has its own training and held-out clips: give --task, or --train with --held-out.")
    shape = ClipShape(num_frames, stride, resolution, pixels)
    found = nearest_clips(NearestOptions(task=task, train=train, held_out=held_out, shape=shape, **chosen), Progress())
    if as_json:
        click.echo(json.dumps(found.document(), indent=2))
        return
    for index in found.order()[:_LISTED]:
        clip = int(found.found.clips_NK[index, 0])
        mark = "  flagged" if found.flagged[index] else ""
        echo_line(f"sample {index:<6}  {found.found.distances_NK[index, 0]:<10.4g}  {found.names[clip]}{mark}")
    if len(found.flagged) > _LISTED:
        echo_line(f"... and {len(found.flagged) - _LISTED:,} more, farther away: --json and --output have all")
    echo_line(f"{found.sentence()} Distances in {found.space} to {found.found.num_training:,} training clips.")
    if chosen["output"] is not None:
        echo_line(f"page  {chosen['output'] / 'nearest.html'}")
