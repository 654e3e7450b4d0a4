"""From decoded frames to RGB: compared with the equations of ITU-R BT.601 and BT.709 in float64; HDR and alpha."""

from __future__ import annotations

import itertools
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import Interpolation

from tests.oracles.pixel_equations import WEIGHTS, by_the_equations
from vidbench.data.decode import decode_frames, decoding
from vidbench.data.pixels import rgb_pixels
from vidbench.errors import InputError


def smooth_frame(matrix: int, full_range: bool, height: int = 64, width: int = 96) -> av.VideoFrame:
    """Return a frame of waves, all of it in gamut."""
    frame = av.VideoFrame(width, height, "yuv420p")
    rng = np.random.default_rng(5)
    for plane in frame.planes:
        y, x = np.mgrid[: plane.height, : plane.width]
        values = 120 + 30 * np.sin(x / 9 + rng.uniform(0, 6)) * np.cos(y / 7 + rng.uniform(0, 6))
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : plane.width] = np.round(values)
        plane.update(padded.tobytes())
    frame.colorspace, frame.color_range = matrix, 2 if full_range else 1
    return frame


@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("full_range", [False, True])
def test_exact_pixels_are_the_standards_equations_but_for_rounding(matrix, full_range):
    frame = smooth_frame(matrix, full_range)
    difference = rgb_pixels(frame, "exact") - by_the_equations(frame, left=False)
    assert abs(difference.mean()) < 0.03
    assert np.abs(difference).max() < 0.52


def test_the_default_of_ffmpeg_is_about_a_level_darker():
    frame = smooth_frame(2, False)
    exact, default = rgb_pixels(frame, "exact").astype(int), rgb_pixels(frame, "ffmpeg-default").astype(int)
    assert -1.4 < (default - by_the_equations(frame, left=False)).mean() < -0.8
    assert 0.6 < (default != exact).mean() < 0.95


@pytest.mark.parametrize(
    ("name", "darker"),
    [("kinetics_flipping_a_pancake.mkv", 1.18), ("mmaction_test.mp4", 1.07), ("rotated_90.mov", 1.19)],
)
def test_real_videos_under_both_conventions(shared, name, darker):
    with decoding(shared / "data" / "clips" / name) as video:
        frame = next(iter(video.frames))
    truth = by_the_equations(frame, left=True)
    exact, default = rgb_pixels(frame, "exact").astype(int), rgb_pixels(frame, "ffmpeg-default").astype(int)
    assert abs((exact - truth).mean()) < 0.06
    assert np.abs(exact - truth).max() < 0.52
    assert (default - truth).mean() == pytest.approx(-darker, abs=0.12)
    assert (default != exact).mean() > 0.7


def write(
    path: Path,
    codec: str,
    pix_fmt: str,
    trc: int = 2,
    primaries: int = 2,
    matrix: int = 2,
    alpha: int = 255,
    count: int = 5,
) -> Path:
    """Write grey frames in a codec, tagged with code points of ISO/IEC 23091-2."""
    rgba = np.full((48, 64, 4), 120, np.uint8)
    rgba[..., 3] = alpha
    with av.open(str(path), "w") as container:
        stream = container.add_stream(
            codec, rate=25, options={"x265-params": "log-level=none"} if "265" in codec else {}
        )
        stream.width, stream.height, stream.pix_fmt = 64, 48, pix_fmt
        context = stream.codec_context
        context.color_trc, context.color_primaries, context.colorspace = trc, primaries, matrix
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(rgba, format="rgba").reformat(format=pix_fmt)
            frame.color_trc, frame.color_primaries, frame.colorspace, frame.pts = trc, primaries, matrix, number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        decode_frames(path)
    assert caught.value.problem == "unsupported"
    message = str(caught.value)
    assert message.startswith(f"The video '{path}' ")
    assert message.count(".") - str(path).count(".") <= message.count("BT.709") + 1
    return message


@pytest.mark.parametrize(("trc", "name"), [(16, "PQ"), (18, "HLG")])
@pytest.mark.parametrize(("codec", "file"), [("libx265", "a.mp4"), ("libx265", "a.mkv"), ("libx264", "a.mp4"), ("prores_ks", "a.mov")])  # fmt: skip
def test_hdr_is_refused(tmp_path, trc, name, codec, file):
    pix_fmt = "yuv422p10le" if codec == "prores_ks" else "yuv420p10le"
    path = write(tmp_path / file, codec, pix_fmt, trc, 9, 9)
    assert f"is HDR (transfer {name})" in refusal(path)


@pytest.mark.parametrize(("trc", "primaries", "matrix"), [(2, 2, 2), (1, 1, 1), (14, 9, 9)])
def test_sdr_of_10_bits_is_accepted(tmp_path, trc, primaries, matrix):
    path = write(tmp_path / "a.mp4", "libx265", "yuv420p10le", trc, primaries, matrix)
    frames = decode_frames(path)
    assert frames.shape == (5, 48, 64, 3)
    assert np.abs(frames.astype(int) - 120).max() <= 1


def test_a_matrix_without_a_conversion_is_named(tmp_path):
    assert "colour matrix YCgCo" in refusal(write(tmp_path / "a.mp4", "libx264", "yuv444p", 1, 1, 8))


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "file"),
    [
        ("qtrle", "argb", "a.mov"),
        ("png", "rgba", "a.mov"),
        ("ffv1", "yuva420p", "a.mkv"),
        ("prores_ks", "yuva444p10le", "b.mov"),
    ],
)
def test_opaque_alpha_is_dropped_and_transparent_pixels_are_refused(tmp_path, codec, pix_fmt, file):
    frames = decode_frames(write(tmp_path / file, codec, pix_fmt))
    assert np.abs(frames.astype(int) - 120).max() <= 1
    assert "transparent pixels" in refusal(write(tmp_path / file, codec, pix_fmt, alpha=200))


def write_palette(path: Path, codec: str, alpha: int) -> Path:
    """Write frames of two colours from a palette, the second with an alpha; a third, transparent one is in no pixel."""
    colours = np.zeros((256, 4), np.uint8)
    colours[:, 0], colours[0], colours[1] = 255, (255, 10, 20, 30), (alpha, 40, 50, 60)
    colours[2] = (0, 70, 80, 90)
    numbers = np.zeros((48, 64), np.uint8)
    numbers[20:, 9:] = 1
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "pal8"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray((numbers, colours), format="pal8")))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("codec", "file", "holds_alpha"),
    [
        ("png", "a.mov", True),
        ("png", "a.avi", True),
        ("targa", "a.mov", True),
        ("gif", "a.gif", True),
        ("gif", "a.mov", True),
        ("rawvideo", "a.avi", False),
        ("rawvideo", "a.mov", False),
        ("msrle", "a.avi", False),
        ("smc", "a.mov", False),
        ("zmbv", "a.avi", False),
        ("jpeg2000", "a.mkv", False),
    ],
)
def test_palettes_are_accepted_where_every_pixel_is_opaque(tmp_path, codec, file, holds_alpha):
    frames = decode_frames(write_palette(tmp_path / file, codec, 255))
    assert frames.shape == (5, 48, 64, 3)
    assert (frames[:, :20] == (10, 20, 30)).all()
    assert (frames[:, 20:, 9:] == (40, 50, 60)).all()
    if holds_alpha:
        assert "transparent pixels" in refusal(write_palette(tmp_path / file, codec, 0))
    else:
        decode_frames(write_palette(tmp_path / file, codec, 0))


def test_frames_with_exif_are_refused_because_they_may_hold_an_orientation(tmp_path):
    # FFmpeg's decoder of TIFF hands on the tags of each picture.
    assert "may hold an orientation" in refusal(write_palette(tmp_path / "a.mov", "tiff", 255))


def test_alpha_that_ffmpeg_leaves_out_is_refused(tmp_path):
    # Its decoder of VP9 returns the picture alone, so whether the channel is opaque is unknown.
    assert "alpha channel that is not decoded" in refusal(write(tmp_path / "a.webm", "libvpx-vp9", "yuva420p"))
    assert len(decode_frames(write(tmp_path / "b.webm", "libvpx-vp9", "yuv420p"))) == 5


def test_the_transparent_video_among_the_cases_is_refused(shared):
    assert "transparent pixels" in refusal(shared / "data" / "cases" / "videos" / "alpha_qtrle.mov")


@pytest.mark.parametrize("color_range", [0, 1, 2])
@pytest.mark.parametrize("pix_fmt", ["gray", "gray10le"])
def test_grey_is_full_range_whatever_its_tag(pix_fmt, color_range):
    frame = av.VideoFrame(64, 48, pix_fmt)
    value = bytes([100]) if pix_fmt == "gray" else (400).to_bytes(2, "little")
    frame.planes[0].update(value * (frame.planes[0].buffer_size // len(value)))
    frame.color_range = color_range
    assert (rgb_pixels(frame, "exact") == 100).all()


@pytest.mark.parametrize("convention", ["exact", "ffmpeg-default"])
def test_a_converter_that_has_converted_other_frames_converts_as_a_new_one(convention):
    """One converter serves all frames of a thread, whatever their size, format, matrix and range."""
    flags = Interpolation.BILINEAR
    if convention == "exact":
        flags |= Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INT
    random = np.random.default_rng(6)
    results = set()
    for _ in range(2):
        for height, width in ((16, 32), (32, 16)):
            pixels = random.integers(16, 236, (height * 3 // 2, width), np.uint8)
            for matrix, value_range in itertools.product((1, 5, 6), (1, 2)):
                for layout in ("yuv420p", "yuv444p", "yuvj420p"):
                    frame = av.VideoFrame.from_ndarray(pixels, format="yuv420p").reformat(format=layout)
                    frame.colorspace, frame.color_range = matrix, value_range
                    fresh = frame.to_ndarray(format="rgb24", interpolation=int(flags), threads=1)
                    assert np.array_equal(rgb_pixels(frame, convention), fresh)
                    results.add(fresh.tobytes())
    assert len(results) > 8
