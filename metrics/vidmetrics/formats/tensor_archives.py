"""The safetensors format: its header, and all tensors of a file or of its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy.typing as npt

from vidmetrics.formats.documents import parse_json
from vidmetrics.formats.faults import UnreadableError, reason, unreadable
from vidmetrics.regular_files import open_regular

HEADER_LIMIT = 100_000_000
"""Maximum size of a header in bytes, that of the safetensors library."""


def read_safetensors(path: Path, where: str | None = None) -> dict[str, npt.NDArray[Any]]:
    """Return all tensors of a safetensors file by name; any error of the library becomes ours.

    Args:
        path: the file.
        where: subject of the sentence in messages; None for "The file PATH".

    Raises:
        UnreadableError: the file is of another format or damaged, or has a tensor of a type that numpy lacks.
    """
    from safetensors import safe_open

    _check_header(path, where)
    try:
        with safe_open(path, framework="numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except _library_errors() as error:
        raise unreadable(path, reason(error), where) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a Rust panic is no Exception
            raise
        raise unreadable(path, reason(error), where) from error


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


def safetensors_header(file: BinaryIO) -> dict[str, Any]:
    """Return the header of a safetensors file, and check what the library leaves open: its size, and keys that occur twice.

    Args:
        file: at its beginning; the header alone is read.

    Raises:
        UnreadableError: it has no such header.
    """
    length = file.read(8)
    size = int.from_bytes(length, "little")
    if len(length) < 8 or size > HEADER_LIMIT:
        raise UnreadableError("it does not begin as a safetensors file does")
    text = file.read(size)
    if len(text) < size:
        raise UnreadableError("its header is cut short")
    try:
        header = parse_json(text)
    except UnreadableError as error:
        raise UnreadableError(f"its header: {error.clause}") from None
    if not isinstance(header, dict):
        raise UnreadableError("its header is not a JSON object")
    return header


def _check_header(path: Path, where: str | None) -> None:
    try:
        with open_regular(path) as file:
            safetensors_header(file)
    except UnreadableError as error:
        raise unreadable(path, error.clause, where) from None
    except OSError as error:
        raise UnreadableError(error.strerror or reason(error), where or f"The file {path}") from error
