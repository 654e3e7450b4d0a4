"""What Pillow does not check in a PNG file: checksums, order of the chunks, and that it holds every row and no more.

Pillow paints missing rows and colours black. Source: PNG (third edition), W3C 2025, sections 5, 8 and 11.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import NamedTuple

from vidbench.data.pixels import HDR_TRANSFERS
from vidbench.errors import InputError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KNOWN_CRITICAL = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
# Samples per pixel of each colour type.
_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PALETTE = 3
# First column and row of each pass of Adam7, and the steps to the next.
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
_PIECE = 1 << 16


class PngHeader(NamedTuple):
    """The fields of IHDR, in its order."""

    width: int
    height: int
    bits: int
    colour_type: int
    compression: int
    filters: int
    interlaced: int


class PngChunks(NamedTuple):
    """A PNG file taken apart; every checksum was verified.

    Attributes:
        header: IHDR.
        num_colours: entries of the palette; 0 without one.
        pixels: the IDAT chunks, in order.
        animated: whether there are chunks of further pictures.
        end: offset of the byte behind IEND.
    """

    header: PngHeader
    num_colours: int
    pixels: tuple[memoryview, ...]
    animated: bool
    end: int


def png_chunks(path: Path, content: bytes) -> PngChunks:
    """Take a PNG file apart without decompressing anything.

    Args:
        path: the file, for messages.
        content: all its bytes, the signature first.

    Raises:
        InputError: the file is cut off, a checksum or the order of the chunks is wrong, it holds a critical chunk that is
            unknown, more than 8 bits per channel, or HDR.
    """
    view, position, kinds = memoryview(content), len(PNG_SIGNATURE), [b""]
    header, num_colours, pixels = None, 0, []
    while kinds[-1] != b"IEND":
        if position + 12 > len(content):
            raise InputError(f"The image '{path}' is cut off; write it again.")
        length, kind = struct.unpack_from(">I4s", content, position)
        if position + 12 + length > len(content):
            raise InputError(f"The image '{path}' is cut off; write it again.")
        data = view[position + 8 : position + 8 + length]
        (checksum,) = struct.unpack_from(">I", content, position + 8 + length)
        if zlib.crc32(data, zlib.crc32(kind)) != checksum:
            raise InputError(f"The image '{path}' is damaged (a checksum does not match); write it again.")
        _check_place(path, kind, kinds)
        if kind == b"IHDR":
            header = _header(path, bytes(data))
        elif kind == b"PLTE":
            num_colours = len(data) // 3
        elif kind == b"IDAT":
            pixels.append(data)
        elif kind == b"cICP" and len(data) > 1 and data[1] in HDR_TRANSFERS:
            raise InputError(
                f"The image '{path}' is HDR (transfer {HDR_TRANSFERS[data[1]]}), and a conversion to SDR is a choice of its own; "
                "convert it or remove it."
            )
        kinds.append(kind)
        position += 12 + length
    if header is None or not pixels:
        raise _damaged(path, "it holds no pixels")
    return PngChunks(header, num_colours, tuple(pixels), b"fdAT" in kinds, position)


def check_png_pixels(path: Path, png: PngChunks) -> None:
    """Check that the compressed pixels are those of exactly the picture that the header states.

    Raises:
        InputError: rows are missing or left over, there is no palette where pixels refer to one, or further pictures follow.
    """
    if png.animated:
        raise InputError(f"The image '{path}' holds pictures of an animation, and a frame is one; store one picture.")
    if png.header.colour_type == _PALETTE and not png.num_colours:
        raise _damaged(path, "its palette is missing")
    wanted = _num_bytes(png.header)
    try:
        found, ended, left = _inflated(png.pixels, wanted)
    except zlib.error:
        raise _damaged(path, "its pixels cannot be decompressed") from None
    if found < wanted:
        raise _damaged(path, f"it holds {found} bytes of pixels, and a picture of its size has {wanted}")
    if found > wanted or left:
        raise _damaged(path, f"it holds more pixels than a picture of {png.header.width}x{png.header.height} has")
    if not ended:
        raise _damaged(path, "its compressed pixels are cut off")


def check_png_colours(path: Path, png: PngChunks, greatest: int) -> None:
    """Check that the palette contains the greatest index of the pixels.

    Raises:
        InputError: it does not; Pillow shows such pixels black.
    """
    if png.header.colour_type == _PALETTE and greatest >= png.num_colours:
        raise _damaged(path, f"a pixel has colour {greatest} of a palette of {png.num_colours}")


def _damaged(path: Path, what: str) -> InputError:
    return InputError(f"The image '{path}' is damaged ({what}); write it again.")


def _check_place(path: Path, kind: bytes, before: list[bytes]) -> None:
    name = kind.decode("latin-1")
    if not kind.isalpha():
        raise _damaged(path, "a chunk has no valid name")
    if kind[:1].isupper() and kind not in _KNOWN_CRITICAL:
        raise InputError(
            f"The image '{path}' holds the critical chunk {name}, which PNG does not define; write it again."
        )
    if (kind == b"IHDR") != (len(before) == 1):
        raise _damaged(path, "IHDR is not its first chunk, or not its only one")
    if kind == b"PLTE" and (b"PLTE" in before or b"IDAT" in before):
        raise _damaged(path, "it holds a second palette, or one after its pixels")
    if kind == b"IDAT" and b"IDAT" in before and before[-1] != b"IDAT":
        raise _damaged(path, "its pixels are interrupted by another chunk")


def _header(path: Path, data: bytes) -> PngHeader:
    if len(data) != 13:
        raise _damaged(path, "its header has another length than 13 bytes")
    header = PngHeader(*struct.unpack(">IIBBBBB", data))
    if header.bits > 8:
        raise InputError(f"The image '{path}' has {header.bits} bits per channel, and frames have 8; store 8 bits.")
    if header.colour_type not in _SAMPLES or header.compression or header.filters or header.interlaced > 1:
        raise _damaged(path, "its header states what PNG does not define")
    return header


def _num_bytes(header: PngHeader) -> int:
    """Return how many bytes the rows have before compression, each with the byte that names its filter."""
    passes = _ADAM7 if header.interlaced else ((0, 0, 1, 1),)
    total = 0
    for x, y, step_x, step_y in passes:
        width, height = -(-(header.width - x) // step_x), -(-(header.height - y) // step_y)
        if width > 0 and height > 0:
            total += height * (1 + (width * header.bits * _SAMPLES[header.colour_type] + 7) // 8)
    return total


def _inflated(pixels: tuple[memoryview, ...], most: int) -> tuple[int, bool, bool]:
    """Return the number of bytes after decompression, whether their stream ended, and whether bytes follow it.

    Stops once there are more than ``most``, and never holds more than a piece.
    """
    stream, found = zlib.decompressobj(), 0
    for chunk in pixels:
        for start in range(0, len(chunk), _PIECE):
            piece: bytes | memoryview = chunk[start : start + _PIECE]
            if stream.eof:
                return found, True, True
            while True:
                out = len(stream.decompress(piece, _PIECE))
                found += out
                piece = stream.unconsumed_tail
                if found > most:
                    return found, stream.eof, True
                # A full piece may have left bytes in the decompressor itself.
                if stream.eof or (not piece and out < _PIECE):
                    break
    return found, stream.eof, bool(stream.unused_data)
