"""Decoding by frame index, on videos with numbered frames and on damaged ones."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from vidbench.data.decode import decode_frames, decoding, is_lossless, iterate_frames, to_rgb
from vidbench.data.images import crop_window, fit_frames
from vidbench.errors import InputError

SHARED = Path(os.environ.get("VIDBENCH_SHARED", Path(__file__).parents[4] / "shared")) / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the shared test data is not at {SHARED}")


def numbered(count: int, height: int = 32, width: int = 48) -> np.ndarray:
    """Noise whose frame i is brighter with i and never repeats."""
    frames = np.random.default_rng(7).integers(0, 200, (count, height, width, 3), dtype=np.uint8)
    frames[:, 0, 0] = np.arange(count, dtype=np.uint8)[:, None]
    return frames


def count_frames(path: Path) -> int:
    with decoding(path) as video:
        return sum(1 for _ in video.frames)


def write_video(path, frames, codec="ffv1", pix_fmt="bgr0", options=None, times=None) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = pix_fmt
        if times is not None:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number, image in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = int(times[number]), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


LOSSLESS = {
    "ffv1.mkv": {},
    "x264rgb.mp4": {"codec": "libx264rgb", "pix_fmt": "rgb24", "options": {"qp": "0", "bf": "3", "g": "12"}},
    "raw.avi": {"codec": "rawvideo", "pix_fmt": "bgr24"},
    "png.mov": {"codec": "png", "pix_fmt": "rgb24"},
}


@pytest.mark.parametrize("name", LOSSLESS)
def test_every_frame_comes_back_at_its_index(tmp_path, name):
    frames = numbered(30)
    write_video(tmp_path / name, frames, **LOSSLESS[name])
    np.testing.assert_array_equal(decode_frames(tmp_path / name), frames)
    wanted = np.array([0, 3, 3, 11, 29])
    np.testing.assert_array_equal(decode_frames(tmp_path / name, wanted), frames[wanted])
    assert count_frames(tmp_path / name) == 30
    assert sum(1 for _ in iterate_frames(tmp_path / name)) == 30


def test_only_lossless_codecs_on_rgb_count_as_lossless(tmp_path):
    frames = numbered(4)
    for name, settings in LOSSLESS.items():
        write_video(tmp_path / name, frames, **settings)
    write_video(tmp_path / "yuv.mkv", frames, pix_fmt="yuv420p")
    kept = {path.name: is_lossless(path) for path in tmp_path.iterdir()}
    assert kept == {"ffv1.mkv": True, "raw.avi": True, "png.mov": True, "x264rgb.mp4": False, "yuv.mkv": False}


def test_variable_frame_rate_neither_repeats_nor_drops_frames(tmp_path):
    frames = numbered(6)
    write_video(tmp_path / "vfr.mkv", frames, times=[0, 10, 500, 510, 3000, 3040])
    np.testing.assert_array_equal(decode_frames(tmp_path / "vfr.mkv"), frames)


@pytest.mark.parametrize(("matrix", "red", "blue"), [(1, 0.2126, 0.0722), (5, 0.299, 0.114), (2, 0.299, 0.114)])
@pytest.mark.parametrize("full_range", [False, True])
def test_colours_follow_the_files_matrix_and_range(tmp_path, matrix, red, blue, full_range):
    """Compared with the float formulas of ITU-R BT.601 and BT.709; untagged files are BT.601, limited range."""
    planes = np.random.default_rng(0).integers(70, 180, (3, 4, 4)).repeat(8, 1).repeat(8, 2)
    frame = av.VideoFrame(32, 32, "yuv420p")
    for plane, values in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size), np.uint8)
        padded[:, : plane.width] = values[:: 32 // plane.height, :: 32 // plane.width]
        plane.update(padded.tobytes())
    frame.colorspace, frame.color_range = matrix, 2 if full_range else 1
    with av.open(str(tmp_path / "colour.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = frame.colorspace, frame.color_range
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    y, u, v = planes.astype(float)
    y = y / 255 if full_range else (y - 16) / 219
    u, v = ((plane - 128) / (255 if full_range else 224) for plane in (u, v))
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    expected = np.clip(np.stack([r, g, b], -1) * 255, 0, 255)
    centres = np.s_[3::8, 3::8]  # chroma is interpolated at the borders of the patches
    assert np.abs(decode_frames(tmp_path / "colour.mkv")[0][centres] - expected[centres]).max() < 0.6


def test_decoding_does_not_depend_on_the_instruction_set(tmp_path):
    """FFmpeg without any SIMD code must give the same bytes; its default conversion does not."""
    import ctypes

    libraries = list((Path(av.__file__).parents[1] / "av.libs").glob("libavutil*"))
    if not libraries:
        pytest.skip("this build of PyAV does not bring its own libavutil")
    write_video(tmp_path / "a.mp4", numbered(5, 50, 70), codec="libx264", pix_fmt="yuv420p")
    fast = decode_frames(tmp_path / "a.mp4")
    force = ctypes.CDLL(str(libraries[0])).av_force_cpu_flags
    force(0)
    try:
        plain = decode_frames(tmp_path / "a.mp4")
    finally:
        force(-1)
    np.testing.assert_array_equal(plain, fast)


def refusal(function, *arguments, name: str) -> str:
    with pytest.raises(InputError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert name in message
    assert "\n" not in message
    return message


def test_files_that_are_no_videos_are_refused_by_name(tmp_path):
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "does not exist" in refusal(decode_frames, tmp_path / "none.mp4", name="none.mp4")
    assert "cannot be decoded" in refusal(decode_frames, tmp_path / "text.mp4", name="text.mp4")
    assert "cannot be decoded" in refusal(count_frames, tmp_path / "empty.mp4", name="empty.mp4")
    assert "no video stream" in refusal(count_frames, tmp_path / "sound.mp4", name="sound.mp4")
    assert "not a file" in refusal(decode_frames, tmp_path, name=tmp_path.name)


def test_a_truncated_mkv_is_read_up_to_the_cut_and_refused_there(tmp_path):
    frames = numbered(16)
    write_video(tmp_path / "whole.mkv", frames)
    data = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    readable = []
    message = refusal(lambda path: readable.extend(iterate_frames(path)), tmp_path / "cut.mkv", name="cut.mkv")
    left = len(readable)
    assert 0 < left < 16
    assert f"cut off after frame {left}" in message
    np.testing.assert_array_equal(np.stack(readable), frames[:left])
    np.testing.assert_array_equal(decode_frames(tmp_path / "cut.mkv", np.array([left - 1])), frames[left - 1 : left])
    message = refusal(decode_frames, tmp_path / "cut.mkv", np.array([0, 15]), name="cut.mkv")
    assert f"after frame {left}" in message
    write_video(tmp_path / "short.mkv", frames[:left])
    message = refusal(decode_frames, tmp_path / "short.mkv", np.array([0, 15]), name="short.mkv")
    assert f"after {left} frames" in message


def test_a_truncated_mp4_is_refused(tmp_path):
    with av.open(str(tmp_path / "whole.mp4"), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        for image in numbered(20):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode(None))
    data = (tmp_path / "whole.mp4").read_bytes()
    assert count_frames(tmp_path / "whole.mp4") == 20
    (tmp_path / "cut.mp4").write_bytes(data[: len(data) * 3 // 4])
    refusal(count_frames, tmp_path / "cut.mp4", name="cut.mp4")


def test_damage_is_refused_instead_of_painted_over(tmp_path):
    """H.264 silently conceals broken slices by default."""
    blocks = np.random.default_rng(1).integers(0, 255, (8, 12, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    frames = np.stack([np.roll(blocks, 2 * i, axis=1) for i in range(40)])
    # The bytes of a rate-controlled encoding differ from run to run, and now and then the damage decodes as another picture.
    write_video(
        tmp_path / "good.mkv",
        frames,
        codec="libx264",
        pix_fmt="yuv420p",
        options={"preset": "ultrafast", "qp": "20"},
    )
    with av.open(str(tmp_path / "good.mkv")) as good, av.open(str(tmp_path / "bad.mkv"), "w") as bad:
        stream = bad.add_stream_from_template(good.streams.video[0])
        for number, packet in enumerate(packet for packet in good.demux(video=0) if packet.size):
            payload = bytearray(bytes(packet))
            if number == 0:
                payload[-100:-60] = bytes(40)
            damaged = av.Packet(bytes(payload))
            damaged.stream, damaged.time_base = stream, packet.time_base
            damaged.pts, damaged.dts, damaged.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
            bad.mux(damaged)
    with av.open(str(tmp_path / "bad.mkv")) as container:
        assert sum(1 for _ in container.decode(video=0)) > 30  # a plain reader accepts them, concealed
    refusal(decode_frames, tmp_path / "bad.mkv", name="bad.mkv")


def write_streams(path: Path, sizes: list[tuple[int, int]], default: int | None) -> None:
    """Write streams of 4 frames whose brightness is 50 times their number."""
    flag = av.stream.Disposition.default
    with av.open(str(path), "w", options={"default_mode": "passthrough"}) as container:
        streams = [container.add_stream("ffv1", rate=25) for _ in sizes]
        for number, (stream, (height, width)) in enumerate(zip(streams, sizes, strict=True)):
            stream.height, stream.width, stream.pix_fmt = height, width, "bgr0"
            stream.disposition = flag if number == default else av.stream.Disposition(0)
        for _ in range(4):
            for number, (stream, size) in enumerate(zip(streams, sizes, strict=True)):
                image = np.full((*size, 3), 50 * number, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))


def test_of_several_streams_the_default_is_read_and_without_one_they_are_refused(tmp_path):
    sizes = [(12, 16), (48, 64), (24, 32)]
    for default in (0, 1, 2):
        path = tmp_path / f"{default}.mkv"
        write_streams(path, sizes, default)
        frames = decode_frames(path)
        assert frames.shape == (4, *sizes[default], 3)
        assert (frames == 50 * default).all()
    write_streams(tmp_path / "none.mkv", sizes, None)
    assert "3 video tracks, of 16x12, 64x48 and 32x24" in refusal(decode_frames, tmp_path / "none.mkv", name="none.mkv")


@needs_shared
def test_a_preview_in_front_of_the_video_is_not_read():
    path = SHARED / "cases" / "videos" / "preview_stream_first.mp4"
    assert decode_frames(path).shape == (50, 48, 64, 3)


@pytest.mark.parametrize("name", ["file:a.mkv", "concat:a.mkv", "12:30.mkv", "http:a.mkv", "a%02d.mkv", "a*.mkv"])
def test_a_path_is_a_file_and_never_an_address(tmp_path, monkeypatch, name):
    """FFmpeg reads other files under these names."""
    monkeypatch.chdir(tmp_path)
    write_video(Path("a.mkv"), numbered(4))
    write_video(tmp_path / "b.mkv", numbered(6)[2:])
    (tmp_path / "b.mkv").rename(tmp_path / name)
    np.testing.assert_array_equal(decode_frames(Path(name)), numbered(6)[2:])
    assert is_lossless(Path(name))


def test_a_file_may_not_name_others_to_be_read(tmp_path):
    write_video(tmp_path / "a.mkv", numbered(4))
    (tmp_path / "list.mp4").write_text(f"ffconcat version 1.0\nfile {tmp_path / 'a.mkv'}\n")
    (tmp_path / "playlist.mp4").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{tmp_path / 'a.mkv'}\n#EXT-X-ENDLIST\n"
    )
    for name in ("list.mp4", "playlist.mp4"):
        assert "cannot be decoded" in refusal(decode_frames, tmp_path / name, name=name)


def test_a_change_of_frame_size_is_refused(tmp_path):
    parts = []
    for size in ((32, 48), (48, 32)):
        write_video(tmp_path / "part.h264", numbered(4, *size), codec="libx264", pix_fmt="yuv420p")
        parts.append((tmp_path / "part.h264").read_bytes())
    (tmp_path / "joined.h264").write_bytes(b"".join(parts))
    assert "frame size from 48x32 to 32x48" in refusal(decode_frames, tmp_path / "joined.h264", name="joined.h264")


@pytest.mark.parametrize("duration", [20, 1000, [30, 40, 30, 30]])
def test_a_gif_has_as_many_frames_as_are_stored(tmp_path, duration):
    """Durations must not multiply frames; 30 frames per second are delays of 3 and 4 hundredths."""
    from PIL import Image

    images = [Image.fromarray(np.full((16, 16, 3), 60 * i, np.uint8)) for i in range(4)]
    images[0].save(tmp_path / "slow.gif", save_all=True, append_images=images[1:], duration=duration)
    np.testing.assert_array_equal(decode_frames(tmp_path / "slow.gif")[:, 8, 8, 0], [0, 60, 120, 180])


@pytest.mark.parametrize("form", ["gif", "png"])
def test_an_animation_that_holds_a_frame_is_refused_and_not_read_with_a_jump_in_time(tmp_path, form):
    from PIL import Image

    images = [Image.fromarray(np.full((16, 16, 3), 60 * i, np.uint8)) for i in (0, 1, 1, 1, 2, 3)]
    # Pillow stores equal pictures once and adds up their delays, as other writers do.
    images[0].save(tmp_path / f"a.{form}", save_all=True, append_images=images[1:], duration=40)
    message = refusal(decode_frames, tmp_path / f"a.{form}", name=f"a.{form}")
    assert "shows frame 1 for 0.12 s and frame 0 for 0.04 s" in message
    np.testing.assert_array_equal(decode_frames(tmp_path / f"a.{form}", np.array([0]))[:, 8, 8, 0], [0])


@needs_shared
def test_the_gif_with_a_held_frame_is_refused():
    path = SHARED / "cases" / "videos" / "held_frames.gif"
    assert "shows frame 2 for 0.2 s and frame 0 for 0.04 s" in refusal(decode_frames, path, name="held_frames.gif")


@pytest.mark.parametrize("wanted", [[], [-1, 2], [3, 1]])
def test_indices_out_of_order_are_a_programming_error(tmp_path, wanted):
    write_video(tmp_path / "a.mkv", numbered(4))
    with pytest.raises(ValueError, match="ascending"):
        decode_frames(tmp_path / "a.mkv", np.array(wanted, dtype=np.int64))


@needs_shared
@pytest.mark.parametrize(
    ("name", "count", "size"),
    [
        ("h265.mp4", 10, (128, 128)),
        ("kinetics_flipping_a_pancake.mkv", 310, (240, 426)),
        ("mmaction_test.avi", 164, (240, 320)),
        ("rotated_0.mov", 3, (320, 568)),
        ("rotated_90.mov", 3, (568, 320)),
    ],
)
def test_real_files_of_many_codecs(name, count, size):
    assert count_frames(SHARED / "clips" / name) == count
    frames = decode_frames(SHARED / "clips" / name, np.array([0, count - 1]))
    assert frames.shape == (2, *size, 3)
    assert frames.std() > 10


@needs_shared
def test_a_rotated_file_is_turned_clockwise():
    path = SHARED / "clips" / "rotated_90.mov"
    with av.open(str(path)) as container:
        stored = next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    upright = decode_frames(path, np.array([0]))[0]
    assert np.abs(upright - np.rot90(stored, k=-1)).mean() < 2
    assert np.abs(upright - np.rot90(stored, k=1)).mean() > 20


@needs_shared
def test_the_corrupt_file_is_refused_and_its_good_start_is_not():
    path = SHARED / "clips" / "corrupted.mp4"
    assert "cannot be decoded (Invalid data" in refusal(count_frames, path, name="corrupted.mp4")
    assert decode_frames(path, np.array([0, 5])).shape == (2, 720, 1280, 3)


def test_display_matrices_turn_and_mirror(monkeypatch):
    from vidbench.data.pixels import upright

    image = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    one = 1 << 16
    cases = {
        (one, 0, 0, one): image,
        (-one, 0, 0, -one): np.rot90(image, 2),
        (0, one, -one, 0): np.rot90(image, -1),
        (0, -one, one, 0): np.rot90(image, 1),
        (-one, 0, 0, one): image[:, ::-1],
        (one, 0, 0, -one): image[::-1],
        (0, one, one, 0): image.transpose(1, 0, 2),
        (1, one, -one, -1): np.rot90(image, -1),  # rounded
        (-500, one, -one, 500): np.rot90(image, -1),  # 0.44 degrees
        (0, 0, 0, 0): image,
    }
    for (a, b, c, d), expected in cases.items():
        matrix = np.array([[a, b, 0], [c, d, 0], [0, 0, 1 << 30]], np.int32)
        np.testing.assert_array_equal(upright(image, matrix), expected)
    skewed = np.array([[one, one, 0], [-one, one, 0], [0, 0, 1 << 30]], np.int32)
    assert upright(image, skewed) is None
    assert upright(image, np.array([[one, 700, 0], [-700, one, 0], [0, 0, 1 << 30]], np.int32)) is None  # 0.61 degrees
    assert upright(image, np.array([[one, 0, 0], [0, 0, 0], [0, 0, 1 << 30]], np.int32)) is None  # a line
    monkeypatch.setattr("vidbench.data.decode.display_matrix", lambda frame, path: skewed)
    frame = av.VideoFrame.from_ndarray(image, format="rgb24")
    assert "multiple of 90" in refusal(to_rgb, frame, Path("tilted.mov"), name="tilted.mov")


def slow_box(frame: np.ndarray, factor: int) -> np.ndarray:
    """Mean over squares, columns first and rounded to 8 bits between the two passes, as 8-bit resizers do."""
    height, width, _ = frame.shape
    across = np.zeros((height, width // factor, 3))
    for column in range(width // factor):
        across[:, column] = np.floor(frame[:, column * factor : (column + 1) * factor].mean(1) + 0.5)
    down = np.zeros((height // factor, width // factor, 3))
    for row in range(height // factor):
        down[row] = np.floor(across[row * factor : (row + 1) * factor].mean(0) + 0.5)
    return down.astype(np.uint8)


@pytest.mark.parametrize("factor", [2, 4])
def test_box_resize_is_the_mean_over_squares(factor):
    frames = numbered(3, 64, 64)
    fitted = fit_frames(frames, 64 // factor, 64 // factor, "pil-box", "none")
    assert fitted.dtype == np.uint8
    np.testing.assert_array_equal(fitted, np.stack([slow_box(frame, factor) for frame in frames]))


@pytest.mark.parametrize("kernel", ["pil-box", "pil-bilinear", "pil-bicubic", "pil-lanczos"])
def test_every_kernel_is_antialiased(kernel):
    """Stripes finer than the target's pixels become grey; a plain bilinear resize keeps them as full-range moire."""
    stripes = np.zeros((1, 256, 256, 3), np.uint8)
    stripes[:, :, ::2] = 255
    fitted = fit_frames(stripes, 60, 60, kernel, "none").astype(int)
    assert np.abs(fitted[:, 5:-5, 5:-5] - 127.5).max() < 26


def test_the_crop_is_central_and_has_the_targets_aspect():
    assert crop_window(240, 427, 64, 64) == (0, 93, 240, 240)
    assert crop_window(427, 240, 64, 64) == (93, 0, 240, 240)
    assert crop_window(100, 100, 32, 64) == (25, 0, 50, 100)
    assert crop_window(64, 64, 64, 64) == (0, 0, 64, 64)
    image = numbered(1, 40, 61)
    np.testing.assert_array_equal(fit_frames(image, 40, 40, "none", "center"), image[:, :, 10:50])
    cropped = fit_frames(image, 20, 20, "pil-box", "center")
    np.testing.assert_array_equal(cropped[0], slow_box(image[0, :, 10:50], 2))


def test_sizes_of_the_task_pass_and_others_need_a_resize():
    image = numbered(2, 32, 48)
    assert fit_frames(image, 32, 48, "pil-lanczos", "center") is image
    message = refusal(fit_frames, image, 64, 64, "none", "none", "'a.mp4'", name="a.mp4")
    assert "48x32" in message
    assert "64x64" in message
