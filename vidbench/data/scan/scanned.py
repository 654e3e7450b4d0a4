"""The last scan of a data folder, for later runs: the manifest's hash, and whether the files are unchanged.

A scan leaves ``files.csv`` next to its manifest, one row per file with size, date and digest, and a note under the home
folder that says where it is. A run on the same folder and task finds the note, compares sizes and dates, refuses changed
files, and reuses the digests instead of reading every file again.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from vidbench.data.layouts.frame_files import source_state
from vidbench.data.layouts.listing import FrameSource, Listing, VideoFile
from vidbench.data.scan.scan_manifest import ManifestVideo, manifest_sha256, write_rows
from vidbench.data.seek.source import IndexedVideo
from vidbench.data.seek.stored import KEYFRAMES_NAME, IndexedFile, StoredIndexes
from vidbench.errors import InputError
from vidbench.files import digest, file_sha256, file_state, write_bytes
from vidbench.progress import warn
from vidbench.tasks.schema import Task
from vidmetrics.formats.documents import parse_json
from vidmetrics.formats.faults import UnreadableError
from vidmetrics.home import home
from vidmetrics.regular_files import is_there
from vidmetrics.sealed import DamagedFileError, read_content, sealed_json, unsealed_json

FILES_NAME = "files.csv"
FORMAT = "vidbench-scan-note-2"


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

    @property
    def indexed(self) -> IndexedFile:
        """The file whose keyframe index is used."""
        return IndexedFile(self.split, self.id, self.bytes, self.mtime_ns, self.sha256)


@dataclass(frozen=True)
class LastScan:
    """A finished scan of every split of a task.

    Attributes:
        root: the data folder.
        output: folder of its manifest.
        manifest_sha256: hash of its manifest.
        files: the files it saw.
    """

    root: Path
    output: Path
    manifest_sha256: str
    files: tuple[ScannedFile, ...]

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
        scanned = {file.id: file for file in self.files if file.split == split}
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

    def frames(self) -> Mapping[tuple[str, str], str]:
        """Return the digest of the frames that the task gets from each usable video, by split and name.

        Raises:
            InputError: the manifest of the scan is gone or was changed since.
        """
        path = self.output / "manifest.json"
        return _frames_of_manifest(path, self.manifest_sha256, file_state(path) if path.is_file() else None)

    def indexed(self, split: str, listing: Listing) -> Listing:
        """Return a listing whose videos are read through the scan's keyframe indexes; see `unchanged` for whether they may."""
        path = self.output / KEYFRAMES_NAME
        if not path.is_file():
            _say_without_keyframes(self.root)
            return listing
        indexes = StoredIndexes(path)
        files = {file.id: file for file in self.files if file.split == split and file.sha256}
        sources = {
            name: IndexedVideo(source, files[name].indexed, indexes)
            if isinstance(source, VideoFile) and name in files
            else source
            for name, source in listing.sources.items()
        }
        return replace(listing, sources=sources)


@lru_cache(maxsize=1)
def _frames_of_manifest(path: Path, sha256: str, state: tuple[int, int, int] | None) -> Mapping[tuple[str, str], str]:
    try:
        document = parse_json(read_content(path))
        videos = [ManifestVideo(**video) for video in document["videos"]]
        same = manifest_sha256(document["task"], videos) == sha256
    except (DamagedFileError, UnreadableError, KeyError, TypeError):
        same = False
    if not same:
        raise InputError(f"The manifest '{path}' is not that of the last scan: run `vidbench data scan` again.")
    return {(video.split, video.id): video.sha256 for video in videos}


@cache
def _say_without_keyframes(root: Path) -> None:
    warn(
        f"The last scan of '{root}' has no keyframe indexes, so that whole videos are decoded: run `vidbench data scan` again "
        "to read clips several times as fast."
    )


def remember_scan(root: Path, task: Task, output: Path, manifest_sha256: str, files: Iterable[ScannedFile]) -> None:
    """Write ``files.csv``, then the note under the home folder, which holds the digest of that file.

    Raises:
        OSError: a file cannot be written, or the folder vanished meanwhile.
    """
    write_rows(output / FILES_NAME, ScannedFile._fields, list(files), exact=True)
    note = {
        "format": FORMAT,
        "root": str(root.resolve()),
        "task": {"name": task.name, "version": task.version, "fingerprint": task.fingerprint},
        "output": str(output.resolve()),
        "manifest_sha256": manifest_sha256,
        "files_sha256": file_sha256(output / FILES_NAME),
    }
    write_bytes(_note(root, task), sealed_json(note))
    # An output that vanished before this was no scan, and nothing else is written there that would fail.
    (output / FILES_NAME).stat()


def last_scan(root: Path, task: Task) -> LastScan | None:
    """Find the last scan of a folder for a task; None if there is none.

    A scan whose note or ``files.csv`` is not as it was written is not used either, with a warning.
    """
    path = _note(root, task)
    if not is_there(path):
        return None
    try:
        note = _read_note(path)
        files = Path(note.output) / FILES_NAME
        content = read_content(files)
    except DamagedFileError as error:
        warn(f"The last scan of '{root}', noted in {path}, is not used: {error}; run `vidbench data scan` again.")
        return None
    try:
        if sha256(content).hexdigest() != note.files_sha256:
            raise DamagedFileError("was changed since")
        rows = _read_files(content)
    except DamagedFileError as error:
        warn(f"The last scan of '{root}' is not used: {files} {error}; run `vidbench data scan` again.")
        return None
    return LastScan(root, files.parent, note.manifest_sha256, rows)


def scanned_file(
    split: str, name: str, source: FrameSource, root: Path, state: tuple[int, int], sha256: str | None
) -> ScannedFile:
    """Return the row of a video; ``state`` is its file's size and date when scanned."""
    return ScannedFile(split, name, _below(source.path, root), *state, sha256 or "")


def _difference(file: ScannedFile, source: FrameSource, root: Path) -> str | None:
    size, date, _ = source_state(source)
    if _below(source.path, root) != file.path:
        return f"is now '{_below(source.path, root)}'"
    if size != file.bytes:
        return f"has {size} bytes where it had {file.bytes}"
    return "was written again" if date != file.mtime_ns else None


class _Note(BaseModel):
    """What later runs need of a note; a seal that fits says nothing of content that another program has sealed."""

    model_config = ConfigDict(strict=True)
    output: str
    manifest_sha256: str
    files_sha256: str


def _read_note(path: Path) -> _Note:
    try:
        return _Note.model_validate(unsealed_json(read_content(path)))
    except ValidationError:
        raise DamagedFileError("it is a sealed file of another kind") from None


def _read_files(content: bytes) -> tuple[ScannedFile, ...]:
    """Return the rows of ``files.csv``.

    Raises:
        DamagedFileError: it is of another kind; the message goes behind its name.
    """
    try:
        header, *rows = csv.reader(io.StringIO(content.decode(), newline=""))
        if tuple(header) != ScannedFile._fields:
            raise ValueError("another header")
        return tuple(ScannedFile(a, b, c, int(size), int(date), sha256) for a, b, c, size, date, sha256 in rows)
    except (ValueError, csv.Error):
        raise DamagedFileError("is not the list of a scan") from None


def _below(path: Path, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()


def _note(root: Path, task: Task) -> Path:
    key = digest({"format": FORMAT, "root": str(root.resolve()), "task": task.fingerprint})
    return home() / "scans" / f"{key[:24]}.json"
