"""A file under way: its bytes so far, where they came from, and a lock that keeps others off it."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO


@dataclass(frozen=True)
class Version:
    """Which version of which file the bytes so far belong to.

    Attributes:
        url: where they came from.
        validator: a strong ETag or a Last-Modified date, for the header If-Range; None if the server sent neither.
    """

    url: str
    validator: str | None


class PartFile:
    """``NAME.part`` beside the final name, and ``NAME.part.json`` with the version of its bytes."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.path = path
        self.file = file

    @property
    def size(self) -> int:
        """How many bytes are there."""
        return os.fstat(self.file.fileno()).st_size

    @property
    def _note(self) -> Path:
        return self.path.with_name(self.path.name + ".json")

    def version(self) -> Version | None:
        """Return what the bytes belong to; None if there are none or nobody knows."""
        try:
            fields = json.loads(self._note.read_text(encoding="utf-8"))
            version = Version(url=str(fields["url"]), validator=fields["validator"])
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return version if self.size and isinstance(version.validator, str | None) else None

    def start(self, version: Version) -> None:
        """Throw the bytes away and say what the next ones belong to."""
        self.clear()
        self._note.write_text(json.dumps(asdict(version)), encoding="utf-8")

    def clear(self) -> None:
        """Throw the bytes away."""
        self._note.unlink(missing_ok=True)  # first: bytes without a note are never gone on from
        self.file.truncate(0)

    def append(self, chunk: bytes) -> None:
        """Write behind the last byte."""
        self.file.write(chunk)

    def finish(self, final: Path) -> None:
        """Give the file its final name."""
        os.fsync(self.file.fileno())
        self.path.replace(final)
        self._note.unlink(missing_ok=True)


@contextmanager
def locked_part(final: Path) -> Iterator[PartFile]:
    """Yield the part file of ``final``, which no other process or thread then has; waits for whoever has it.

    The lock is on the part file itself, so that nothing is left behind and a killed process lets go of it. Whoever waited may
    find that the file it waited for has got its final name: the lock is then taken on the part file that is there now.
    """
    path = final.with_name(final.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        file = path.open("ab", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_at(file, path):
                continue
            part = PartFile(path, file)
            yield part
            if part.size == 0 and _is_at(file, path):
                path.unlink()
            return
        finally:
            file.close()


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
