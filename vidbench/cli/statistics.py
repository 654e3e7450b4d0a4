"""`vidbench data statistics`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from vidbench.cli import options
from vidbench.cli.paths import PATH
from vidbench.cli.streams import echo_line
from vidbench.scoring.run_options import RunOptions


@click.command("statistics")
@options.task
@options.data
@options.ignore
@click.option(
    "--output",
    required=True,
    type=PATH,
    metavar="FILE",
    help="The .safetensors file to write; it must not exist.",
)
@click.option("--bounds/--no-bounds", default=True, show_default=True, help="Also score the task's bounds.")
@options.batch_size
@options.device
@options.precision
@options.as_json
def command(task: str, output: Path, bounds: bool, as_json: bool, **chosen: Any) -> None:
    """Write a task's reference statistics to a file, for labs without the data.

    `vidbench evaluate` and `vidbench score` read it with --reference FILE. Runs under torchrun without changes.
    """
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
