"""Reading task files: shipped ones by name, other ones by path."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from vidbench.errors import InputError
from vidbench.tasks.schema import Task
from vidmetrics.errors import unknown_name


@dataclass(frozen=True)
class LoadedTask:
    """A task and its origin.

    Attributes:
        task: the protocol.
        shipped: whether it ships with this package; only such tasks give official results.
        origin: the file it was read from.
    """

    task: Task
    shipped: bool
    origin: str


def task_names() -> list[str]:
    """Return the names of the shipped tasks, sorted."""
    folder = resources.files("vidbench.tasks")
    return sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml"))


def load_task(name_or_path: str) -> LoadedTask:
    """Read a task by name, or from a TOML file if the argument ends in ``.toml`` or contains a path separator.

    Raises:
        InputError: there is no such task, or the file is unreadable or has an unknown key or a bad value; names the file
            and the key.
    """
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        path = Path(name_or_path)
        if not path.is_file():
            raise InputError(f"The task file {path} does not exist: give the path of a TOML file, or a name.")
        return LoadedTask(_parse(path.read_bytes(), str(path)), shipped=False, origin=str(path))
    if name_or_path not in task_names():
        raise InputError(unknown_name("task", name_or_path, task_names()))
    file = resources.files("vidbench.tasks") / f"{name_or_path}.toml"
    return LoadedTask(_parse(file.read_bytes(), str(file)), shipped=True, origin=str(file))


def _parse(content: bytes, origin: str) -> Task:
    try:
        fields = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"The task file {origin} is not valid TOML: {error}.") from None
    try:
        # Through JSON, because strict validation of Python values would refuse a list where a tuple is meant.
        return Task.model_validate_json(_as_json(fields))
    except ValidationError as error:
        raise InputError(f"The task file {origin} {_first_problem(error)}.") from None


def _as_json(fields: dict[str, Any]) -> str:
    import json

    return json.dumps(fields, default=str)


def _first_problem(error: ValidationError) -> str:
    # A mistyped key causes two errors, one for an unknown and one for a missing key; report the unknown one.
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    problem = problems[0]
    place = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        known = _known_keys(tuple(str(part) for part in problem["loc"][:-1]))
        sentence = unknown_name("key", place, known)
        return "has an " + sentence[0].lower() + sentence[1:].rstrip(".?")
    if problem["type"] == "missing":
        return f"lacks the key '{place}'"
    message = problem["msg"].removeprefix("Value error, ")
    return f"has a bad value for '{place}': {message}" if place else f"is not consistent: {message}"


def _known_keys(parents: tuple[str, ...]) -> list[str]:
    model: Any = Task
    for parent in parents:
        field = model.model_fields.get(parent) if isinstance(model, type) and issubclass(model, BaseModel) else None
        if field is None:
            return []
        model = field.annotation
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    prefix = ".".join(parents)
    return [f"{prefix}.{name}" if prefix else name for name in model.model_fields]
