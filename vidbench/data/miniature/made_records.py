"""TFRecord files of made-up trajectories, in the form of BAIR robot pushing.

A ``tf.Example`` is a map from names to lists of bytes or floats (``vidbench.data.layouts.tfrecord`` reads it); here are the few
fields of protobuf that this takes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vidbench.data.layouts.bair import NUM_FRAMES, SIZE
from vidbench.data.shapes.dataset import ShapesDataset, render
from vidmetrics.weights.crc32c import masked_crc32c

CAMERAS = ("image_main", "image_aux1")


def write_made_trajectories(path: Path, numbers: Sequence[int]) -> None:
    """Write one record for each scene of the moving shapes, seen by both cameras.

    Args:
        path: the file to write.
        numbers: indices of the scenes.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for number in numbers:
            frames_NTHWC, _ = render("rehearsal", np.array([number, number + 1]), NUM_FRAMES, SIZE, SIZE)
            features: dict[str, bytes | np.ndarray] = {
                f"{frame}/{camera}/encoded": frames_THWC[frame].tobytes()
                for camera, frames_THWC in zip(CAMERAS, frames_NTHWC, strict=True)
                for frame in range(NUM_FRAMES)
            }
            of_shape_KA = ShapesDataset("rehearsal", number + 1, 2, SIZE, SIZE).actions(np.array([number]))[0]
            action_A = np.append(of_shape_KA[0], np.float32(0))  # the gripper stays as it is
            features |= {f"{frame}/action": action_A for frame in range(NUM_FRAMES)}
            example = _example(features)
            header = struct.pack("<Q", len(example))
            file.write(header + struct.pack("<I", masked_crc32c(header)))
            file.write(example + struct.pack("<I", masked_crc32c(example)))


def spoil_record(path: Path) -> None:
    """Change one byte of the last record, so that its checksum fails."""
    content = bytearray(path.read_bytes())
    content[-100] ^= 0xFF
    path.write_bytes(bytes(content))


def _example(features: Mapping[str, bytes | np.ndarray]) -> bytes:
    entries = b""
    for name, value in features.items():
        # Feature.bytes_list = BytesList.value, or Feature.float_list = FloatList.value, packed.
        number, content = (1, value) if isinstance(value, bytes) else (2, value.astype("<f4").tobytes())
        entries += _field(1, _field(1, name.encode()) + _field(2, _field(number, _field(1, content))))
    return _field(1, entries)


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
