"""The safetensors format: the header and the metadata first, tensors on demand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.formats.documents import parse_json
from vidmetrics.formats.faults import UnreadableError, reason, unreadable

HEADER_LIMIT = 100_000_000
"""Maximum size of a header in bytes, that of the safetensors library."""


@contextmanager
def open_safetensors(path: Path, framework: str = "numpy", where: str | None = None) -> Iterator[Any]:
    """Open a safetensors file as ``safetensors.safe_open`` does; any of its errors becomes ours.

    Args:
        path: the file.
        framework: ``"numpy"`` or ``"pt"``.
        where: subject of the sentence in messages; None for "The file PATH".

    Raises:
        UnreadableError: the file is of another format or damaged, or the block reads a tensor that is missing or of a type
            that the framework lacks.
    """
    from safetensors import safe_open

    _check_header(path, where)
    try:
        with safe_open(path, framework=framework) as file:
            yield file
    except InputError:
        raise
    except _library_errors() as error:
        raise unreadable(path, reason(error), where) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a Rust panic is no Exception
            raise
        raise unreadable(path, reason(error), where) from error


def read_safetensors_metadata(path: Path, where: str | None = None) -> dict[str, str]:
    """Return the metadata of a safetensors file, text by key; empty if it has none.

    Raises:
        UnreadableError: the file is of another format or damaged.
    """
    with open_safetensors(path, where=where) as file:
        metadata: dict[str, str] = file.metadata() or {}
    return metadata


def read_safetensors(path: Path, framework: str = "numpy", where: str | None = None) -> dict[str, Any]:
    """Return all tensors of a safetensors file by name.

    Args:
        path: the file.
        framework: ``"numpy"`` or ``"pt"``.
        where: subject of the sentence in messages; None for "The file PATH".

    Raises:
        UnreadableError: as for `open_safetensors`.
    """
    with open_safetensors(path, framework, where) as file:
        return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping


def safetensors_content(content: bytes, where: str = "The content") -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of a safetensors file that is in memory, by name.

    Args:
        content: all bytes of the file.
        where: subject of the sentence in messages.

    Raises:
        UnreadableError: the content is of another format or damaged.
    """
    from safetensors.numpy import load

    try:
        tensors: dict[str, npt.NDArray[Any]] = load(content)
    except _library_errors() as error:
        raise UnreadableError(reason(error), where) from None
    return tensors


def _library_errors() -> tuple[type[Exception], ...]:
    from safetensors import SafetensorError

    return (SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError, OverflowError, MemoryError)


def _check_header(path: Path, where: str | None) -> None:
    """Check what the library leaves open: keys that occur twice, and the size of the header before it is read."""
    try:
        with path.open("rb") as file:
            length = file.read(8)
            size = int.from_bytes(length, "little")
            if len(length) < 8 or size > HEADER_LIMIT:
                raise unreadable(path, "it does not begin as a safetensors file does", where)
            header = file.read(size)
    except OSError as error:
        raise UnreadableError(error.strerror or reason(error), where or f"The file {path}") from error
    if len(header) < size:
        raise unreadable(path, "its header is cut short", where)
    try:
        table = parse_json(header)
    except UnreadableError as error:
        raise unreadable(path, f"its header: {error.clause}", where) from None
    if not isinstance(table, dict):
        raise unreadable(path, "its header is not a JSON object", where)
