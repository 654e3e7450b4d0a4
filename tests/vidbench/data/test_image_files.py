"""Image files as frames: upright, opaque, whole, 8 bits; each rule against files that Pillow or this test wrote."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from tests.png_chunks import chunk
from vidbench.data.image_files import read_image
from vidbench.data.pixels import upright
from vidbench.errors import InputError

RGB = np.random.default_rng(3).integers(0, 256, (5, 8, 3), dtype=np.uint8)


def png(*chunks: tuple[bytes, bytes], header=(8, 5, 8, 2), rows: np.ndarray = RGB) -> bytes:
    """Return a PNG with extra chunks before its data; header: width, height, bits, colour type."""
    data = b"".join(b"\0" + row.tobytes() for row in rows)
    start = chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0))
    inner = b"".join(chunk(*extra) for extra in chunks)
    return b"\x89PNG\r\n\x1a\n" + start + inner + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_image(path)
    message = str(caught.value)
    assert str(path) in message
    assert message.endswith(".")
    assert "\n" not in message
    return message


def saved(path: Path, image: Image.Image, **options) -> Path:
    image.save(path, **options)
    return path


# How a viewer shows each orientation, from the definitions in EXIF 2.32: where the stored first row and column are.
SHOWN = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: np.rot90(a, -1)[:, ::-1],
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 1)[:, ::-1],
    8: lambda a: np.rot90(a, 1),
    0: lambda a: a,
    9: lambda a: a,
}


@pytest.mark.parametrize("orientation", SHOWN)
def test_the_exif_orientation_is_applied_exactly(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.png", Image.fromarray(RGB), exif=exif)
    np.testing.assert_array_equal(read_image(path), SHOWN[orientation](RGB))


def test_turned_camera_pictures_equal_upright_ones(shared):
    folders = shared / "data" / "cases" / "images"
    files = sorted((folders / "exif_orientation_1").rglob("*.jpg"))
    assert len(files) == 64
    for file in files:
        turned = folders / "exif_orientation_6" / file.relative_to(folders / "exif_orientation_1")
        a, b = read_image(file).astype(int), read_image(turned).astype(int)
        # Blocks of 8x8 that are turned with the picture are compressed to the same numbers.
        np.testing.assert_array_equal(a, b)
        # As stored, the pictures are not alike.
        stored = np.asarray(Image.open(turned)).astype(int)
        assert stored.shape != a.shape or np.abs(stored - a).mean() > 20


def test_a_display_matrix_of_a_video_shows_what_the_same_orientation_shows():
    # The matrices that FFmpeg derives from the orientations, rows a b, c d in 16.16 fixed point.
    one = 1 << 16
    matrices = {
        1: (one, 0, 0, one), 2: (-one, 0, 0, one), 3: (-one, 0, 0, -one), 4: (one, 0, 0, -one),
        5: (0, one, one, 0), 6: (0, one, -one, 0), 7: (0, -one, -one, 0), 8: (0, -one, one, 0),
    }  # fmt: skip
    for orientation, (a, b, c, d) in matrices.items():
        matrix = np.array([[a, b, 0], [c, d, 0], [0, 0, 1 << 30]], np.int32)
        np.testing.assert_array_equal(upright(RGB, matrix), SHOWN[orientation](RGB))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "palette", "tRNS"])
@pytest.mark.parametrize("opaque", [True, False])
def test_opaque_alpha_is_dropped_and_transparent_pixels_are_refused(tmp_path, mode, opaque):
    path = tmp_path / "a.png"
    alpha = np.full((5, 8), 255, np.uint8)
    if not opaque:
        alpha[4, 7] = 254
    grey = RGB[..., 0]
    shown = RGB
    if mode == "RGBA":
        saved(path, Image.fromarray(np.dstack([RGB, alpha])))
    elif mode == "LA":
        saved(path, Image.fromarray(np.dstack([grey, alpha])))
        shown = np.dstack([grey] * 3)
    elif mode == "palette":
        indices = np.arange(40, dtype=np.uint8).reshape(5, 8)
        image = Image.fromarray(indices, "P")
        colours = np.random.default_rng(0).integers(0, 256, (256, 3), dtype=np.uint8)
        image.putpalette(colours.tobytes())
        # The last entry, 39, is used by the last pixel.
        saved(path, image, transparency=bytes([255] * 39 + [255 if opaque else 254]))
        shown = colours[indices]
    else:
        colour = RGB[2, 2] if not opaque else np.array([0, 0, 0], np.uint8)
        assert not (RGB == 0).all(-1).any()
        path.write_bytes(png((b"tRNS", struct.pack(">HHH", *colour.tolist()))))
    if opaque:
        np.testing.assert_array_equal(read_image(path), shown)
    else:
        assert "transparent" in refusal(path)


def test_grey_and_palette_become_rgb_without_loss(tmp_path):
    grey = RGB[..., 0]
    path = saved(tmp_path / "grey.png", Image.fromarray(grey))
    np.testing.assert_array_equal(read_image(path), np.dstack([grey] * 3))
    bits = Image.fromarray(grey).convert("1")
    path = saved(tmp_path / "bits.png", bits)
    np.testing.assert_array_equal(read_image(path)[..., 0], np.asarray(bits) * np.uint8(255))
    # Two bits per pixel: 0 to 3 are 0, 85, 170 and 255.
    (tmp_path / "two.png").write_bytes(png(header=(8, 5, 2, 0), rows=np.full((5, 2), 0b00_01_10_11, np.uint8)))
    np.testing.assert_array_equal(read_image(tmp_path / "two.png")[0, :, 1], [0, 85, 170, 255] * 2)


@pytest.mark.parametrize(("colour_type", "channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
def test_16_bits_are_refused_and_not_cut_to_8(tmp_path, colour_type, channels):
    rows = np.full((5, 8 * channels), 0x1234, ">u2")
    (tmp_path / "deep.png").write_bytes(png(header=(8, 5, 16, colour_type), rows=rows))
    assert "16 bits" in refusal(tmp_path / "deep.png")


def test_cmyk_is_refused(tmp_path):
    assert "mode 'CMYK'" in refusal(saved(tmp_path / "a.jpg", Image.fromarray(RGB).convert("CMYK")))


def test_hdr_png_is_refused_and_sdr_with_the_same_chunk_is_not(tmp_path):
    for transfer, name in ((16, "PQ"), (18, "HLG")):
        (tmp_path / "hdr.png").write_bytes(png((b"cICP", bytes([9, transfer, 0, 1]))))
        assert f"HDR (transfer {name})" in refusal(tmp_path / "hdr.png")
    (tmp_path / "sdr.png").write_bytes(png((b"cICP", bytes([1, 13, 0, 1]))))
    np.testing.assert_array_equal(read_image(tmp_path / "sdr.png"), RGB)


def test_a_file_with_several_pictures_is_not_read_in_part(tmp_path):
    pictures = [Image.fromarray(np.roll(RGB, n, 1)) for n in range(3)]
    path = saved(tmp_path / "a.png", pictures[0], save_all=True, append_images=pictures[1:], duration=40)
    assert "holds 3 pictures" in refusal(path)
    # Several pictures of a camera in one JPEG.
    saved(tmp_path / "a.mpo", pictures[0], save_all=True, append_images=pictures[1:]).rename(tmp_path / "a.jpg")
    assert "holds 3 pictures" in refusal(tmp_path / "a.jpg")
    path = saved(tmp_path / "a.webp", pictures[0], save_all=True, append_images=pictures[1:], duration=40)
    assert "suffixes" in refusal(path)


def test_content_and_suffix_agree(tmp_path):
    # A JPEG named .png would count as lossless.
    saved(tmp_path / "a.jpg", Image.fromarray(RGB)).rename(tmp_path / "a.png")
    assert "is JPEG, not PNG" in refusal(tmp_path / "a.png")
    saved(tmp_path / "a.tif", Image.fromarray(RGB)).rename(tmp_path / "b.png")
    assert "is TIFF, not PNG" in refusal(tmp_path / "b.png")
    assert "suffixes" in refusal(tmp_path / "c.tif")


def test_damage_is_refused(tmp_path):
    path = tmp_path / "a.png"
    whole = png()
    # Cut anywhere, even after the last pixel; any one bit flipped.
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        refusal(path)
    rng = np.random.default_rng(0)
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        path.write_bytes(flipped)
        refusal(path)
    for suffix in (".jpg", ".bmp"):
        path = saved(tmp_path / f"a{suffix}", Image.fromarray(np.tile(RGB, (9, 9, 1))))
        whole = path.read_bytes()
        for length in np.linspace(0, len(whole) - 3, 40).astype(int).tolist():
            path.write_bytes(whole[:length])
            refusal(path)


def test_bombs_are_refused_before_they_are_decompressed(tmp_path):
    (tmp_path / "a.png").write_bytes(png(header=(20000, 20000, 8, 2)))
    assert "more than 89,478,485 pixels" in refusal(tmp_path / "a.png")
    text = b"Comment\0\0" + zlib.compress(bytes(200 << 20), 9)
    (tmp_path / "text.png").write_bytes(png((b"zTXt", text)))
    assert "cannot be read" in refusal(tmp_path / "text.png")


def test_colour_profiles_do_not_change_the_numbers(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    path = saved(tmp_path / "a.png", Image.fromarray(RGB), icc_profile=profile)
    np.testing.assert_array_equal(read_image(path), RGB)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_exif_data_that_cannot_be_read_are_refused_because_they_may_hold_an_orientation(tmp_path, suffix):
    for content in (b"garbage", b"MM\0*\0\0"):
        path = saved(tmp_path / f"a.{suffix}", Image.fromarray(RGB), exif=b"Exif\0\0" + content)
        assert "EXIF data that cannot be read" in refusal(path)
    # An orientation that is text or a fraction.
    for kind, count, value in ((2, 2, b"A\0\0\0"), (5, 1, struct.pack("<I", 26))):
        tiff = (
            b"II*\0\x08\0\0\0\x01\0"
            + struct.pack("<HHI", 0x0112, kind, count)
            + value
            + bytes(4)
            + struct.pack("<II", 6, 0)
        )
        path = saved(tmp_path / f"a.{suffix}", Image.fromarray(RGB), exif=b"Exif\0\0" + tiff)
        assert "EXIF data that cannot be read" in refusal(path)
