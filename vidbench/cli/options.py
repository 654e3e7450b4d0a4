"""Options that several commands share, defined once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

task = click.option("--task", required=True, metavar="TASK", help="Task name, or path of a TOML task file.")
model = click.option(
    "--model", required=True, metavar="MODEL", help="NAME, NAME:CHECKPOINT, or package.module:callable."
)
data = click.option(
    "--data", type=click.Path(path_type=Path), metavar="DIR", help="Data folder, for tasks that read videos."
)
device = click.option("--device", metavar="DEVICE", help="cpu, cuda or cuda:N; a GPU where there is one by default.")
batch_size = click.option(
    "--batch-size", type=int, default=32, show_default=True, help="Clips per call; does not change the number."
)
num_samples = click.option(
    "--num-samples", type=int, metavar="N", help="Another number than the task's: the result is then unofficial."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON document on stdout.")

precision = click.option(
    "--precision",
    type=click.Choice(["exact", "fast"]),
    default="exact",
    show_default=True,
    help="Of the measuring networks: float32 without TF32, or as fast as the device allows.",
)


def seed(help_text: str) -> Decorator:
    """`--seed`, whose meaning differs between commands."""
    return click.option("--seed", type=click.IntRange(0, 2**63 - 1), metavar="S", help=help_text)


def output(help_text: str, required: bool = False) -> Decorator:
    """`--output`, whose default differs between commands."""
    return click.option("--output", type=click.Path(path_type=Path), metavar="DIR", required=required, help=help_text)


reference = click.option(
    "--reference",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Statistics of the reference clips, from `vidbench data statistics`; then the clips themselves are not needed.",
)

_SCORING: tuple[Decorator, ...] = (
    task,
    data,
    reference,
    output("Folder for result.json and report.html; runs/TASK/MODEL by default. A run found there goes on."),
    num_samples,
    batch_size,
    device,
    precision,
    as_json,
)


def scoring(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of `evaluate` and `score`."""
    for decorate in reversed(_SCORING):
        function = decorate(function)
    return function
