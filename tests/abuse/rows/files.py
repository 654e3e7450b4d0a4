"""Every path that a command reads, with something else in its place: empty, text, noise, another format, a folder, a link, a pipe."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.abuse.case import Case
from tests.abuse.rows._inputs import clips, result

# Command with {} for the path, and the names that it accepts.
_READERS = (
    ("evaluate --model noise --task {} --output out", ("t.toml",)),
    ("evaluate --model noise --task shapes-gen --output out --reference {}", ("r.safetensors",)),
    ("evaluate --model dvdgan:{} --task shapes-gen --output out", ("c.safetensors",)),
    ("train --model dvdgan:{} --task shapes-gen --output out --steps 1", ("c.safetensors",)),
    ("score --samples {} --task shapes-gen --output out", ("s.npy", "s.npz")),
    ("measure {} clips.npy --metric fvd-shapes --num-frames 12", ("s.npy", "s.npz")),
    ("measure clips.npy {} --metric fvd-shapes --num-frames 12", ("s.npy",)),
    ("measure clips.npy clips.npy --metric fvd-shapes --num-frames 12 --weights shapes={}", ("w.npz", "w.safetensors")),
    ("compare {} result.json", ("a.json",)),
    ("compare result.json {}", ("b.json",)),
    ("leaderboard add {} --leaderboards out --training train --extra-data none", ("a.json",)),
    ("tasks show {}", ("t.toml",)),
    ("weights import {}", ("w.npz", "w.safetensors", "w.pt", "w.pth", "w.index")),
    ("weights verify {}", ("w.npz", "w.safetensors")),
)
# Folders that commands read.
_FOLDERS = (
    "data scan {} --output out",
    "evaluate --model noise --task ucf101-gen --data {} --output out",
    "data export --task bair-pred --data {} --output out",
    "data statistics --task bair-pred --data {} --output out/s.safetensors",
    "train --model dvdgan --task ucf101-gen --data {} --output out",
    "score --samples {} --task shapes-gen --output out",
    "measure {} clips.npy --metric fvd-shapes --num-frames 12",
    "leaderboard show shapes-gen --leaderboards {}",
    "leaderboard check {}",
    "leaderboard build --output out --leaderboards {}",
)


def _empty(path: Path) -> None:
    path.touch()


def _text(path: Path) -> None:
    path.write_text("Not Found\n")


def _page(path: Path) -> None:
    path.write_text("<!DOCTYPE html>\n<html><body>Sign in</body></html>\n")


def _pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 12345\n")


def _noise(path: Path) -> None:
    path.write_bytes(np.random.default_rng(1).bytes(3000))


def _zeros(path: Path) -> None:
    path.write_bytes(bytes(3000))


def _archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing")


def _number(path: Path) -> None:
    path.write_text("1e999")


def _folder(path: Path) -> None:
    path.mkdir()


def _dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def _circle(path: Path) -> None:
    path.symlink_to(path.name)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


_KINDS = (
    _empty,
    _text,
    _page,
    _pointer,
    _noise,
    _zeros,
    _archive,
    _number,
    _folder,
    _dangling,
    _circle,
    _pipe,
    _endless,
)
_NO_FOLDERS = (_empty, _text, _noise, _dangling, _circle, _pipe, _endless)


def _case(command: str, name: str, kind) -> Case:
    def make(folder: Path) -> list[str]:
        clips(folder / "clips.npy")
        result(folder / "result.json")
        kind(folder / name)
        return command.format(name).split()

    return Case(f"{command.format(name)}: {kind.__name__.strip('_')}", make, name)


def _cases() -> Iterator[Case]:
    for command, names in _READERS:
        for name in names:
            for kind in _KINDS:
                yield _case(command, name, kind)
    for command in _FOLDERS:
        for kind in _NO_FOLDERS:
            yield _case(command, "folder", kind)


CASES = tuple(_cases())
