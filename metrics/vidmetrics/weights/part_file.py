"""A partial download: its bytes, their origin, and a lock that excludes other processes."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from vidmetrics.files import never_through_links, write_text
from vidmetrics.formats.documents import parse_json
from vidmetrics.locks import is_at
from vidmetrics.regular_files import read_regular


@dataclass(frozen=True)
class Version:
    """The url and version that the downloaded bytes belong to.

    Attributes:
        url: their origin.
        validator: a strong ETag or a Last-Modified date, for the header If-Range; None if the server sent neither.
    """

    url: str
    validator: str | None


def is_validator(value: object) -> bool:
    """Return whether a value can be sent back to a server in the header If-Range."""
    return isinstance(value, str) and 0 < len(value) <= 1000 and value.isascii() and value.isprintable()


def _note_of(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _part_of(final: Path) -> Path:
    return final.with_name(final.name + ".part")


def remove_stale_note(final: Path) -> None:
    """Remove what a process that ended between the last two steps of a download left next to the complete file."""
    with suppress(OSError):
        if not _part_of(final).exists():
            _note_of(_part_of(final)).unlink(missing_ok=True)


class PartFile:
    """``NAME.part`` next to the final name, and ``NAME.part.json`` with the version of its bytes."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.file = file

    @property
    def size(self) -> int:
        """Number of bytes downloaded."""
        return os.fstat(self.file.fileno()).st_size

    @property
    def _note(self) -> Path:
        return _note_of(self.path)

    def version(self) -> Version | None:
        """Return the version of the bytes; None if there are none or it is unknown."""
        try:
            fields = parse_json(read_regular(self._note))
            version = Version(url=str(fields["url"]), validator=fields["validator"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        known = version.validator is None or is_validator(version.validator)
        return version if self.size and known else None

    def start(self, version: Version) -> None:
        """Discard the bytes and record the version of the next ones."""
        self.clear()
        write_text(self._note, json.dumps(asdict(version)))

    def clear(self) -> None:
        """Discard the bytes."""
        self._note.unlink(missing_ok=True)  # first: bytes without a note are never resumed
        self.file.truncate(0)

    def append(self, chunk: bytes) -> None:
        """Append to the file."""
        self.file.write(chunk)

    def finish(self, final: Path) -> None:
        """Rename the file to its final name."""
        os.fsync(self.file.fileno())
        self.path.replace(final)
        self._note.unlink(missing_ok=True)


@contextmanager
def locked_part(final: Path) -> Iterator[PartFile]:
    """Yield the part file of ``final`` with an exclusive lock; waits for other processes and threads.

    The lock is on the part file itself, so nothing is left behind and a killed process releases it. After waiting, the locked
    file may already have its final name; then the current part file is locked instead.
    """
    path = _part_of(final)
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file = open(path, "ab", buffering=0, opener=never_through_links)  # noqa: SIM115 - closed below
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not is_at(file, path):
                continue
            part = PartFile(path, file)
            yield part
            if part.size == 0 and is_at(file, path):
                path.unlink()
            return
        finally:
            file.close()
