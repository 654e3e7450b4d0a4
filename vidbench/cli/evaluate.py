"""`vidbench evaluate`."""

from __future__ import annotations

from typing import Any

import click

from vidbench.cli import options
from vidbench.distributed.ranks import ranks_from_environment
from vidbench.progress import Progress
from vidbench.scoring.run_options import RunOptions


@click.command("evaluate")
@options.model
@options.scoring(leave_out=("first",))
def command(model: str, task: str, as_json: bool, **chosen: Any) -> None:
    """Sample from a model, score the samples on a task, and write result.json and report.html.

    The same command resumes an interrupted run. Runs under torchrun without changes.
    """
    from vidbench.cli.table import print_result
    from vidbench.jobs.evaluate import evaluate_model

    result, folder = evaluate_model(model, task, RunOptions(**chosen), Progress())
    if ranks_from_environment().is_main:
        print_result(result, task, folder, as_json)
