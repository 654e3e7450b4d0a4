"""Bounded decoding of the two formats in a checkpoint's index: varints and protobuf messages.

Every function raises `DamagedError`, and no other exception, on input that ends early or is malformed.
"""

from __future__ import annotations

from collections.abc import Iterator


class DamagedError(Exception):
    """Damaged bytes; the message is a clause for use in a longer sentence."""


def varint(data: bytes, at: int, end: int, bits: int = 64) -> tuple[int, int]:
    """Return an unsigned base-128 number of at most ``bits`` bits, and the position after it.

    Args:
        data: bytes to read from.
        at: its first position.
        end: end of the readable range, exclusive.
        bits: 32 or 64.

    Raises:
        DamagedError: the number does not end before ``end`` or has more bits.
    """
    value = 0
    for index in range((bits + 6) // 7):
        if at >= end:
            raise DamagedError("a number ends early")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            if value >> bits:
                raise DamagedError("a number is too large")
            return value, at
    raise DamagedError("a number is too long")


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of each field of a protobuf message.

    Varints and fixed-width numbers are unsigned integers, fields with a length are bytes.

    Raises:
        DamagedError: a field ends early or has an unused wire type.
    """
    at, end = 0, len(data)
    while at < end:
        key, at = varint(data, at, end)
        number, wire_type = key >> 3, key & 7
        if number == 0:
            raise DamagedError("a field has the number 0")
        if wire_type == 0:
            value, at = varint(data, at, end)
            yield number, value
            continue
        if wire_type == 2:
            size, at = varint(data, at, end)
        elif wire_type in (1, 5):
            size = 8 if wire_type == 1 else 4
        else:
            raise DamagedError(f"a field has the wire type {wire_type}")
        if size > end - at:
            raise DamagedError("a field ends early")
        chunk = data[at : at + size]
        at += size
        yield number, chunk if wire_type == 2 else int.from_bytes(chunk, "little")


def as_int(value: int | bytes, bits: int = 64) -> int:
    """Return a varint field as the signed number of protobuf's int32 and int64.

    Raises:
        DamagedError: the field is not a number.
    """
    if isinstance(value, bytes):
        raise DamagedError("a number has the form of a text")
    return value - (1 << bits) if value >> (bits - 1) else value


def as_bytes(value: int | bytes) -> bytes:
    """Return a field with a length.

    Raises:
        DamagedError: the field is a number.
    """
    if not isinstance(value, bytes):
        raise DamagedError("a message has the form of a number")
    return value
