"""`vidbench measure`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vidbench.cli import options
from vidbench.cli.paths import CLIPS, PATH
from vidbench.distributed.ranks import ranks_from_environment
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.tasks.schema import PixelConvention


@click.command("measure")
@click.argument("real", type=CLIPS, required=False, metavar="REAL")
@click.argument("samples", type=CLIPS, nargs=-1)
@click.option(
    "--metric",
    "metrics",
    required=True,
    multiple=True,
    metavar="ID",
    help="Metric id, or a pattern like 'fvd*'; repeatable.",
)
@options.clip_shape
@click.option(
    "--weights", multiple=True, metavar="NETWORK=FILE", help="Weights of a network, .safetensors or .npz; repeatable."
)
@click.option(
    "--real-statistics",
    type=PATH,
    metavar="FILE",
    help="Statistics of real clips from `vidbench data statistics DIR --metric ID` or Python; then every argument is samples.",
)
@options.output("Folder for measurement.json and report.html; default: nothing is written.")
@options.ignore
@options.device
@options.precision
@options.batch_size
@options.as_json
def command(
    real: Path | None,
    samples: tuple[Path, ...],
    num_frames: int,
    stride: int,
    resolution: int | None,
    pixels: PixelConvention,
    weights: tuple[str, ...],
    real_statistics: Path | None,
    output: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Measure one or more SAMPLES against REAL, any folders or arrays of clips; always unofficial.

    Each is an exchange folder, a .npy or .npz file (uint8 [N, T, H, W, 3]), a folder of videos, or a folder of frame
    folders; videos may be in sub-folders, e.g. one per class. Each video gives one clip, its first frames; videos that are
    too short are refused. A metric that cannot run is an error if it was named, and reported if a pattern matched it.
    """
    from vidbench.cli.measured_table import print_together
    from vidbench.jobs.measure import MeasureOptions
    from vidbench.jobs.measure_together import measure_together
    from vidbench.samples.clip_folder import ClipShape
    from vidmetrics.metric_objects.statistics_files import Statistics

    if real is None:
        raise InputError(
            "REAL and SAMPLES are missing: name the real clips and one or more folders or arrays of samples."
            if real_statistics is None
            else "SAMPLES is missing: --real-statistics takes the place of REAL, so name one or more folders or arrays of samples."
        )
    given: Path | Statistics = real
    if real_statistics is not None:
        given, samples = Statistics.load(real_statistics), (real, *samples)
    elif not samples:
        raise InputError("SAMPLES is missing after REAL: name one or more folders or arrays of samples.")
    shape = ClipShape(num_frames, stride, resolution, pixels)
    progress = Progress()
    chosen_options = MeasureOptions(shape=shape, weights=_by_network(weights), **chosen)
    found = measure_together(given, samples, chosen_options, progress, output)
    if ranks_from_environment().is_main:
        for reason in dict.fromkeys(reason for each in found for reason in each.not_measured.values()):
            ids = dict.fromkeys(id for each in found for id, other in each.not_measured.items() if other == reason)
            progress.say(f"Not measured: {', '.join(ids)}. {reason}")
        print_together(found, as_json)


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
