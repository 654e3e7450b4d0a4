"""Options that several commands share, defined once; those of a run come from the fields of `RunOptions`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click

from vidbench.cli.paths import CLIPS, PATH
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks.schema import PixelConvention

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def of_run(name: str, help_text: str | None = None, required: bool = False) -> Decorator:
    """Build the command-line option of a field of `RunOptions`; ``help_text`` replaces the help of the field."""
    annotation, shown = get_args(get_type_hints(RunOptions, include_extras=True)[name])
    (default,) = (field.default for field in dataclasses.fields(RunOptions) if field.name == name)
    dashed = name.replace("_", "-")
    return click.option(
        f"--{dashed}/--no-{dashed}" if default is True else f"--{dashed}",
        type=CLIPS if name == "data" else _click_type(annotation, shown.bounds),
        # click takes a default of None for a value, so a required option gets no default.
        **({"required": True} if required else {"default": default, "is_flag": isinstance(default, bool)}),
        multiple=default == (),
        show_default=default not in (None, ()),
        metavar=shown.metavar,
        help=help_text or shown.text,
    )


def _click_type(annotation: Any, bounds: tuple[int, int] | None) -> Any:
    """Translate a type such as ``Path | None``."""
    if get_origin(annotation) is Literal:
        return click.Choice(get_args(annotation))
    (kind,) = {*get_args(annotation)} - {NoneType, Ellipsis} or {annotation}
    if kind is Path:
        return PATH
    return kind if bounds is None else click.IntRange(*bounds)


task = click.option("--task", required=True, metavar="TASK", help="Task name, or path of a TOML task file.")
model = click.option(
    "--model", required=True, metavar="MODEL", help="NAME, NAME:CHECKPOINT, or package.module:callable."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print exactly one JSON document on stdout.")
data = of_run("data")
ignore = of_run("ignore")
device = of_run("device")
batch_size = of_run("batch_size")
precision = of_run("precision")
floor_sets = of_run("floor_sets")


def output(help_text: str, required: bool = False) -> Decorator:
    """`--output`; its meaning and default differ between commands."""
    return of_run("output", help_text, required)


def seed(help_text: str) -> Decorator:
    """`--seed`; its meaning differs between commands."""
    return of_run("seed", help_text)


def clip_shape(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a `vidbench.samples.clip_folder.ClipShape`: how clips are cut from any folder."""
    decorators: list[Decorator] = [
        click.option(
            "--num-frames",
            type=int,
            default=16,
            show_default=True,
            help="Frames per clip, from the start of each video.",
        ),
        click.option("--stride", type=int, metavar="N", default=1, show_default=True, help="Take every N-th frame."),
        click.option(
            "--resolution",
            type=int,
            metavar="SIDE",
            help="Crop the central square and resize it to SIDE (Pillow's bicubic); default: frames unchanged.",
        ),
        click.option(
            "--pixels",
            type=click.Choice(get_args(PixelConvention)),
            default="exact",
            show_default=True,
            help="How videos become RGB: the same on every machine, or as most published numbers were computed.",
        ),
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function


def scoring(leave_out: tuple[str, ...] = ()) -> Decorator:
    """`--task`, one option per field of `RunOptions` and `--json`: the options of `evaluate` and `score`."""
    names = [field.name for field in dataclasses.fields(RunOptions) if field.name not in leave_out]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        decorators: list[Decorator] = [task, *map(of_run, names), as_json]
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate
