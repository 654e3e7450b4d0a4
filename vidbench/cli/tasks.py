"""`vidbench tasks list`, `show`, `export`, `diff` and `which`."""

from __future__ import annotations

import json

import click

from vidbench.cli import options
from vidbench.cli.groups import Group
from vidbench.cli.streams import echo_line
from vidbench.cli.tasks_which import tasks_which
from vidbench.tasks import load_task, task_names
from vidbench.tasks.words import protocol_text


@click.group("tasks", cls=Group)
def command() -> None:
    """List the tasks, print a complete protocol, compare two, or find that of a number in a paper."""


command.add_command(tasks_which)


@command.command("list")
@options.as_json
def tasks_list(as_json: bool) -> None:
    """Print one line per shipped task."""
    tasks = [load_task(name).task for name in task_names()]
    if as_json:
        rows = [
            {
                "name": t.name,
                "version": t.version,
                "title": t.title,
                "status": t.status,
                "successor": t.successor,
                "fingerprint": t.fingerprint,
            }
            for t in tasks
        ]
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(task.name) for task in tasks)
    for task in tasks:
        instead = f", use {task.successor}" if task.successor else ""
        mark = "" if task.status == "active" else f"  [{task.status}{instead}]"
        echo_line(f"{task.name:<{width}}  v{task.version}  {task.title}{mark}")


@command.command("export")
@click.argument("task")
@click.option(
    "--format",
    "style",
    type=click.Choice(["croissant", "hf-benchmark"]),
    required=True,
    help="croissant: MLCommons metadata, JSON-LD; hf-benchmark: eval.yaml of a dataset repository on the Hugging Face Hub.",
)
def tasks_export(task: str, style: str) -> None:
    """Print TASK (a name or a TOML file) in a form that other catalogues read."""
    from vidbench.results.hub_results import benchmark_yaml
    from vidbench.tasks.croissant import croissant_document

    loaded = load_task(task).task
    if style == "croissant":
        click.echo(json.dumps(croissant_document(loaded), indent=2))
    else:
        for line in benchmark_yaml(loaded).splitlines():
            echo_line(line)


@command.command("show")
@click.argument("task")
@options.as_json
def tasks_show(task: str, as_json: bool) -> None:
    """Print the complete protocol of TASK (a name or a TOML file) with its fingerprint."""
    loaded = load_task(task)
    if as_json:
        click.echo(
            json.dumps({**loaded.task.model_dump(mode="json"), "fingerprint": loaded.task.fingerprint}, indent=2)
        )
    else:
        click.echo(protocol_text(loaded.task))


@command.command("diff")
@click.argument("task_a", metavar="A")
@click.argument("task_b", metavar="B")
@options.as_json
def tasks_diff(task_a: str, task_b: str, as_json: bool) -> None:
    """Compare two protocols (names or TOML files): each difference with its measured effect, and whether scores are comparable."""
    from vidbench.tasks.differences.side_by_side import difference_document, difference_text

    a, b = load_task(task_a).task, load_task(task_b).task
    if as_json:
        click.echo(json.dumps(difference_document(a, b), indent=2))
        return
    for line in difference_text(a, b).splitlines():
        echo_line(line)
