"""TFRecord files and the ``tf.Example`` messages in them, without TensorFlow.

A file is a sequence of records: the length (8 bytes, little-endian), the masked CRC-32C of these 8 bytes, the data, the
masked CRC-32C of the data (``tensorflow/core/lib/io/record_writer.h``). Every CRC is checked.

The protobuf decoder (protobuf.dev/programming-guides/encoding) handles only what ``tf.train.Example`` uses: features are
a map from names to lists of bytes, floats or integers, of which the first two are read here. Every length is checked
against the data at hand before it is used, so a damaged file causes an error instead of a huge allocation.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from vidbench.errors import InputError
from vidmetrics.regular_files import open_regular
from vidmetrics.weights.crc32c import masked_crc32c
from vidmetrics.weights.wire import DamagedError, as_bytes, fields

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")


class RecordSpan(NamedTuple):
    """Position of a record's data in the file, in bytes."""

    offset: int
    size: int


def record_index(path: Path) -> tuple[RecordSpan, ...]:
    """Find all records of a file by their headers, skipping the data; cached while the file is unchanged.

    Raises:
        InputError: the file is unreadable, cut off, or not a TFRecord file; names the file and the record.
    """
    try:
        state = path.stat()
        return _walk(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise InputError(f"The file '{path}' cannot be read ({error.strerror}); check it or fetch it again.") from error


@lru_cache(maxsize=4096)
def _walk(path: Path, size: int, modified: int) -> tuple[RecordSpan, ...]:
    """Find the records of a file of ``size`` bytes; ``modified`` only serves as part of the cache key."""
    spans: list[RecordSpan] = []
    offset = 0
    with open_regular(path) as file:
        while offset < size:
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                raise _cut_off(path, len(spans))
            length, crc = _HEADER.unpack(header)
            if masked_crc32c(header[:8]) != crc:
                raise InputError(
                    f"The header of record {len(spans)} in '{path}' fails its checksum: the file is damaged or not a "
                    "TFRecord file, so fetch it again."
                )
            if length > size - offset - _HEADER.size - _FOOTER.size:
                raise _cut_off(path, len(spans))
            spans.append(RecordSpan(offset + _HEADER.size, length))
            offset += _HEADER.size + length + _FOOTER.size
            file.seek(offset)
    return tuple(spans)


def read_record(path: Path, number: int) -> bytes:
    """Return the data of one record after checking its CRC.

    Args:
        path: a TFRecord file.
        number: position of the record, from 0.

    Raises:
        InputError: the file is damaged; names the file and the record.
    """
    span = record_index(path)[number]
    try:
        with open_regular(path) as file:
            file.seek(span.offset)
            data = file.read(span.size)
            footer = file.read(_FOOTER.size)
    except OSError as error:
        raise InputError(f"The file '{path}' cannot be read ({error.strerror}); check it or fetch it again.") from error
    if len(data) < span.size or len(footer) < _FOOTER.size:
        raise _cut_off(path, number)
    if masked_crc32c(data) != _FOOTER.unpack(footer)[0]:
        raise InputError(f"Record {number} in '{path}' fails its checksum: the file is damaged, so fetch it again.")
    return data


def bytes_features(example: bytes) -> dict[str, tuple[bytes, ...]]:
    """Return the features of a serialized ``tf.train.Example`` that are lists of bytes, by name.

    Args:
        example: the message.

    Raises:
        DamagedError: the bytes are not such a message.
    """
    found: dict[str, tuple[bytes, ...]] = {}
    for name, value in _features(example):
        if lists := list(_children(value, 1)):
            found[name] = tuple(item for part in lists for item in _children(part, 1))
    return found


def float_features(example: bytes) -> dict[str, npt.NDArray[np.float32]]:
    """Return the features of a serialized ``tf.train.Example`` that are lists of floats, float32 ``[n]``, by name.

    Args:
        example: the message.

    Raises:
        DamagedError: the bytes are not such a message.
    """
    found: dict[str, npt.NDArray[np.float32]] = {}
    for name, value in _features(example):
        if lists := list(_children(value, 2)):
            # Packed, as TensorFlow writes them, or one field for each number: a parser of protobuf accepts both.
            packed = b"".join(
                item if isinstance(item, bytes) else item.to_bytes(4, "little")
                for part in lists
                for number, item in fields(part)
                if number == 1
            )
            if len(packed) % 4:
                raise DamagedError("a list of floats ends early")
            found[name] = np.frombuffer(packed, "<f4").astype(np.float32)
    return found


def _features(example: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and ``Feature`` of every entry that has one, in their order: of two with one name, the later counts."""
    for features in _children(example, 1):
        for entry in _children(features, 1):
            name, feature = b"", None
            for number, value in fields(entry):
                if number == 1:
                    name = as_bytes(value)
                elif number == 2:
                    feature = as_bytes(value)
            if feature is not None:
                try:
                    text = name.decode()
                except UnicodeDecodeError:
                    raise DamagedError("the name of a feature is not text") from None
                yield text, feature


def _children(message: bytes, wanted: int) -> Iterator[bytes]:
    """Return the length-delimited values of one field of a message."""
    return (as_bytes(value) for number, value in fields(message) if number == wanted)


def _cut_off(path: Path, number: int) -> InputError:
    return InputError(f"The file '{path}' is cut off in record {number}, counting from 0; fetch it again.")
