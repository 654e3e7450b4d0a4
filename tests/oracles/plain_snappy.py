"""A slow, plain decompressor of Snappy blocks after ``format_description.txt`` of google/snappy, to compare a library with."""

from __future__ import annotations


def decompress(data: bytes) -> bytes | None:
    """The contents of a block; None if it is damaged."""
    try:
        return _decompress(data)
    except (IndexError, ValueError):
        return None


def _decompress(data: bytes) -> bytes:
    size, at = _size(data)
    out = bytearray()
    while at < len(data):
        tag, at = data[at], at + 1
        kind = tag & 3
        if kind == 0:
            length = (tag >> 2) + 1
            if length > 60:
                width = length - 60
                length, at = _number(data, at, width) + 1, at + width
            out += _bytes(data, at, length)
            at += length
        elif kind == 1:
            offset, at = (tag >> 5) << 8 | _number(data, at, 1), at + 1
            _copy(out, offset, ((tag >> 2) & 7) + 4)
        else:
            width = 2 if kind == 2 else 4
            offset, at = _number(data, at, width), at + width
            _copy(out, offset, (tag >> 2) + 1)
        if len(out) > size:
            raise ValueError("more than it says")
    if len(out) != size:
        raise ValueError("less than it says")
    return bytes(out)


def _size(data: bytes) -> tuple[int, int]:
    size = at = 0
    while True:
        size |= (data[at] & 127) << 7 * at
        at += 1
        if data[at - 1] < 128:
            break
    if at > 5 or size >= 1 << 32:
        raise ValueError("no size of 32 bits")
    return size, at


def _bytes(data: bytes, at: int, length: int) -> bytes:
    if at + length > len(data):
        raise ValueError("ends early")
    return data[at : at + length]


def _number(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(_bytes(data, at, width), "little")


def _copy(out: bytearray, offset: int, length: int) -> None:
    """Append ``length`` bytes from ``offset`` before the end, one by one: a copy may overlap itself."""
    if not 0 < offset <= len(out):
        raise ValueError("refers to what is not there")
    for _ in range(length):
        out.append(out[-offset])
