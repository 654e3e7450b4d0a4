"""`vidbench data statistics`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from vidbench.cli import options
from vidbench.cli.paths import PATH
from vidbench.cli.streams import echo_line
from vidbench.errors import InputError
from vidbench.rendering.numbers import counted
from vidbench.results.real_clips import floor_text
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks.schema import PixelConvention


@click.command("statistics")
@click.argument("folder", metavar="[DIR]", type=PATH, required=False)
@click.option("--task", metavar="TASK", help="Task name, or path of a TOML task file; the statistics replace its data.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="ID",
    help="Metric that the statistics of the clips in DIR are to serve; repeatable.",
)
@options.data
@options.ignore
@click.option(
    "--output",
    required=True,
    type=PATH,
    metavar="FILE",
    help="The .safetensors file to write; it must not exist.",
)
@click.option("--bounds/--no-bounds", default=True, show_default=True, help="Also score the bounds of the task.")
@options.floor_sets
@options.clip_shape
@options.batch_size
@options.device
@options.precision
@options.as_json
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path | None,
    task: str | None,
    metrics: tuple[str, ...],
    output: Path,
    bounds: bool,
    floor_sets: int | None,
    num_frames: int,
    stride: int,
    resolution: int | None,
    pixels: PixelConvention,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Write the statistics of real clips to a file: of a task, for labs without the data, or of any folder DIR.

    `vidbench evaluate` and `vidbench score` read those of a task with --reference FILE; `vidbench measure` reads those of a folder
    with --real-statistics FILE, and Python with vidmetrics.Statistics.load. Runs under torchrun without changes.
    """
    _refuse_mixture(ctx, folder, task, metrics)
    _refuse_sets(floor_sets, folder, bounds)
    if folder is not None:
        data = chosen.pop("data")
        if data is not None:
            raise InputError(f"--data {data} belongs to a task, and the clips are those of {folder}: leave it out.")
        shape = (num_frames, stride, resolution, pixels)
        _write_of_folder(folder, output, metrics, shape, as_json, chosen)
    elif task is not None:
        _write_of_task(task, output, bounds, as_json, {**chosen, "floor_sets": floor_sets})


def _refuse_mixture(ctx: click.Context, folder: Path | None, task: str | None, metrics: tuple[str, ...]) -> None:
    if (folder is None) == (task is None):
        both = "not of both" if folder is not None else "name one of them"
        raise InputError(
            f"Statistics are of a task (--task TASK) or of the clips of a folder (DIR --metric ID); {both}."
        )
    if folder is not None and not metrics:
        raise InputError(f"--metric ID is missing: name the metrics that the statistics of {folder} are to serve.")
    if folder is not None:
        return
    if metrics:
        raise InputError("--metric chooses for a folder, and a task has its own metrics: leave it out.")
    for name in ("num_frames", "stride", "resolution", "pixels"):
        source = ctx.get_parameter_source(name)
        if source is not None and source is not click.core.ParameterSource.DEFAULT:
            raise InputError(
                f"--{name.replace('_', '-')} is of a folder, and a task says how its clips are cut: leave it out."
            )


def _refuse_sets(floor_sets: int | None, folder: Path | None, bounds: bool) -> None:
    if floor_sets is not None and folder is not None:
        raise InputError("--floor-sets is of a task, and a folder has no held-out clips: leave it out.")
    if floor_sets is not None and not bounds:
        raise InputError(
            f"--floor-sets {floor_sets} measures the floor, which --no-bounds leaves out: give one of the two."
        )


def _write_of_folder(
    folder: Path,
    output: Path,
    metrics: tuple[str, ...],
    shape: tuple[int, int, int | None, PixelConvention],
    as_json: bool,
    chosen: dict[str, Any],
) -> None:
    from vidbench.jobs.folder_statistics import save_folder_statistics
    from vidbench.jobs.measure import MeasureOptions
    from vidbench.progress import Progress
    from vidbench.samples.clip_folder import ClipShape

    options_chosen = MeasureOptions(metrics=metrics, shape=ClipShape(*shape), **chosen)
    statistics = save_folder_statistics(folder, output, options_chosen, Progress())
    if statistics is None:
        return
    if as_json:
        document = {
            "file": str(output),
            "metrics": statistics.metrics,
            "num_clips": statistics.num_clips,
            "size": statistics.size,
            "networks": statistics.networks,
            "protocol": statistics.protocol,
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    echo_line(f"statistics {output}")
    echo_line(f"of         {statistics}")


def _write_of_task(task: str, output: Path, bounds: bool, as_json: bool, chosen: dict[str, Any]) -> None:
    from vidbench.jobs.statistics import export_statistics
    from vidbench.progress import Progress

    written = export_statistics(task, output, RunOptions(**chosen), Progress(), with_bounds=bounds)
    if written is None:
        return
    sha256, provenance = written
    if as_json:
        document = {"file": str(output), "sha256": sha256, "provenance": provenance.model_dump(mode="json")}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    real = provenance.reference
    echo_line(f"statistics {output}")
    echo_line(f"sha256     {sha256}")
    echo_line(f"task       {provenance.task.name} v{provenance.task.version}, {provenance.task.fingerprint[:12]}")
    echo_line(f"reference  {real.num_clips:,} clips of split {real.split}, {real.coverage:.2%} of the official ones")
    bounds_written = {} if provenance.bounds is None else provenance.bounds.bounds
    for record in bounds_written.values():
        for metric, sets in record.sets.items():
            echo_line(
                f"floor      {metric} {floor_text(None, sets)} ({counted(sets.num_sets, 'set')} of held-out clips)"
            )
