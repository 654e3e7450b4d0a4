"""The last scan of a data folder, for later runs: the manifest's hash, and whether the files are unchanged.

A scan leaves ``files.csv`` next to its manifest, one row per file with size, date and digest, and a note under the home
folder that says where it is. A run on the same folder and task finds the note, compares sizes and dates, refuses changed
files, and reuses the digests instead of reading every file again.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from vidbench.data.layouts.listing import FrameSource
from vidbench.data.scan.scan_manifest import write_rows
from vidbench.errors import InputError
from vidbench.files import digest, file_sha256, write_text
from vidbench.tasks.schema import Task
from vidmetrics.home import home

FILES_NAME = "files.csv"


class ScannedFile(NamedTuple):
    """A row of ``files.csv``, for a usable or an unusable video.

    Attributes:
        split: split that lists it.
        id: official name.
        path: its file, relative to the data folder.
        bytes: size of the file.
        mtime_ns: date of the file, in nanoseconds.
        sha256: digest of the video's stored bytes; empty if they could not be read.
    """

    split: str
    id: str
    path: str
    bytes: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class LastScan:
    """A finished scan of every split of a task.

    Attributes:
        root: the data folder.
        output: folder of its manifest.
        manifest_sha256: hash of its manifest.
    """

    root: Path
    output: Path
    manifest_sha256: str

    def unchanged(self, split: str, sources: Mapping[str, FrameSource]) -> dict[str, str]:
        """Check that the files of a split still have the sizes and dates that the scan saw.

        Args:
            split: name of the split.
            sources: official name to frames, as found now.

        Returns:
            Digests of the stored bytes by name, for the videos that the scan could read.

        Raises:
            InputError: files changed, are new or are gone; names the first one and how many there are.
        """
        scanned = {file.id: file for file in _read_files(self.output / FILES_NAME) if file.split == split}
        differing = [f"'{scanned[name].path}' is gone" for name in sorted(set(scanned) - set(sources))]
        for name, source in sources.items():
            file = scanned.get(name)
            if file is None:
                differing.append(f"'{_below(source.path, self.root)}' is new")
            elif (what := _difference(file, source, self.root)) is not None:
                differing.append(f"'{file.path}' {what}")
        if differing:
            raise InputError(
                f"The data folder '{self.root}' changed since it was scanned: {len(differing)} files of split '{split}' differ, "
                f"first {differing[0]}; run `vidbench data scan` on it again, with --output '{self.output}'."
            )
        return {name: file.sha256 for name, file in scanned.items() if file.sha256}


def remember_scan(root: Path, task: Task, output: Path, manifest_sha256: str, files: Iterable[ScannedFile]) -> None:
    """Write ``files.csv``, then the note under the home folder, which holds the digest of that file."""
    write_rows(output / FILES_NAME, ScannedFile._fields, list(files))
    note = {
        "root": str(root.resolve()),
        "task": {"name": task.name, "version": task.version, "fingerprint": task.fingerprint},
        "output": str(output.resolve()),
        "manifest_sha256": manifest_sha256,
        "files_sha256": file_sha256(output / FILES_NAME),
    }
    write_text(_note(root, task), json.dumps(note, indent=1) + "\n")


def last_scan(root: Path, task: Task) -> LastScan | None:
    """Find the last scan of a folder for a task; None if there is none or its ``files.csv`` was changed since."""
    try:
        note = json.loads(_note(root, task).read_text(encoding="utf-8"))
        output = Path(note["output"])
        if file_sha256(output / FILES_NAME) != note["files_sha256"]:
            return None
        return LastScan(root, output, note["manifest_sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def scanned_file(
    split: str, name: str, source: FrameSource, root: Path, state: tuple[int, int], sha256: str | None
) -> ScannedFile:
    """Return the row of a video; ``state`` is its file's size and date when scanned."""
    return ScannedFile(split, name, _below(source.path, root), *state, sha256 or "")


def _difference(file: ScannedFile, source: FrameSource, root: Path) -> str | None:
    state = source.path.stat()
    if _below(source.path, root) != file.path:
        return f"is now '{_below(source.path, root)}'"
    if state.st_size != file.bytes:
        return f"has {state.st_size} bytes where it had {file.bytes}"
    return "was written again" if state.st_mtime_ns != file.mtime_ns else None


def _read_files(path: Path) -> list[ScannedFile]:
    with path.open(encoding="utf-8", newline="") as file:
        rows: Sequence[Sequence[str]] = list(csv.reader(file))
    return [ScannedFile(a, b, c, int(size), int(date), sha256) for a, b, c, size, date, sha256 in rows[1:]]


def _below(path: Path, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()


def _note(root: Path, task: Task) -> Path:
    key = digest({"root": str(root.resolve()), "task": task.fingerprint})
    return home() / "scans" / f"{key[:24]}.json"
