"""`vidbench measure`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from vidbench.cli import options
from vidbench.cli.paths import PATH
from vidbench.cli.streams import echo_line, table_console
from vidbench.distributed.ranks import ranks_from_environment
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.tasks.schema import PixelConvention

if TYPE_CHECKING:
    from vidbench.results.measurement import Measurement


@click.command("measure")
@click.argument("real", type=PATH)
@click.argument("samples", type=PATH)
@click.option(
    "--metric",
    "metrics",
    required=True,
    multiple=True,
    metavar="ID",
    help="Metric id, or a pattern like 'fvd*'; repeatable.",
)
@click.option(
    "--num-frames", type=int, default=16, show_default=True, help="Frames per clip, from the start of each video."
)
@click.option("--stride", type=int, metavar="N", default=1, show_default=True, help="Take every N-th frame.")
@click.option(
    "--resolution",
    type=int,
    metavar="SIDE",
    help="Crop the central square and resize it to SIDE (Pillow's bicubic); default: frames unchanged.",
)
@click.option(
    "--pixels",
    type=click.Choice(get_args(PixelConvention)),
    default="exact",
    show_default=True,
    help="How videos become RGB: the same on every machine, or as most published numbers were computed.",
)
@click.option(
    "--weights", multiple=True, metavar="NETWORK=FILE", help="Weights of a network, .safetensors or .npz; repeatable."
)
@options.ignore
@options.device
@options.precision
@options.batch_size
@options.as_json
def command(
    real: Path,
    samples: Path,
    num_frames: int,
    stride: int,
    resolution: int | None,
    pixels: PixelConvention,
    weights: tuple[str, ...],
    as_json: bool,
    **chosen: Any,
) -> None:
    """Measure SAMPLES against REAL, any two folders or arrays of clips; always unofficial.

    Each is an exchange folder, a .npy or .npz file (uint8 [N, T, H, W, 3]), a folder of videos, or a folder of frame
    folders; videos may be in sub-folders, e.g. one per class. Each video gives one clip, its first frames; videos that are
    too short are refused. A metric that cannot run is an error if it was named, and reported if a pattern matched it.
    """
    from vidbench.jobs.measure import MeasureOptions, measure_clips
    from vidbench.samples.clip_folder import ClipShape

    shape = ClipShape(num_frames, stride, resolution, pixels)
    progress = Progress()
    result = measure_clips(real, samples, MeasureOptions(shape=shape, weights=_by_network(weights), **chosen), progress)
    if ranks_from_environment().is_main:
        for reason in dict.fromkeys(result.not_measured.values()):
            ids = [id for id, other in result.not_measured.items() if other == reason]
            progress.say(f"Not measured: {', '.join(ids)}. {reason}")
        _print(result, as_json)


def _by_network(weights: tuple[str, ...]) -> dict[str, Path]:
    files = {}
    for entry in weights:
        network, equals, file = entry.partition("=")
        if not (network and equals and file):
            raise InputError(
                f"--weights '{entry}' is not of the form NETWORK=FILE, e.g. i3d-kinetics-400=i3d.safetensors."
            )
        if network in files:
            raise InputError(f"--weights names {network} twice: keep one of the files.")
        files[network] = Path(file)
    return files


def _print(result: Measurement, as_json: bool) -> None:
    if as_json:
        click.echo(result.to_json())
        return
    from rich.table import Table

    from vidbench.rendering.numbers import score_text
    from vidbench.results.meaning import marked

    table = Table()
    for name in ("metric", "better"):
        table.add_column(name)
    for name in ("value", "95 % interval", "samples", "real"):
        table.add_column(name, justify="right")
    for id, metric in result.metrics.items():
        interval = "-" if metric.interval is None else " to ".join(map(score_text, metric.interval))
        real = "-" if metric.num_reference is None else f"{metric.num_reference:,}"
        better = "higher" if metric.higher_is_better else "lower"
        table.add_row(marked(id), better, score_text(metric.value), interval, f"{metric.num_samples:,}", real)
    size = f"{result.num_frames} frames of {result.width}x{result.height}"
    echo_line(f"{result.samples.path} against {result.real.path}, {size}")
    table_console(width=120).print(table)
    for line in (*result.remarks, "unofficial, because:", *(f"  - {reason}" for reason in result.reasons)):
        echo_line(line)
