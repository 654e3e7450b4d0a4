"""Whether a file is as long as its container states, for containers whose readers do not say so."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from vidmetrics.regular_files import open_regular

# Transport packets alone, behind a time code (Blu-ray), and before parity bytes; each begins with 0x47.
_TRANSPORT_PACKETS = ((188, 0), (192, 4), (204, 0))
# What a stream of movie fragments consists of; behind the last one there may be an index (mfra), free space or padding.
_OF_FRAGMENTS = frozenset({b"moof", b"mdat", b"styp", b"sidx", b"ssix", b"emsg", b"prft"})
_GIF = (b"GIF87a", b"GIF89a")
# IDs of the two elements that a Matroska or WebM file consists of.
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
# Sizes that recorders write before they know better.
_UNKNOWN = (0, 0xFFFFFFFF)


def ends_early(path: Path) -> bool:
    """Return whether an AVI, GIF, Matroska, MPEG-TS or fragmented MP4 file lacks bytes at its end; False for other files.

    FFmpeg reads an AVI file without its last frames, a GIF picture in part, a Matroska file that ends between two packets, a
    last transport packet in part, and a movie fragment with a header in part, and reports none of them; nor does it report
    that a broken fragment hides all that follow.
    """
    size = path.stat().st_size
    with open_regular(path) as file:
        head = file.read(5 * max(length for length, _ in _TRANSPORT_PACKETS))
        if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
            return _avi_ends_early(file, size)
        if head[:6] in _GIF:
            return _gif_ends_early(file)
        if head[:4] == _EBML:
            return _segment_ends_early(head, size)
        if head[4:8] == b"ftyp":
            return _fragment_ends_early(file, size)
        for length, offset in _TRANSPORT_PACKETS:
            if len(head) >= 3 * length and all(head[at] == 0x47 for at in range(offset, len(head), length)):
                return _packet_ends_early(file, size, length, offset)
    return False


def has_second_movie(path: Path) -> bool:
    """Return whether other frames follow those of an MP4 file, as in two files joined byte by byte.

    FFmpeg reads the first movie (moov) only. Fragments behind a repeated one, as in joined segments of a stream, are read.
    """
    size = path.stat().st_size
    with open_regular(path) as file:
        at = 0
        kinds: list[object] = []
        while header := _header(file, at, ">I4s"):
            length, kind = header
            kinds.append(kind)
            if length == 1:
                length = (_header(file, at + 8, ">Q") or (size,))[0]
            if length < 8:
                break
            at += length
    return kinds[:1] == [b"ftyp"] and kinds.count(b"ftyp") > 1 and kinds.count(b"moov") > 1 and b"moof" not in kinds


def fragmented_seconds(path: Path) -> float | None:
    """Return the length that a fragmented MP4 file states in its mehd box, which FFmpeg does not read; None without one."""
    with open_regular(path) as file:
        if file.read(8)[4:] != b"ftyp":
            return None
        movie = _box(file, 0, path.stat().st_size, b"moov")
        header = movie and _box(file, *movie, b"mvhd")
        extension = movie and _box(file, *movie, b"mvex")
        length = extension and _box(file, *extension, b"mehd")
        if not header or not length:
            return None
        # Version 1 of a box has times of 8 bytes; the two of mvhd precede its scale.
        long = [_header(file, at, ">B") == (1,) for at in (length[0], header[0])]
        ticks = _header(file, length[0] + 4, ">Q" if long[0] else ">I")
        scale = _header(file, header[0] + (20 if long[1] else 12), ">I")
        return ticks[0] / scale[0] if ticks and scale and scale[0] else None


def _box(file: BinaryIO, at: int, end: int, wanted: bytes) -> tuple[int, int] | None:
    """Return where the content of a box begins and ends; ``at`` and ``end`` are those of the content around it."""
    while at + 8 <= end and (header := _header(file, at, ">I4s")):
        length, kind = header
        if length < 8:
            return None
        if kind == wanted:
            return at + 8, min(at + length, end)
        at += length
    return None


def _gif_ends_early(file: BinaryIO) -> bool:
    """Return whether a GIF ends within a block. One that ends behind a whole picture may be sound: some encoders omit the trailer."""
    file.seek(6)
    if not _skip_gif_screen(file):
        return True
    of_picture = False
    while kind := file.read(1):
        if kind == b"\x3b":  # the trailer; FFmpeg reads another GIF behind it, and nothing else
            if file.read(6) not in _GIF:
                return False
            whole, of_picture = _skip_gif_screen(file), False
        elif kind == b"\x21":  # an extension, such as the delay of the picture that follows
            whole, of_picture = bool(file.read(1)) and _skip_gif_blocks(file), False
        elif kind == b"\x2c":
            place = file.read(9)
            colours = 3 << (place[8] & 7) + 1 if len(place) == 9 and place[8] & 0x80 else 0
            # Colours, then the size of the first codes.
            whole, of_picture = (
                len(place) == 9 and len(file.read(colours + 1)) == colours + 1 and _skip_gif_blocks(file),
                True,
            )
        else:
            return False
        if not whole:
            return True
    return not of_picture


def _skip_gif_screen(file: BinaryIO) -> bool:
    """Skip the size of the screen and its colours; return whether they are there."""
    screen = file.read(7)
    colours = 3 << (screen[4] & 7) + 1 if len(screen) == 7 and screen[4] & 0x80 else 0
    return len(screen) == 7 and len(file.read(colours)) == colours


def _skip_gif_blocks(file: BinaryIO) -> bool:
    """Skip blocks of up to 255 bytes until an empty one; return whether it is there."""
    while length := file.read(1):
        if length == b"\0":
            return True
        file.seek(length[0], 1)
    return False


def _segment_ends_early(head: bytes, size: int) -> bool:
    """Return whether a Matroska segment is longer than the file; one that was written live states no length (all ones)."""
    header = _element_length(head, 4)
    if header is None or head[header[0] + header[1] :][:4] != _SEGMENT:
        return False
    segment = _element_length(head, header[0] + header[1] + 4)
    return segment is not None and sum(segment) > size


def _element_length(head: bytes, at: int) -> tuple[int, int] | None:
    """Return where an EBML element's content begins and its length (RFC 8794); None if unknown or not there."""
    width = 9 - head[at].bit_length() if at < len(head) else 9
    mask = (1 << 7 * width) - 1
    length = int.from_bytes(head[at : at + width], "big") & mask
    return None if width > 8 or at + width > len(head) or length == mask else (at + width, length)


def _packet_ends_early(file: BinaryIO, size: int, length: int, offset: int) -> bool:
    """Return whether the last transport packet is there in part; padding after the last one is no packet."""
    rest = size % length
    file.seek(size - rest + min(offset, rest))
    return file.read(1) == b"\x47"


def _avi_ends_early(file: BinaryIO, size: int) -> bool:
    """Return whether the list of frames (movi) continues past the end; files above 1 GB have several."""
    at = 0
    while header := _header(file, at, "<4sI4s"):
        kind, length, form = header
        if kind == b"RIFF":
            at += 12
            continue
        if kind == b"LIST" and form == b"movi" and length not in _UNKNOWN and at + 8 + length > size:
            return True
        at += 8 + length + length % 2
    return False


def _fragment_ends_early(file: BinaryIO, size: int) -> bool:
    """Return whether a movie fragment (moof) or the data after it continue past the end, or fragments cannot be reached."""
    at, fragmented = 0, False
    while header := _header(file, at, ">I4s"):
        length, kind = header
        fragmented = fragmented or kind == b"moof"
        if length == 0 and kind == b"mdat":
            return False  # up to the end, wherever it is
        if length == 1:
            length = (_header(file, at + 8, ">Q") or (size,))[0]
        if length < 8 or at + length > size:
            # What is no box may be padding, unless fragments follow that readers no longer find.
            return fragmented and (kind in _OF_FRAGMENTS or _contains(file, at, b"moof"))
        at += length
    return fragmented and at < size  # in the first 8 bytes of a box


def _contains(file: BinaryIO, at: int, wanted: bytes) -> bool:
    file.seek(at)
    before = b""
    while block := file.read(1 << 20):
        if wanted in before + block:
            return True
        before = block[1 - len(wanted) :]
    return False


def _header(file: BinaryIO, at: int, form: str) -> tuple[int, ...] | None:
    file.seek(at)
    data = file.read(struct.calcsize(form))
    return struct.unpack(form, data) if len(data) == struct.calcsize(form) else None
