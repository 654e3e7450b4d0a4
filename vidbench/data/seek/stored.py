"""The keyframe indexes of a scan in one file, ``keyframes.jsonl``, of which a run reads the lines of its own videos only.

One sealed line per video, sorted by a hash of its name, so that a line is found by halving, without reading the file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pydantic import ValidationError

from vidbench.data.seek.index import KeyframeIndex, ffmpeg_build
from vidbench.files import written_whole
from vidbench.progress import warn
from vidmetrics.sealed import DamagedFileError, sealed_json, unsealed_json

KEYFRAMES_NAME = "keyframes.jsonl"
# Sorted members of a line: the address is the first one, at a fixed place.
_ADDRESS = slice(13, 13 + 32)
_START = b'{"address": "'


class IndexedFile(NamedTuple):
    """The file of a video as the scan saw it.

    Attributes:
        split: split that lists it.
        id: official name.
        bytes: size of the file.
        mtime_ns: date of the file, in nanoseconds.
        sha256: digest of the file.
    """

    split: str
    id: str
    bytes: int
    mtime_ns: int
    sha256: str


def write_indexes(path: Path, indexes: Iterable[tuple[IndexedFile, KeyframeIndex]]) -> None:
    """Write the file whole."""
    lines = sorted(
        sealed_json({"address": _address(file), **file._asdict(), "index": index.model_dump(mode="json")}) + b"\n"
        for file, index in indexes
    )
    with written_whole(path) as temporary:
        temporary.write_bytes(b"".join(lines))


class StoredIndexes:
    """The indexes of a finished scan."""

    def __init__(self, path: Path) -> None:
        """Name the file; it is opened for each video whose index is not among the last ones."""
        self._path = path
        self._said = False
        self.find = lru_cache(maxsize=256)(self._find)

    def _find(self, file: IndexedFile) -> KeyframeIndex | None:
        """Return the index of a video; None if it has none, or none that holds for this file and this FFmpeg."""
        address = _address(file).encode()
        try:
            with self._path.open("rb") as lines:
                size = os.fstat(lines.fileno()).st_size
                if not size:
                    raise DamagedFileError("it is empty")
                line = _line(lines, address, size)
            if line is None:
                return None
            fields = unsealed_json(line.removesuffix(b"\n"))
            index = KeyframeIndex.model_validate(fields.pop("index"))
        except (OSError, DamagedFileError, ValidationError, KeyError) as error:
            self._say(f"Not used: the keyframe index of '{file.id}' in {self._path} ({_clause(error)})")
            return None
        if fields != {"address": address.decode(), **file._asdict()}:
            return None
        if index.ffmpeg != ffmpeg_build():
            self._say(
                f"Not used: the keyframe indexes in {self._path}, proven with another FFmpeg ({index.ffmpeg}) than this "
                f"({ffmpeg_build()})"
            )
            return None
        return index

    def _say(self, what: str) -> None:
        if not self._said:
            self._said = True
            warn(f"{what}; whole videos are decoded instead, which takes longer: run `vidbench data scan` again.")


def _clause(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"it cannot be read: {error.strerror}"
    return str(error) if isinstance(error, DamagedFileError) else "it has other fields"


def _address(file: IndexedFile) -> str:
    return sha256(f"{file.split}\0{file.id}".encode()).hexdigest()[:32]


def _line(lines: BinaryIO, address: bytes, size: int) -> bytes | None:
    """Return the line of an address, which begins at or behind ``low`` and before ``high``.

    Raises:
        DamagedFileError: a line that is read on the way is damaged.
    """
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        lines.seek(max(0, middle - 1))
        if middle:
            lines.readline()  # the rest of the line that begins before
        start = lines.tell()
        line = lines.readline() if start < high else b""
        if line and not (line.startswith(_START) and line.endswith(b"\n")):
            raise DamagedFileError("a line of it is damaged")
        if not line or line[_ADDRESS] > address:
            high = middle
        elif line[_ADDRESS] == address:
            return line
        else:
            low = start + len(line)
    return None
