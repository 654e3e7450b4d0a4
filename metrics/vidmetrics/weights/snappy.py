"""Snappy blocks, which older versions of TensorFlow wrote checkpoint indexes in; the published Kinetics-400 index is one."""

from __future__ import annotations

from vidmetrics.weights.wire import DamagedError, varint


def decompress(data: bytes, limit: int) -> bytes:
    """Return the contents of a Snappy block.

    Args:
        data: the block, without framing.
        limit: maximum size of the contents in bytes; keeps a damaged length from filling the memory.

    Raises:
        DamagedError: the block is damaged, or its contents are larger than the limit.
    """
    import cramjam

    size, _ = varint(data, 0, len(data), bits=32)
    if size > limit:
        raise DamagedError(f"a compressed block claims {size} bytes")
    try:
        return bytes(cramjam.snappy.decompress_raw(data))
    except cramjam.DecompressionError as error:
        raise DamagedError("a compressed block is damaged") from error
