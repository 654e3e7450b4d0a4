"""JPEG files whose end marker is there and whose data are not, and sound ones of every kind that Pillow writes."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from vidbench.data.image_files import read_image
from vidbench.data.jpeg_damage import jpeg_damage
from vidbench.errors import InputError

KINDS = [
    {"quality": 95}, {"quality": 10}, {"quality": 100, "subsampling": 0}, {"subsampling": 1}, {"subsampling": 2},
    {"progressive": True}, {"optimize": True}, {"restart_marker_blocks": 1}, {"restart_marker_rows": 1},
]  # fmt: skip


def picture(height: int, width: int) -> Image.Image:
    y, x = np.mgrid[:height, :width]
    waves = np.stack([128 + 100 * np.sin(x / 9 + y / 31), 128 + 90 * np.cos(y / 7), (x * 3 + y * 2) % 256], -1)
    noise = np.random.default_rng(0).normal(0, 12, waves.shape)
    return Image.fromarray((waves + noise).clip(0, 255).astype(np.uint8))


def written(image: Image.Image, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_sound_files_are_read_as_pillow_reads_them(tmp_path, mode, options):
    for size in ((48, 64), (1, 1), (37, 53), (130, 7)):
        path = tmp_path / "a.jpg"
        path.write_bytes(written(picture(*size).convert(mode), **options))
        with Image.open(path) as image:
            np.testing.assert_array_equal(read_image(path), np.asarray(image.convert("RGB")))


def test_sound_files_of_a_camera_are_read(shared):
    files = sorted((shared / "data" / "cases" / "images").rglob("*.jpg"))
    assert len(files) >= 128
    assert [file for file in files if jpeg_damage(file.read_bytes()) is not None] == []


@pytest.mark.parametrize("options", [{}, {"quality": 95}, {"optimize": True}, {"subsampling": 0}])
def test_a_cut_that_an_end_marker_hides_is_refused(tmp_path, options):
    whole, path = written(picture(240, 320), **options), tmp_path / "a.jpg"
    start = whole.index(b"\xff\xda")
    for part in (0.1, 0.3, 0.6, 0.9):
        path.write_bytes(whole[: start + int(part * (len(whole) - start))] + b"\xff\xd9")
        # Pillow alone reads it.
        with Image.open(path) as image:
            image.load()
        with pytest.raises(InputError, match=r"is damaged \(FFmpeg: overread") as caught:
            read_image(path)
        assert str(path) in str(caught.value)


def test_a_header_that_states_more_rows_than_there_are_is_refused(tmp_path):
    whole, path = bytearray(written(picture(48, 64))), tmp_path / "a.jpg"
    start = whole.index(b"\xff\xc0")
    whole[start + 5 : start + 7] = (480).to_bytes(2, "big")
    path.write_bytes(whole)
    with Image.open(path) as image:
        assert np.asarray(image).shape == (480, 64, 3)
    with pytest.raises(InputError, match="is damaged"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xd9", b"text"])
def test_what_is_no_jpeg_says_nothing_of_lost_data(content):
    # Pillow refuses these.
    assert jpeg_damage(content) is None
