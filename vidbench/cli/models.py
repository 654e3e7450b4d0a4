"""`vidbench models list` and `vidbench models show`."""

from __future__ import annotations

import inspect
import json
from typing import Any

import click

from vidbench.cli import options
from vidbench.cli.groups import Group
from vidbench.cli.streams import echo_line
from vidbench.kinds import kinds_of
from vidbench.models.choice import choose_model, model_names, offers_training


@click.group("models", cls=Group)
def command() -> None:
    """List the models that --model accepts, or say what one is."""


@command.command("list")
@options.as_json
def models_list(as_json: bool) -> None:
    """Print one line per registered model: the kinds of task that it is for, and 'trains' if `vidbench train` accepts it."""
    rows: list[dict[str, Any]] = []
    for name in model_names():
        factory = choose_model(name).factory
        title = (inspect.getdoc(factory) or "").split("\n", 1)[0]
        rows.append({"name": name, "kinds": kinds_of(factory), "trains": offers_training(factory), "title": title})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(str(row["name"])) for row in rows)
    kinds = max(len(_listed(row["kinds"])) for row in rows)
    for row in rows:
        trains = "trains" if row["trains"] else "      "
        echo_line(f"{row['name']:<{width}}  {_listed(row['kinds']):<{kinds}}  {trains}  {row['title']}")


@command.command("show")
@click.argument("model")
@options.as_json
def models_show(model: str, as_json: bool) -> None:
    """Print what MODEL is (a registered name or package.module:callable), and the commands that take it."""
    choice = choose_model(model)
    factory = choice.factory
    row: dict[str, Any] = {
        "name": choice.name,
        "code": f"{factory.__module__}:{getattr(factory, '__qualname__', type(factory).__qualname__)}",
        "kinds": kinds_of(factory),
        "trains": offers_training(factory),
        "about": inspect.getdoc(factory) or "",
    }
    if as_json:
        click.echo(json.dumps(row, indent=2))
        return
    echo_line(f"{row['name']}  ({row['code']})")
    for line in row["about"].splitlines():
        echo_line(f"  {line}".rstrip())
    echo_line("")
    echo_line(f"vidbench evaluate --model {model} --task TASK")
    if row["trains"]:
        echo_line(f"vidbench train --model {choice.name} --task TASK")


def _listed(kinds: tuple[str, ...]) -> str:
    return ", ".join(kinds)
