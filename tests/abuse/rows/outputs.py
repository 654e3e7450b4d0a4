"""Outputs that cannot be written: full devices, links, folders that are files, files that are folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.abuse.case import Case
from tests.abuse.rows._inputs import clips, typed
from tests.result_texts import result_document

_COMMANDS = {
    "evaluate": "evaluate --model noise --task shapes-gen --num-samples 8 --output",
    "score": "score --samples clips.npy --num-samples 8 --task shapes-gen --output",
    "sample": "sample --model noise --task shapes-gen --num-samples 2 --output",
    "train": "train --model dvdgan --task shapes-gen --steps 1 --set batch_size=2 --set ch=4 --set d_ch=4 --output",
    "export": "data export --task shapes-pred --num-samples 2 --output",
    "statistics": "data statistics --task shapes-gen --no-bounds --output",
    "build": "leaderboard build --output",
}


def _into(command: str, output: str, spoil: Callable[[Path], object]) -> Callable[[Path], list[str]]:
    def make(folder: Path) -> list[str]:
        clips(folder / "clips.npy", number=8)
        spoil(folder)
        return [*_COMMANDS[command].split(), output]

    return make


def _file(folder: Path) -> None:
    (folder / "taken").write_text("")


def _home(value: str) -> dict[str, str | None]:
    return {"VIDBENCH_HOME": value}


def _result(folder: Path) -> None:
    (folder / "result.json").write_text(json.dumps(result_document()))


def _board_link(folder: Path) -> list[str]:
    """Write a folder of boards whose results are a link to a full device."""
    _result(folder)
    (folder / "out").mkdir()
    (folder / "out" / "results").symlink_to("/dev/full")
    return ["leaderboard", "add", "result.json", "--leaderboards", "out", "--training", "none", "--extra-data", "none"]


def _planted(link: str) -> Callable[[Path], object]:
    """Return what plants a link where a command would write, to a file that must stay as it is."""

    def plant(folder: Path) -> None:
        (folder / "theirs").mkdir()
        (folder / "theirs" / "file").write_text("theirs")
        path = folder / link
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(folder / "theirs" / ("file" if path.suffix else ""))

    return plant


CASES: tuple[Case, ...] = (
    *(Case(f"{name} into a file", _into(name, "taken/below", _file), "taken") for name in _COMMANDS),
    *(Case(f"{name} below /dev/null", _into(name, "/dev/null/below", lambda folder: None), "/dev/null") for name in _COMMANDS),
    *(Case(f"{name} below /proc", _into(name, "/proc/none/below", lambda folder: None), "/proc") for name in _COMMANDS),
    *(Case(f"{name} into a name that is too long", _into(name, "out/" + "x" * 300, lambda folder: None), "too long") for name in _COMMANDS),
    Case("a home that is a file", _into("evaluate", "out/run", _file), "taken", environment=_home("taken")),
    Case("a home below /proc", _into("evaluate", "out/run", _file), "/proc", environment=_home("/proc/none")),
    Case("a log that is a link", _into("train", "out", _planted("out/train.jsonl")), "symbolic link"),
    Case("an unfinished export that is a link", _into("export", "out/export", _planted("out/.export.partial")), "symbolic link"),
    Case("a board whose results are a device", _board_link, "results"),
    Case("a name of escape sequences", typed("tasks", "show", "a\x1b]0;owned\x07b"), "a\\u001b]0;owned\\u0007b"),
    Case("a name with a newline", typed("tasks", "show", "a\nError: b"), "a\\u000aError: b"),
    Case("a name with a bidirectional override", typed("models", "list", "a\u202eb"), "\\u202e"),
    Case("a task file with a byte-order mark", typed("tasks", "show", "t.toml", inputs=lambda folder: (folder / "t.toml").write_bytes(b"\xef\xbb\xbfname = 'x'")), "byte-order mark"),
)  # fmt: skip
