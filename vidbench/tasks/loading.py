"""Reading task files: shipped ones by name, other ones by path."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from vidbench.errors import InputError, problem_text
from vidbench.tasks.frozen_lists import find_list, on_list, shipped_lists, split_name
from vidbench.tasks.schema import Task
from vidmetrics.errors import unknown_name
from vidmetrics.formats.documents import TOML_LIMIT, parse_toml
from vidmetrics.formats.faults import UnreadableError, what_bytes_are
from vidmetrics.regular_files import open_regular, why_no_file

_DEFAULT_PIXELS = "+ffmpeg-default"


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
    """Return the names of the shipped tasks, sorted; a task on a shipped list is one of its own (``k600-gen@2026``).

    >>> from vidbench.tasks import task_names
    >>> "shapes-gen" in task_names()
    True
    """
    folder = resources.files("vidbench.tasks")
    tasks = [file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")]
    return sorted((*tasks, *shipped_lists()))


def load_task(name_or_path: str) -> LoadedTask:
    """Read a task by name, or from a TOML file if the argument ends in ``.toml`` or contains a path separator.

    >>> from vidbench.tasks import load_task
    >>> loaded = load_task("shapes-gen")
    >>> loaded.task.clips.num_frames, loaded.task.evaluation.num_samples
    (12, 1024)

    ``+ffmpeg-default`` after either gives a task of that name whose videos become RGB by FFmpeg's default conversion: its
    fingerprint is another, and its results are unofficial.

    ``TASK@YEAR`` and ``TASK@FILE.json`` give the task on a frozen list (`vidbench.tasks.frozen_lists`): one that ships, or that of a
    file.

    Raises:
        InputError: there is no such task, or the file is unreadable or has an unknown key or a bad value; names the file
            and the key.
    """
    if not name_or_path.endswith(_DEFAULT_PIXELS):
        return _load(name_or_path)
    name = name_or_path.removesuffix(_DEFAULT_PIXELS)
    if name.endswith(_DEFAULT_PIXELS):
        raise InputError(f"The task '{name_or_path[:80]}' has '{_DEFAULT_PIXELS}' more than once: write it once.")
    return _on_default_pixels(_load(name))


def measured_task(name: str, version: int) -> LoadedTask:
    """Return a shipped task as it was in a version: the present one, or the file that was kept when its version was raised.

    Args:
        name: a shipped task.
        version: a version that a result states.

    Returns:
        That version; the present one if no file of it was kept.
    """
    loaded = load_task(name)
    file = resources.files("vidbench.tasks") / "earlier" / f"{name}-v{version}.toml"
    if version >= loaded.task.version or not file.is_file():
        return loaded
    return LoadedTask(_parse(file.read_bytes(), str(file)), shipped=True, origin=str(file))


def _load(name_or_path: str) -> LoadedTask:
    parts = split_name(name_or_path)
    if parts is not None:
        loaded = _load(parts[0])
        frozen, shipped = find_list(loaded.task.name, parts[1])
        return replace(loaded, task=on_list(loaded.task, frozen), shipped=loaded.shipped and shipped)
    if name_or_path.endswith(".toml") or "/" in name_or_path:
        path = Path(name_or_path)
        if not path.is_file():
            raise InputError(f"The task file {path} {why_no_file(path)}: give the path of a TOML file, or a name.")
        with open_regular(path) as opened:
            content = opened.read(TOML_LIMIT + 1)
        return LoadedTask(_parse(content, str(path)), shipped=False, origin=str(path))
    if name_or_path not in task_names():
        raise InputError(unknown_name("task", name_or_path, task_names()))
    file = resources.files("vidbench.tasks") / f"{name_or_path}.toml"
    return LoadedTask(_parse(file.read_bytes(), str(file)), shipped=True, origin=str(file))


def _on_default_pixels(loaded: LoadedTask) -> LoadedTask:
    task = loaded.task
    if task.data.embedded:
        raise InputError(
            f"The clips of the task '{task.name}' are embedded and not decoded: omit '{_DEFAULT_PIXELS}' after its name."
        )
    if task.data.frozen:
        raise InputError(
            f"The task '{task.name}' is held to frames of the exact conversion: omit '{_DEFAULT_PIXELS}' after its name, or the list."
        )
    clips = task.clips.model_copy(update={"pixels": "ffmpeg-default"})
    return replace(loaded, task=task.model_copy(update={"name": task.name + _DEFAULT_PIXELS, "clips": clips}))


def _parse(content: bytes, origin: str) -> Task:
    try:
        fields = parse_toml(content)
    except UnreadableError as error:
        kind = what_bytes_are(content[:512])
        clause = error.clause if kind is None else f"it is {kind}"
        raise InputError(f"The task file {origin} is not valid TOML: {clause}.") from None
    try:
        # Through JSON, because strict validation of Python values would refuse a list where a tuple is meant.
        return Task.model_validate_json(json.dumps(fields, default=_no_date))
    except ValidationError as error:
        raise InputError(f"The task file {origin} {_first_problem(error)}.") from None
    except _DateError as error:
        raise InputError(
            f"The task file {origin} has the date {error} where no date can be; put it in quotes."
        ) from None


class _DateError(Exception):
    """A date or time of TOML, which no key of a task has."""


def _no_date(value: Any) -> str:
    raise _DateError(str(value))


def _first_problem(error: ValidationError) -> str:
    # A mistyped key causes two errors, one for an unknown and one for a missing key; report the unknown one.
    problems = sorted(error.errors(), key=lambda problem: problem["type"] != "extra_forbidden")
    problem = problems[0]
    # pydantic adds the alternative that it tried, such as "int" for a number or 'all'.
    place = ".".join(str(part) for part in problem["loc"] if part not in ("int", "literal['all']"))
    if problem["type"] == "extra_forbidden":
        known = _known_keys(tuple(str(part) for part in problem["loc"][:-1]))
        sentence = unknown_name("key", place, known)
        return "has an " + sentence[0].lower() + sentence[1:].rstrip(".?")
    if problem["type"] == "missing":
        return f"lacks the key '{place}'"
    message = problem_text(problem)
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
