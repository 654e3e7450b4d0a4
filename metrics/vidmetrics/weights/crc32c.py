"""The checksum stored by TensorFlow and LevelDB."""

from __future__ import annotations

_MASK_DELTA = 0xA282EAD8


def masked_crc32c(data: bytes) -> int:
    """Return the masked CRC-32C of the bytes, an integer below 2**32.

    The mask (rotate right by 15 bits, add a constant) avoids weak checksums of data that contain checksums; it is defined in
    LevelDB's ``util/crc32c.h`` and TensorFlow's ``lib/hash/crc32c.h``.
    """
    import google_crc32c

    crc: int = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF
