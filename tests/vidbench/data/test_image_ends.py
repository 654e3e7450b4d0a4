"""Files that hold another picture behind the first, and files that hold other bytes there."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from vidbench.data.image_ends import bmp_end, jpeg_end
from vidbench.data.image_files import read_image
from vidbench.errors import InputError

RGB = np.random.default_rng(3).integers(0, 256, (24, 40, 3), dtype=np.uint8)
FORMATS = {"png": "PNG", "jpg": "JPEG", "bmp": "BMP"}


def written(format: str, mode: str = "RGB", **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(RGB).convert(mode).save(file, format, **options)
    return file.getvalue()


@pytest.mark.parametrize("second", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP"])
@pytest.mark.parametrize("suffix", FORMATS)
def test_a_second_picture_in_a_file_is_refused(tmp_path, suffix, second):
    path = tmp_path / f"a.{suffix}"
    for padding in (b"", bytes(3), bytes(4096)):
        path.write_bytes(written(FORMATS[suffix]) + padding + written(second))
        with pytest.raises(InputError, match="followed by another picture") as caught:
            read_image(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("suffix", FORMATS)
def test_other_bytes_behind_a_picture_are_ignored(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(written(FORMATS[suffix]))
    alone = read_image(path)
    for bytes_behind in (b"\0", bytes(100_000), b"hello", b"BM", b"BMnothing of a picture", b"\r\n", b"\xff\xd8"):
        path.write_bytes(written(FORMATS[suffix]) + bytes_behind)
        np.testing.assert_array_equal(read_image(path), alone)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(
    "options",
    [{}, {"progressive": True}, {"restart_marker_blocks": 1}, {"optimize": True}, {"quality": 100, "subsampling": 0}],
)
def test_the_end_of_a_jpeg_is_found(mode, options):
    exif = Image.Exif()
    exif[0x0112] = 6
    # A thumbnail in a segment has an end marker of its own.
    whole = written("JPEG", mode, exif=exif, comment=b"\xff\xd9\xff\xd8\xff", **options)
    assert jpeg_end(whole) == len(whole)
    assert jpeg_end(whole + whole) == len(whole)
    assert jpeg_end(whole[:-2]) == len(whole) - 2
    # Fill bytes may stand before any marker.
    assert jpeg_end(whole[:-2] + b"\xff\xff" + whole[-2:] + b"x") == len(whole) + 2


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_the_end_of_a_bmp_is_found(mode):
    whole = written("BMP", mode)
    assert bmp_end(whole + b"x") == len(whole)
    upside_down = bytearray(whole)
    struct.pack_into("<i", upside_down, 22, -24)
    assert bmp_end(bytes(upside_down) + b"x") == len(whole)


def test_the_end_of_an_old_bmp_is_found(tmp_path):
    pixels = RGB[::-1, :, ::-1].tobytes()
    content = b"BM" + struct.pack("<IHHIIHHHH", 26 + len(pixels), 0, 0, 26, 12, 40, 24, 1, 24) + pixels
    assert bmp_end(content + b"xyz") == len(content)
    (tmp_path / "a.bmp").write_bytes(content)
    np.testing.assert_array_equal(read_image(tmp_path / "a.bmp"), RGB)
