"""Decompression of Snappy blocks, which older versions of TensorFlow wrote checkpoint indexes with.

The index of the published Kinetics-400 module is such a file. The format is described in ``format_description.txt`` of
google/snappy. An index has a few kilobytes, so that speed does not matter and a dependency would not pay.
"""

from __future__ import annotations

from vidmetrics.weights.wire import DamagedError, varint


def decompress(data: bytes, limit: int) -> bytes:
    """Return what a Snappy block holds.

    Args:
        data: the block, without any framing.
        limit: the most bytes that it may hold; keeps a damaged length from filling the memory.

    Raises:
        DamagedError: the block is cut short, refers to what is not there, or holds another number of bytes than it says.
    """
    size, at = varint(data, 0, len(data), bits=32)
    if size > limit:
        raise DamagedError(f"a compressed block claims {size} bytes")
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        kind = tag & 3
        if kind == 0:
            length = (tag >> 2) + 1
            if length > 60:
                width = length - 60
                length = _number(data, at, width) + 1
                at += width
            if length > len(data) - at:
                raise DamagedError("a compressed block ends early")
            out += data[at : at + length]
            at += length
        else:
            if kind == 1:
                length = ((tag >> 2) & 7) + 4
                offset = (tag >> 5) << 8 | _number(data, at, 1)
                at += 1
            else:
                width = 2 if kind == 2 else 4
                length = (tag >> 2) + 1
                offset = _number(data, at, width)
                at += width
            if offset == 0 or offset > len(out):
                raise DamagedError("a compressed block refers to what is not there")
            _copy(out, offset, length)
        if len(out) > size:
            raise DamagedError("a compressed block holds more than it says")
    if len(out) != size:
        raise DamagedError("a compressed block holds less than it says")
    return bytes(out)


def _number(data: bytes, at: int, width: int) -> int:
    if width > len(data) - at:
        raise DamagedError("a compressed block ends early")
    return int.from_bytes(data[at : at + width], "little")


def _copy(out: bytearray, offset: int, length: int) -> None:
    """Append ``length`` bytes that start ``offset`` before the end; the copy may overlap itself."""
    start = len(out) - offset
    for index in range(length):
        out.append(out[start + index])
