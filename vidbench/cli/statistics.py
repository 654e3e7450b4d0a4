"""`vidbench data statistics`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import click

from vidbench.cli import options


@click.command("statistics")
@options.task
@options.data
@click.option(
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The .safetensors file to write; it must not exist.",
)
@click.option("--bounds/--no-bounds", default=True, help="Also score the task's bounds; the default.")
@options.batch_size
@options.device
@options.precision
@options.as_json
def command(
    task: str,
    data: Path | None,
    output: Path,
    bounds: bool,
    batch_size: int,
    device: str | None,
    precision: Literal["exact", "fast"],
    as_json: bool,
) -> None:
    """Write a task's reference statistics to a file, for laboratories without the data.

    `vidbench evaluate` and `vidbench score` take it with --reference FILE. Runs under torchrun as it is.
    """
    from vidbench.jobs.statistics import export_statistics
    from vidbench.progress import Progress
    from vidbench.scoring.run import Options

    chosen = Options(data=data, batch_size=batch_size, device=device, precision=precision)
    written = export_statistics(task, output, chosen, bounds, Progress())
    if written is None:
        return
    sha256, provenance = written
    if as_json:
        document = {"file": str(output), "sha256": sha256, "provenance": provenance.model_dump(mode="json")}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    real = provenance.reference
    click.echo(f"statistics {output}")
    click.echo(f"sha256     {sha256}")
    click.echo(f"task       {provenance.task.name} v{provenance.task.version}, {provenance.task.fingerprint[:12]}")
    click.echo(f"reference  {real.num_clips:,} clips of split {real.split}, {real.coverage:.2%} of the official ones")
