"""`vidbench models list`."""

from __future__ import annotations

import inspect
import json

import click

from vidbench.cli import options
from vidbench.cli.streams import echo_line
from vidbench.models.choice import choose_model, model_names, offers_training


@click.group("models")
def command() -> None:
    """List the models that --model accepts."""


@command.command("list")
@options.as_json
def models_list(as_json: bool) -> None:
    """Print one line per registered model; 'trains' marks those that `vidbench train` accepts."""
    rows = []
    for name in model_names():
        factory = choose_model(name).factory
        title = (inspect.getdoc(factory) or "").split("\n", 1)[0]
        rows.append({"name": name, "trains": offers_training(factory), "title": title})
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        echo_line(f"{row['name']:<{width}}  {'trains' if row['trains'] else '      '}  {row['title']}")
