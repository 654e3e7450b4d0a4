"""PNG files with valid checksums that do not hold exactly their picture, and sound ones of every kind, which are read."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.png_chunks import chunk
from vidbench.data.image_files import read_image
from vidbench.errors import InputError

WIDTH, HEIGHT = 13, 11
SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
# Every colour type with every number of bits that frames may have.
KINDS = [(0, 1), (0, 2), (0, 4), (0, 8), (2, 8), (3, 1), (3, 2), (3, 4), (3, 8), (4, 8), (6, 8)]
# The figure of Adam7 in the PNG standard: the pass in which each pixel of a block of 8x8 is sent.
ADAM7 = np.array([[int(n) for n in row] for row in (
    "16462646", "77777777", "56565656", "77777777", "36463646", "77777777", "56565656", "77777777",
)])  # fmt: skip
COLOURS = np.random.default_rng(1).integers(0, 256, (256, 3), dtype=np.uint8)
NAME = "a.png"


def stored(colour_type: int, bits: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Return samples ``[height, width, samples]``; alpha is opaque."""
    samples = np.random.default_rng(0).integers(0, 1 << bits, (height, width, SAMPLES[colour_type]), dtype=np.uint8)
    if colour_type in (4, 6):
        samples[..., -1] = 255
    return samples


def rows_of(samples: np.ndarray, bits: int) -> bytes:
    """Pack rows without a filter."""
    unpacked = np.unpackbits(samples.reshape(len(samples), -1, 1), axis=2)[..., 8 - bits :]
    return b"".join(b"\0" + np.packbits(row.reshape(-1)).tobytes() for row in unpacked)


def pixels_of(samples: np.ndarray, bits: int, interlaced: bool) -> bytes:
    if not interlaced:
        return rows_of(samples, bits)
    sent = np.tile(ADAM7, (-(-samples.shape[0] // 8), -(-samples.shape[1] // 8)))[
        : samples.shape[0], : samples.shape[1]
    ]
    data = b""
    for number in range(1, 8):
        rows = [samples[y][sent[y] == number] for y in range(len(samples)) if (sent[y] == number).any()]
        data += rows_of(np.stack(rows), bits) if rows else b""
    return data


def png(
    colour_type=2,
    bits=8,
    interlaced=False,
    size=(WIDTH, HEIGHT),
    *,
    pixels=None,
    palette=None,
    idat=None,
    inner=b"",
    end=b"",
):
    """Return a PNG; pixels: bytes before compression; palette: entries, None for as many as the bits can name."""
    if pixels is None:
        pixels = pixels_of(stored(colour_type, bits, *size), bits, interlaced)
    entries = (1 << bits) if palette is None and colour_type == 3 else palette or 0
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", *size, bits, colour_type, 0, 0, interlaced))
        + inner
        + (chunk(b"PLTE", COLOURS[:entries].tobytes()) if entries else b"")
        + (idat or chunk(b"IDAT", zlib.compress(pixels)))
        + end
        + chunk(b"IEND", b"")
    )


def refusal(folder: Path, content: bytes) -> str:
    path = folder / NAME
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_image(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.endswith(".")
    assert "\n" not in message
    return message


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour_type", "bits"), KINDS)
def test_sound_files_are_read_as_they_were_stored(tmp_path, colour_type, bits, interlaced):
    # 1 to 9 pixels a side: some passes of Adam7 hold nothing.
    for size in ((WIDTH, HEIGHT), *((side, 10 - side) for side in range(1, 10)), (1, 1), (300, 2)):
        samples = stored(colour_type, bits, *size)
        path = tmp_path / NAME
        path.write_bytes(png(colour_type, bits, interlaced, size))
        if colour_type == 3:
            shown = COLOURS[samples[..., 0]]
        elif SAMPLES[colour_type] > 2:
            shown = samples[..., :3]
        else:
            shown = np.repeat(samples[..., :1] * np.uint8(255 // ((1 << bits) - 1)), 3, 2)
        np.testing.assert_array_equal(read_image(path), shown)
        with Image.open(path) as image:
            np.testing.assert_array_equal(read_image(path), np.asarray(image.convert("RGB")))


def test_pixels_in_many_chunks_and_of_many_megabytes_are_read(tmp_path):
    packed = zlib.compress(pixels_of(stored(2, 8), 8, False))
    pieces = b"".join(chunk(b"IDAT", packed[n : n + 1]) for n in range(len(packed))) + chunk(b"IDAT", b"")
    (tmp_path / NAME).write_bytes(png(idat=pieces))
    np.testing.assert_array_equal(read_image(tmp_path / NAME), stored(2, 8))
    # One colour: a small chunk of which each piece becomes many.
    for shade in (0, 1):
        flat = np.full((2000, 1500, 3), shade, np.uint8)
        (tmp_path / NAME).write_bytes(png(size=(1500, 2000), pixels=rows_of(flat, 8)))
        np.testing.assert_array_equal(read_image(tmp_path / NAME), flat)


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("colour_type", "bits"), KINDS)
def test_too_few_and_too_many_bytes_of_pixels_are_refused(tmp_path, colour_type, bits, interlaced):
    whole = pixels_of(stored(colour_type, bits), bits, interlaced)
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        assert "damaged" in refusal(tmp_path, png(colour_type, bits, interlaced, pixels=whole[:length]))
    for more in (b"\0", whole):
        message = refusal(tmp_path, png(colour_type, bits, interlaced, pixels=whole + more))
        assert f"more pixels than a picture of {WIDTH}x{HEIGHT}" in message


def test_a_header_of_another_size_is_refused(tmp_path):
    pixels = pixels_of(stored(2, 8), 8, False)
    message = refusal(tmp_path, png(size=(WIDTH, 4000), pixels=pixels))
    assert f"{len(pixels)} bytes of pixels, and a picture of its size has {4000 * (1 + 3 * WIDTH)}" in message
    assert "more pixels" in refusal(tmp_path, png(size=(WIDTH, HEIGHT - 1), pixels=pixels))


def test_a_stream_that_is_cut_off_changed_or_followed_by_bytes_is_refused(tmp_path):
    packed = zlib.compress(pixels_of(stored(2, 8), 8, False))
    for without in range(1, 5):
        assert "cut off" in refusal(tmp_path, png(idat=chunk(b"IDAT", packed[:-without])))
    assert "cannot be decompressed" in refusal(
        tmp_path, png(idat=chunk(b"IDAT", packed[:-1] + bytes([packed[-1] ^ 1])))
    )
    assert "more pixels" in refusal(tmp_path, png(idat=chunk(b"IDAT", packed + packed)))
    assert "more pixels" in refusal(tmp_path, png(idat=chunk(b"IDAT", packed) + chunk(b"IDAT", packed)))


def test_bytes_that_would_become_gigabytes_are_not_decompressed(tmp_path):
    bomb = zlib.compress(bytes(1 << 28), 9)
    assert "more pixels" in refusal(tmp_path, png(idat=chunk(b"IDAT", bomb)))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_that_does_not_hold_every_colour_is_refused(tmp_path, bits, interlaced):
    greatest = int(stored(3, bits).max())
    message = refusal(tmp_path, png(3, bits, interlaced, palette=greatest))
    assert f"a pixel has colour {greatest} of a palette of {greatest}" in message
    (tmp_path / NAME).write_bytes(png(3, bits, interlaced, palette=greatest + 1))
    np.testing.assert_array_equal(read_image(tmp_path / NAME), COLOURS[stored(3, bits)[..., 0]])
    assert "palette is missing" in refusal(tmp_path, png(3, bits, interlaced, palette=0))


def test_chunks_that_are_unknown_out_of_order_or_repeated_are_refused(tmp_path):
    assert "critical chunk ABCD" in refusal(tmp_path, png(inner=chunk(b"ABCD", b"xx")))
    assert "critical chunk CgBI" in refusal(tmp_path, png(inner=chunk(b"CgBI", b"\x50\0\x20\x06")))
    (tmp_path / NAME).write_bytes(png(inner=chunk(b"abCd", b"xx"), end=chunk(b"abCd", b"xx")))
    np.testing.assert_array_equal(read_image(tmp_path / NAME), stored(2, 8))
    whole, palette = png(), chunk(b"PLTE", COLOURS.tobytes())
    header = whole[8:33]
    assert "IHDR" in refusal(tmp_path, png(inner=header))
    assert "IHDR" in refusal(tmp_path, whole[:8] + chunk(b"tEXt", b"a\0b") + whole[8:])
    assert "second palette" in refusal(tmp_path, png(3, inner=palette))
    assert "after its pixels" in refusal(tmp_path, png(3, palette=0, end=palette))
    packed = zlib.compress(pixels_of(stored(2, 8), 8, False))
    parted = chunk(b"IDAT", packed[:50]) + chunk(b"tEXt", b"a\0b") + chunk(b"IDAT", packed[50:])
    assert "interrupted" in refusal(tmp_path, png(idat=parted))
    assert "no pixels" in refusal(tmp_path, whole[:33] + chunk(b"IEND", b""))
    # An animation whose control chunk is missing or counts one picture.
    frame = chunk(b"fdAT", struct.pack(">I", 1) + packed)
    assert "animation" in refusal(tmp_path, png(end=frame))


def test_a_cut_gives_a_plain_reason_wherever_it_is(tmp_path):
    whole = png()
    for length in range(8, len(whole)):
        assert "is cut off" in refusal(tmp_path, whole[:length])
