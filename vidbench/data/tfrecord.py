"""TFRecord files and the ``tf.Example`` messages in them, without TensorFlow.

A file is a sequence of records: the length (8 bytes, little-endian), the masked CRC-32C of these 8 bytes, the data, the
masked CRC-32C of the data (``tensorflow/core/lib/io/record_writer.h``). The mask turns a CRC right by 15 bits and adds
0xa282ead8, so that data which hold CRCs do not weaken it. Every CRC is checked.

Of protobuf's encoding (protobuf.dev/programming-guides/encoding) only what ``tf.train.Example`` needs is read: features
are a map from names to lists of bytes, floats or integers; only lists of bytes are of interest here. No length is
trusted before it is held against what is there, so a damaged file costs an error and no memory.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from vidbench.errors import InputError

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_VARINT_BYTES = 10


class RecordSpan(NamedTuple):
    """Where the data of a record lie in the file, in bytes."""

    offset: int
    size: int


class MalformedError(ValueError):
    """Bytes that are not what they should be; says how, in words that fit into a longer sentence."""


def masked_crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli) of some bytes under the mask of TFRecord, below 2**32."""
    import google_crc32c

    crc: int = google_crc32c.value(bytes(data))
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def record_index(path: Path) -> tuple[RecordSpan, ...]:
    """Find all records of a file by their headers; the data are skipped. Kept, so an unchanged file is walked once.

    Raises:
        InputError: the file is unreadable, cut off, or no TFRecord file; names the file and the record.
    """
    try:
        state = path.stat()
        return _walk(path, state.st_size, state.st_mtime_ns)
    except OSError as error:
        raise InputError(f"The file '{path}' cannot be read ({error.strerror}); check it or fetch it again.") from error


@lru_cache(maxsize=4096)
def _walk(path: Path, size: int, modified: int) -> tuple[RecordSpan, ...]:
    """The records of a file of so many bytes; its date is part of the key of the cache."""
    spans: list[RecordSpan] = []
    offset = 0
    with path.open("rb") as file:
        while offset < size:
            header = file.read(_HEADER.size)
            if len(header) < _HEADER.size:
                raise _cut_off(path, len(spans))
            length, crc = _HEADER.unpack(header)
            if masked_crc32c(header[:8]) != crc:
                raise InputError(
                    f"The header of record {len(spans)} in '{path}' fails its checksum: the file is damaged or no "
                    "TFRecord file, so fetch it again."
                )
            if length > size - offset - _HEADER.size - _FOOTER.size:
                raise _cut_off(path, len(spans))
            spans.append(RecordSpan(offset + _HEADER.size, length))
            offset += _HEADER.size + length + _FOOTER.size
            file.seek(offset)
    return tuple(spans)


def read_record(path: Path, number: int) -> bytes:
    """Return the data of one record, its CRC checked.

    Args:
        path: a TFRecord file.
        number: position of the record, from 0.

    Raises:
        InputError: the file is damaged; names the file and the record.
    """
    span = record_index(path)[number]
    try:
        with path.open("rb") as file:
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


def bytes_features(example: bytes) -> dict[str, tuple[memoryview, ...]]:
    """Return the features of a serialized ``tf.train.Example`` that are lists of bytes.

    Args:
        example: the message.

    Returns:
        feature name to its values, views into ``example``.

    Raises:
        MalformedError: the bytes are not such a message.
    """
    found: dict[str, tuple[memoryview, ...]] = {}
    for features in _children(memoryview(example), 1):
        for entry in _children(features, 1):
            name = b""
            values: tuple[memoryview, ...] | None = None
            for number, value in _fields(entry):
                if number == 1:
                    name = bytes(_as_bytes(value))
                elif number == 2:
                    lists = list(_children(_as_bytes(value), 1))
                    values = tuple(item for part in lists for item in _children(part, 1)) if lists else None
            if values is not None:
                try:
                    found[name.decode()] = values
                except UnicodeDecodeError:
                    raise MalformedError("the name of a feature is not text") from None
    return found


def _children(message: memoryview, wanted: int) -> Iterator[memoryview]:
    """The length-delimited values of one field of a message."""
    return (_as_bytes(value) for number, value in _fields(message) if number == wanted)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview | None]]:
    """Number of each field of a message, with its value where it has a length, None where it is a number."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise MalformedError("a field has the number 0")
        if wire_type == 0:
            _, at = _varint(message, at)
            yield number, None
            continue
        if wire_type == 2:
            size, at = _varint(message, at)
        elif wire_type in (1, 5):
            size = 8 if wire_type == 1 else 4
        else:
            raise MalformedError(f"a field has the unknown wire type {wire_type}")
        if size > end - at:
            raise MalformedError("a field is longer than its message")
        yield number, message[at : at + size] if wire_type == 2 else None
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place in range(_VARINT_BYTES):
        if at + place >= len(message):
            raise MalformedError("a number ends early")
        byte = message[at + place]
        value |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            return value, at + place + 1
    raise MalformedError("a number has too many digits")


def _as_bytes(value: memoryview | None) -> memoryview:
    if value is None:
        raise MalformedError("a field is a number where bytes are meant")
    return value


def _cut_off(path: Path, number: int) -> InputError:
    return InputError(f"The file '{path}' is cut off in record {number}, counting from 0; fetch it again.")
