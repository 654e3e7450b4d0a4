"""Where a picture ends in its file, and whether another picture follows, which image readers silently ignore."""

from __future__ import annotations

import re
import struct

# First bytes of pictures. What follows a picture is one only if it begins so, at once or after zeros that pad it.
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"II*\0", b"MM\0*")
# Sizes of the second header of a BMP, which tell its two letters from other text.
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
# In the entropy-coded data of a JPEG, 0xFF is part of a marker unless 0 or a restart marker follows (ITU-T T.81, B.1.1).
_JPEG_MARKER = re.compile(rb"\xff+[^\x00\xd0-\xd7\xff]")
_JPEG_END, _JPEG_SCAN = 0xD9, 0xDA
_JPEG_ALONE = (0x01, *range(0xD0, 0xD9))


def followed_by_picture(content: bytes, end: int) -> bool:
    """Return whether bytes behind a picture begin another; other bytes, such as those that cameras append, do not count."""
    head = content[end:].lstrip(b"\0")[:32]
    if head.startswith(_PICTURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    return head[:2] == b"BM" and len(head) >= 18 and struct.unpack_from("<I", head, 14)[0] in _BMP_HEADERS


def jpeg_end(content: bytes) -> int:
    """Return the offset behind the end marker of the first picture of a JPEG file; its length if there is none."""
    position = 2
    while position + 2 <= len(content):
        if content[position] != 0xFF:
            found = _JPEG_MARKER.search(content, position)
            if found is None:
                return len(content)
            position = found.end() - 2
        kind = content[position + 1]
        if kind == 0xFF or kind in _JPEG_ALONE:
            position += 1 if kind == 0xFF else 2
        elif kind == _JPEG_END:
            return position + 2
        else:
            position += 2 + int.from_bytes(content[position + 2 : position + 4], "big")
            if kind == _JPEG_SCAN:
                found = _JPEG_MARKER.search(content, position)
                if found is None:
                    return len(content)
                position = found.end() - 2
    return len(content)


def bmp_end(content: bytes) -> int:
    """Return the offset behind the pixels of a BMP file, from its headers; its length if they do not tell."""
    offset, header = struct.unpack_from("<II", content, 10)
    if header == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", content, 18)
        compression, stated = 0, 0
    else:
        width, height, _, bits, compression, stated = struct.unpack_from("<iiHHII", content, 18)
    if compression in (1, 2):
        # Run lengths: only the header tells.
        return offset + stated if stated else len(content)
    return offset + (width * bits + 31) // 32 * 4 * abs(height)
