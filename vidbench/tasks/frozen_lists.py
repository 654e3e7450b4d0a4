"""Frozen lists: the videos of a dataset that were usable in one year, with the frames that a task gets from each.

Datasets of links lose videos. A share of what is left is another reference set in every laboratory; a list is the same one
everywhere, and what disappears later is a new list instead of a drift. ``TASK@YEAR`` is the task on the list of that year:
both splits are exactly its videos, all of them are required, and its fingerprint contains the digest of the list.

A list is a JSON document with names, classes and digests of frames, and nothing of the videos themselves. ``vidbench data
freeze`` writes one from a scanned folder (`vidbench.jobs.freeze`).
"""

from __future__ import annotations

import json
import re
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vidbench.errors import InputError
from vidbench.files import digest, write_text
from vidbench.json_models import InvalidDocumentError, model_from_json
from vidbench.tasks.limits import LONGEST_NAME, MOST_LABEL, MOST_VERSION
from vidbench.tasks.schema import DataSpec, Task
from vidmetrics.regular_files import open_regular, why_no_file

SEPARATOR = "@"
DIGITS = 16
"""Hexadecimal digits of the digest of a video's frames: 64 bits, so that a list of 400,000 videos has 17 MB."""

_LARGEST_BYTES = 256 << 20
_YEAR = re.compile(r"20[0-9]{2}")
_PARTS = re.compile(r"(?P<task>.+?)@(?P<which>20[0-9]{2}|.+\.json)")
# By digest, so that what was read once in this process is found wherever its task is used.
_read: dict[str, FrozenList] = {}


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FrozenTask(_Frozen):
    """The task whose clips were usable."""

    name: str = Field(min_length=1, max_length=LONGEST_NAME)
    version: int = Field(ge=1, le=MOST_VERSION)
    fingerprint: str = Field(pattern=r"^[0-9a-f]{64}$")


_Class = Annotated[int, Field(ge=0, le=MOST_LABEL)]
_Frames = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{DIGITS}}}$")]


class FrozenSplit(_Frozen):
    """One split: its usable videos by official name, each with its class (or null) and the digest of its frames."""

    official: int = Field(ge=1, description="Videos of the official list at that time, the unusable ones included.")
    class_names: tuple[str, ...]
    videos: dict[str, tuple[_Class | None, _Frames]] = Field(min_length=1)


class FrozenList(_Frozen):
    """A list, as in its file."""

    format: Literal["vidbench-frozen-list-1"] = "vidbench-frozen-list-1"
    year: int = Field(ge=2000, le=2099)
    task: FrozenTask
    manifest_sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Manifest hash of the scan that it comes from.")
    splits: dict[str, FrozenSplit] = Field(min_length=1)
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$", description="Digest of everything else.")

    @cached_property
    def content_sha256(self) -> str:
        """Digest of all keys but `sha256`."""
        return digest(self.model_dump(mode="json", exclude={"sha256"}))


def write_frozen_list(path: Path, frozen: FrozenList) -> FrozenList:
    """Write a list whole, with its digest; the same videos give the same bytes."""
    sealed = frozen.model_copy(update={"sha256": frozen.content_sha256})
    write_text(path, json.dumps(sealed.model_dump(mode="json"), sort_keys=True, ensure_ascii=False, indent=0) + "\n")
    return sealed


def read_frozen_list(path: Path | Traversable) -> FrozenList:
    """Read a list and check its digest.

    Raises:
        InputError: there is no such file, it is no list, or it was changed after it was written.
    """
    frozen = _parse(_content(path), str(path))
    _read[frozen.sha256] = frozen
    return frozen


def _content(path: Path | Traversable) -> bytes:
    if not isinstance(path, Path):
        return path.read_bytes()
    if not path.is_file():
        raise InputError(
            f"The frozen list {path} {why_no_file(path)}: give the file that `vidbench data freeze` wrote."
        )
    with open_regular(path) as opened:
        return opened.read(_LARGEST_BYTES)


def _parse(content: bytes, where: str) -> FrozenList:
    try:
        frozen = model_from_json(FrozenList, content)
    except InvalidDocumentError as error:
        raise InputError(
            f"The file {where} is no frozen list, at '{error.place}' ({error.problem}): give one that `vidbench data freeze` wrote."
        ) from None
    if frozen.sha256 != frozen.content_sha256:
        raise InputError(f"The frozen list {where} was changed after it was written: get it again from its source.")
    for name, split in frozen.splits.items():
        most = max((label for label, _ in split.videos.values() if label is not None), default=-1)
        if most >= len(split.class_names):
            raise InputError(
                f"The frozen list {where} has the class {most} in split '{name}', and there are {len(split.class_names)} classes: "
                "get it again from its source."
            )
    return frozen


def shipped_lists() -> dict[str, Traversable]:
    """Return the lists that ship with vidbench, by the name of their task: ``TASK@YEAR``."""
    folder = resources.files("vidbench.tasks") / "lists"
    if not folder.is_dir():
        return {}
    files = {file.name.removesuffix(".json"): file for file in folder.iterdir() if file.name.endswith(".json")}
    return dict(sorted(files.items()))


def split_name(name: str) -> tuple[str, str] | None:
    """Divide ``TASK@YEAR`` or ``TASK@FILE.json`` into the task and what follows; None for a name of another form."""
    parts = _PARTS.fullmatch(name)
    return None if parts is None else (parts["task"], parts["which"])


def find_list(task_name: str, which: str) -> tuple[FrozenList, bool]:
    """Return the list of a year, which ships with vidbench, or that of a file, and whether it ships.

    Raises:
        InputError: no list of that year ships for the task, with those that do; or the file is none.
    """
    if not _YEAR.fullmatch(which):
        return read_frozen_list(Path(which)), False
    shipped = shipped_lists()
    name = f"{task_name}{SEPARATOR}{which}"
    if name not in shipped:
        there = ", ".join(each for each in shipped if each.partition(SEPARATOR)[0] == task_name) or "none"
        raise InputError(
            f"No list of {which} ships for '{task_name}' (there is {there}): use one of those, '{task_name}' itself, or "
            f"'{task_name}{SEPARATOR}FILE.json' with a file of `vidbench data freeze`."
        )
    return read_frozen_list(shipped[name]), True


def refuse_lengths(task: Task) -> None:
    """Refuse a task whose clips depend on the lengths of the videos, which no frozen list has.

    Raises:
        InputError: it is such a task.
    """
    if task.clips.depends_on_lengths or task.reference_clips.depends_on_lengths:
        raise InputError(
            f"The task '{task.name}' has no frozen lists: which clips it takes depends on the lengths of the videos "
            "(clips.min_frames, starts 'disjoint'), and a list has none; use the task itself."
        )


def on_list(task: Task, frozen: FrozenList) -> Task:
    """Return the task on a list: a protocol of its own name and fingerprint, which requires every video.

    Raises:
        InputError: the list is of another protocol, or lacks a split that is scored.
    """
    refuse_lengths(task)
    if frozen.task.fingerprint != task.fingerprint:
        raise InputError(
            f"The frozen list of {frozen.year} is of the task '{frozen.task.name}' v{frozen.task.version} with fingerprint "
            f"{frozen.task.fingerprint[:12]}, and this is '{task.name}' v{task.version} with {task.fingerprint[:12]}: use a list of "
            "this task."
        )
    for split in (task.data.reference_split, task.data.evaluation_split):
        if split not in frozen.splits:
            raise InputError(
                f"The frozen list of {frozen.year} lacks the split '{split}' of the task '{task.name}': freeze a folder with all its splits."
            )
    held: dict[str, Any] = {"frozen": f"{frozen.year}", "frozen_sha256": frozen.sha256, "min_coverage": 1.0}
    data = task.data.model_copy(update=held)
    name = f"{task.name}{SEPARATOR}{frozen.year}"
    return task.model_copy(update={"name": name, "data": data})


def list_of(data: DataSpec) -> FrozenList | None:
    """Return the list that a task is held to; None for a task without one.

    Raises:
        InputError: the task names a list that is neither shipped nor was read in this process.
    """
    if not data.frozen_sha256:
        return None
    if data.frozen_sha256 not in _read:
        for file in shipped_lists().values():
            read_frozen_list(file)
    if data.frozen_sha256 not in _read:
        raise InputError(
            f"The task is held to the frozen list {data.frozen_sha256[:12]} of {data.frozen}, which is not here: name it as "
            "TASK@FILE.json."
        )
    return _read[data.frozen_sha256]
