"""Repair of the checksums of changed files, so that what lies behind them is reached."""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from io import BytesIO

from vidmetrics.sealed import _SEAL, UNSEALED
from vidmetrics.weights.crc32c import masked_crc32c
from vidmetrics.weights.sstable import _FOOTER, _handle
from vidmetrics.weights.wire import DamagedError, varint


def table(data: bytes) -> bytes:
    """Repair the checksums of the blocks of a string table."""
    result = bytearray(data)
    try:
        end, at = len(data) - 8, len(data) - _FOOTER
        _, at = _handle(data, at, end)
        index, _ = _handle(data, at, end)
        _seal_block(result, index)
        start, size = index
        for pointer in _values(bytes(result[start : start + size])):
            handle, _ = _handle(pointer, 0, len(pointer))
            _seal_block(result, handle)
    except (DamagedError, IndexError, ValueError, OverflowError):
        pass
    return bytes(result)


def _seal_block(data: bytearray, handle: tuple[int, int]) -> None:
    end = sum(handle)
    if end + 5 <= len(data):
        data[end + 1 : end + 5] = masked_crc32c(bytes(data[handle[0] : end + 1])).to_bytes(4, "little")


def _values(block: bytes) -> list[bytes]:
    end, at, found = len(block) - 4 * (int.from_bytes(block[-4:], "little") + 1), 0, []
    while at < end and len(found) < 100:
        _, at = varint(block, at, end, bits=32)
        unshared, at = varint(block, at, end, bits=32)
        size, at = varint(block, at, end, bits=32)
        found.append(block[at + unshared : at + unshared + size])
        at += unshared + size
    return found


def records(data: bytes) -> bytes:
    """Repair the checksums of a TFRecord file."""
    result, at = bytearray(data), 0
    while at + 12 <= len(result):
        length = int.from_bytes(result[at : at + 8], "little")
        result[at + 8 : at + 12] = masked_crc32c(bytes(result[at : at + 8])).to_bytes(4, "little")
        end = at + 12 + length
        if end + 4 <= len(result):
            result[end : end + 4] = masked_crc32c(bytes(result[at + 12 : end])).to_bytes(4, "little")
        at = end + 4
    return bytes(result)


def png(data: bytes) -> bytes:
    """Repair the checksums of the chunks of a PNG image."""
    result, at = bytearray(data), 8
    while at + 12 <= len(result):
        (length,) = struct.unpack_from(">I", result, at)
        end = at + 8 + length
        if end + 4 <= len(result):
            result[end : end + 4] = zlib.crc32(result[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(result)


def seal(data: bytes) -> bytes:
    """Repair the seal of a stored file."""
    found = _SEAL.search(data)
    if found is None:
        return data
    parts = (data[: found.start(1)], UNSEALED.encode(), data[found.end(1) :])
    return parts[0] + hashlib.sha256(b"".join(parts)).hexdigest().encode() + parts[2]


def archive(data: bytes) -> bytes:
    """Pack the members of an archive again, if it can still be listed, with their changed content."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as packed:
            members = []
            for member in packed.infolist()[:10]:
                member.CRC = None  # type: ignore[assignment]  # not verified
                with packed.open(member) as file:
                    members.append((member.filename, file.read(2**18)))
    except Exception:
        return data
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in members:
            packed.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()
