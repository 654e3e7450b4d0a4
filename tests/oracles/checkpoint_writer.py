"""A slow, plain writer of TensorFlow V2 checkpoints for tests, independent of the reader in vidmetrics.

Unlike TensorFlow's own writer, it writes blocks of any size and any field, valid or not. The reader is tested on the output
of both: of this writer, and of TensorFlow's in tests/golden/tf_checkpoint.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

DTYPES = {"float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int64": 9, "bool": 10, "float16": 19}


def crc32c(data: bytes) -> int:
    """CRC-32C bit by bit, from its polynomial."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def masked(data: bytes) -> int:
    """LevelDB's masked checksum; long data use the library, which a test compares with the function above."""
    if len(data) > 5000:
        import google_crc32c

        crc = google_crc32c.value(data)
    else:
        crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value
    return varint(number << 3) + varint(value)


def header(num_shards: int = 1, endianness: int = 0, min_consumer: int = 0) -> bytes:
    return (
        field(1, num_shards) + field(2, endianness) * bool(endianness) + field(3, field(1, 1) + field(2, min_consumer))
    )


def entry(dtype: int, shape: tuple[int, ...], offset: int, data: bytes, *, shard: int = 0, more: bytes = b"") -> bytes:
    dims = b"".join(field(2, field(1, size)) for size in shape)
    checksum = varint(6 << 3 | 5) + struct.pack("<I", masked(data))
    return field(1, dtype) + field(2, dims) + field(3, shard) + field(4, offset) + field(5, len(data)) + checksum + more


def block(pairs: list[tuple[bytes, bytes]]) -> bytes:
    """A block with restarts every 16 keys."""
    out, restarts, last = b"", [], b""
    for index, (key, value) in enumerate(pairs):
        if index % 16 == 0:
            restarts.append(len(out))
            last = b""
        shared = next((i for i, (a, b) in enumerate(zip(last, key, strict=False)) if a != b), min(len(last), len(key)))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return out + b"".join(struct.pack("<I", at) for at in restarts or [0]) + struct.pack("<I", max(len(restarts), 1))


def table(pairs: list[tuple[bytes, bytes]], per_block: int = 1000, compress=None) -> bytes:
    """A whole table; ``compress`` maps a block to its Snappy form."""
    out = b""

    def put(plain: bytes) -> bytes:
        nonlocal out
        body, kind = (plain, b"\0") if compress is None else (compress(plain), b"\1")
        handle = varint(len(out)) + varint(len(body))
        out += body + kind + struct.pack("<I", masked(body + kind))
        return handle

    handles = []
    for start in range(0, len(pairs), per_block):
        chosen = pairs[start : start + per_block]
        handles.append((chosen[-1][0], put(block(chosen))))
    meta = put(block([]))
    index = put(block(handles))
    return out + (meta + index).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def write_checkpoint(prefix: Path, tensors: dict[str, np.ndarray], per_block: int = 1000) -> None:
    """Write ``prefix.index`` and ``prefix.data-00000-of-00001``."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    pairs, offset = [(b"", header())], 0
    with prefix.parent.joinpath(f"{prefix.name}.data-00000-of-00001").open("wb") as data:
        for name, value in sorted(tensors.items()):
            raw = np.ascontiguousarray(value).tobytes()
            pairs.append((name.encode(), entry(DTYPES[value.dtype.name], value.shape, offset, raw)))
            data.write(raw)
            offset += len(raw)
    prefix.parent.joinpath(f"{prefix.name}.index").write_bytes(table(pairs, per_block))


def write_module(folder: Path, tensors: dict[str, np.ndarray]) -> None:
    """Write a folder laid out as a TF-Hub module of version 1; its graph is empty, since it is never read."""
    write_checkpoint(folder / "variables" / "variables", tensors)
    (folder / "saved_model.pb").write_bytes(b"")
