"""Files that appear whole or not at all, and digests of files and arrays."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def temporary_name(path: Path) -> Path:
    """Return an unused hidden name in the folder of ``path``, with its suffix."""
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}{path.suffix}")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary file to write; on success it replaces ``path``, on failure it is removed.

    Missing parent folders are created. The file gets the mode of any new file, 0666 less the umask, even where the
    library that writes it chooses another. Its bytes are on disk before it gets its name.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = temporary_name(path)
    try:
        with temporary.open("xb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        yield temporary
        # safetensors replaces this file with a private one.
        temporary.chmod(mode)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, in UTF-8."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def arrays_sha256(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return one SHA-256 of named arrays: names, dtypes, shapes and little-endian bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {little.dtype.str} {list(little.shape)}\n".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()
