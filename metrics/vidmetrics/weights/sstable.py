"""Reader of sorted string tables, the container of a TensorFlow checkpoint's index.

The layout is LevelDB's (``doc/table_format.md`` of google/leveldb), copied by TensorFlow into ``lib/io/table``: blocks of
sorted keys with shared prefixes, an index block that points to them, and a footer of 48 bytes that points to the index
block and ends with a magic number. Each block is followed by its compression type and a checksum of both.
"""

from __future__ import annotations

from vidmetrics.weights.crc32c import masked_crc32c
from vidmetrics.weights.snappy import decompress
from vidmetrics.weights.wire import DamagedError, varint

MAGIC = 0xDB4775248B80FB57
LIMIT = 8 * 2**20
"""Maximum size of a table, of its contents, and of its keys written out, in bytes; the largest published index has 20 kB."""

MOST_ENTRIES = 100_000
"""Maximum number of entries of a table; the largest published index has 300."""

_FOOTER = 48
_TRAILER = 5


def read_table(data: bytes) -> dict[bytes, bytes]:
    """Return the contents of a table, in order.

    Args:
        data: all bytes of the file.

    Raises:
        DamagedError: it is not a table, a checksum is wrong, or the keys are not sorted.
    """
    if len(data) > LIMIT:
        raise DamagedError(f"it has {len(data)} bytes, which no index has")
    if len(data) < _FOOTER or int.from_bytes(data[-8:], "little") != MAGIC:
        raise DamagedError("it does not end as a checkpoint index does")
    end = len(data) - 8
    at = len(data) - _FOOTER
    _, at = _handle(data, at, end)  # the meta-index, which TensorFlow leaves empty
    index, _ = _handle(data, at, end)
    table: dict[bytes, bytes] = {}
    last: bytes | None = None
    left = LIMIT
    budget = _Budget()
    for _, pointer in _entries(_block(data, index, left), budget):
        handle, _ = _handle(pointer, 0, len(pointer))
        block = _block(data, handle, left)
        left -= len(block)
        for key, value in _entries(block, budget):
            if last is not None and key <= last:
                raise DamagedError("its keys are not sorted")
            table[key] = value
            last = key
    return table


def _handle(data: bytes, at: int, end: int) -> tuple[tuple[int, int], int]:
    """Return offset and size of a block, and the position after them."""
    offset, at = varint(data, at, end)
    size, at = varint(data, at, end)
    return (offset, size), at


def _block(data: bytes, handle: tuple[int, int], limit: int) -> bytes:
    offset, size = handle
    if offset + size + _TRAILER > len(data) - _FOOTER:
        raise DamagedError("a block lies outside of the file")
    contents = data[offset : offset + size]
    compression = data[offset + size]
    stored = int.from_bytes(data[offset + size + 1 : offset + size + _TRAILER], "little")
    if masked_crc32c(contents + bytes([compression])) != stored:
        raise DamagedError("the checksum of a block does not fit")
    if compression == 1:
        return decompress(contents, limit)
    if compression != 0:
        raise DamagedError(f"a block has the unknown compression {compression}")
    if size > limit:
        raise DamagedError("its blocks overlap")
    return contents


class _Budget:
    """What the entries of a table may still take: a key of one shared byte in the file can be as long as the key before it."""

    def __init__(self) -> None:
        self._entries, self._key_bytes = MOST_ENTRIES, LIMIT

    def spend(self, key: bytes) -> None:
        self._entries -= 1
        self._key_bytes -= len(key)
        if self._entries < 0:
            raise DamagedError(f"it has more than {MOST_ENTRIES:,} entries, which no index has")
        if self._key_bytes < 0:
            raise DamagedError(f"its keys have more than {LIMIT:,} bytes, which no index has")


def _entries(block: bytes, budget: _Budget) -> list[tuple[bytes, bytes]]:
    """Return the keys and values of a block."""
    if len(block) < 4:
        raise DamagedError("a block ends early")
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    if end < 0:
        raise DamagedError("a block ends early")
    found: list[tuple[bytes, bytes]] = []
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at, end, bits=32)
        unshared, at = varint(block, at, end, bits=32)
        size, at = varint(block, at, end, bits=32)
        if shared > len(key) or unshared + size > end - at:
            raise DamagedError("an entry does not fit in its block")
        key = key[:shared] + block[at : at + unshared]
        at += unshared
        budget.spend(key)
        found.append((key, block[at : at + size]))
        at += size
    return found
