"""The track that is read of a file with several: of every order, size and mark, in several containers."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import pytest
from PIL import Image

from vidbench.data.decode import decode_frames
from vidbench.data.opening import UnusableVideoError
from vidbench.data.probe import examine_video

DEFAULT, PICTURE = av.stream.Disposition.default, av.stream.Disposition.attached_pic
NONE = av.stream.Disposition(0)
BOTH_SIZES = ((16, 16), (64, 48))


class Track(NamedTuple):
    """A track to write; its frames are of one grey level, and of noise above it for a higher bit rate."""

    size: tuple[int, int]
    level: int
    marks: av.stream.Disposition = NONE
    frames: int = 8
    codec: str = "mpeg4"
    noise: int = 1


def write_tracks(path: Path, tracks: list[Track]) -> None:
    """Write tracks with exactly these marks: FFmpeg's muxer of MP4 marks the first one where none is, so they are patched."""
    options = {"default_mode": "passthrough"} if path.suffix == ".mkv" else {}
    packets = []
    with av.open(str(path), "w", options=options) as container:
        streams = []
        for track in tracks:
            stream = container.add_stream(track.codec, rate=10)
            stream.width, stream.height = track.size
            stream.pix_fmt = "yuvj420p" if track.codec == "mjpeg" else "yuv420p"
            stream.disposition = track.marks
            streams.append(stream)
        for stream, track in zip(streams, tracks, strict=True):
            width, height = track.size
            for number in range(track.frames):
                picture = np.random.default_rng(number).integers(0, track.noise, (height, width, 3)) + track.level
                frame = av.VideoFrame.from_ndarray(picture.astype(np.uint8), format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 10)
                packets += stream.encode(frame)
            packets += stream.encode()
        for packet in sorted(packets, key=lambda packet: packet.dts * packet.time_base):
            container.mux(packet)
    if path.suffix in (".mp4", ".mov"):
        content, place = bytearray(path.read_bytes()), -1
        for track in tracks:
            place = content.index(b"tkhd", place + 1)
            content[place + 7] = content[place + 7] & 0xFE | int(bool(track.marks & DEFAULT))
        path.write_bytes(content)


def marks(path: Path) -> list[bool]:
    with av.open(str(path)) as container:
        return [bool(stream.disposition & DEFAULT) for stream in container.streams.video]


def read_size(path: Path) -> tuple[int, int]:
    _, height, width, _ = decode_frames(path).shape
    return width, height


def refused(path: Path) -> str:
    with pytest.raises(UnusableVideoError) as raised:
        decode_frames(path)
    assert raised.value.problem == "unsupported"
    with pytest.raises(UnusableVideoError, match="players differ"):
        examine_video(path)
    return str(raised.value)


@pytest.mark.parametrize(
    ("suffix", "sizes", "marked"), [*product(("mp4", "mov", "mkv"), (BOTH_SIZES, BOTH_SIZES[::-1]), (0, 1))]
)
def test_a_track_that_alone_is_marked_is_read_whatever_its_size_and_place(tmp_path, suffix, sizes, marked):
    path = tmp_path / f"v.{suffix}"
    flags = [DEFAULT if number == marked else NONE for number in (0, 1)]
    write_tracks(path, [Track(size, 40 + 100 * n, flags[n]) for n, size in enumerate(sizes)])
    assert marks(path) == [flag == DEFAULT for flag in flags]
    assert read_size(path) == sizes[marked]
    assert abs(int(decode_frames(path)[0, 0, 0, 0]) - (40 + 100 * marked)) < 4


@pytest.mark.parametrize(
    ("suffix", "flag"), [("mp4", DEFAULT), ("mp4", NONE), ("mkv", DEFAULT), ("mkv", NONE), ("ts", NONE), ("avi", NONE)]
)
def test_of_equally_marked_tracks_one_is_read_only_where_players_agree(tmp_path, suffix, flag):
    """MP4 states bit rates, by which the larger picture is FFmpeg's best stream too; elsewhere the first one is."""
    for name, sizes in (("up", BOTH_SIZES), ("down", BOTH_SIZES[::-1])):
        path = tmp_path / f"{name}.{suffix}"
        write_tracks(path, [Track(size, 40 + 100 * n, flag) for n, size in enumerate(sizes)])
        assert marks(path) == [flag == DEFAULT] * 2
        if suffix != "mp4" and name == "up":
            assert "2 video tracks, of 16x16 and 64x48, none of which alone is marked" in refused(path)
        else:
            assert read_size(path) == (64, 48)


def test_of_equal_tracks_the_first_is_read_unless_ffmpeg_prefers_another(tmp_path):
    write_tracks(tmp_path / "v.mkv", [Track((32, 32), 40), Track((32, 32), 140)])
    assert abs(int(decode_frames(tmp_path / "v.mkv")[0, 0, 0, 0]) - 40) < 4
    write_tracks(tmp_path / "v.mp4", [Track((32, 32), 40), Track((32, 32), 140, noise=100)])  # a higher bit rate
    assert "of 32x32 and 32x32" in refused(tmp_path / "v.mp4")


@pytest.mark.parametrize("flag", [NONE, DEFAULT])
@pytest.mark.parametrize("first", [0, 1])
def test_an_undeclared_picture_beside_a_video_is_no_video(tmp_path, flag, first):
    """A cover as a video track, larger than the video, unmarked or marked like it; FFmpeg takes the first of the two."""
    cover = Track((320, 240), 200, flag, frames=1, codec="mjpeg")
    video = Track((64, 48), 90, flag, frames=30)
    path = tmp_path / "v.mkv"
    write_tracks(path, [cover, video] if first else [video, cover])
    assert decode_frames(path).shape == (30, 48, 64, 3)


def test_an_attached_picture_is_never_the_video(tmp_path):
    image = tmp_path / "cover.png"
    Image.new("RGB", (320, 240), (9, 9, 9)).save(image)
    path = tmp_path / "v.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt, video.disposition = 64, 48, "yuv420p", NONE
        cover = container.add_stream("png", rate=10)
        cover.width, cover.height, cover.pix_fmt, cover.disposition = 320, 240, "rgb24", PICTURE
        container.mux(cover.encode(av.VideoFrame.from_image(Image.open(image))) + cover.encode())
        for _ in range(4):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(video.encode())
    with av.open(str(path)) as container:
        assert [bool(stream.disposition & PICTURE) for stream in container.streams.video] == [False, True]
    assert decode_frames(path).shape == (4, 48, 64, 3)


def test_a_cut_file_is_refused_for_its_tracks_and_not_by_the_count_of_their_frames(tmp_path):
    path = tmp_path / "v.mkv"
    write_tracks(path, [Track((16, 16), 40), Track((64, 48), 90)])
    path.write_bytes(path.read_bytes()[:-200])
    refused(path)
