"""Damaged, cut, misleading and much too long videos."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from tests.abuse.case import Case
from tests.abuse.videos.changes import DAMAGED
from tests.abuse.videos.encodings import ENCODINGS, FRAMES, write

_MEASURE = ("measure", "real", "samples", "--metric", "fvd-shapes", "--num-frames", str(FRAMES), "--resolution", "32")
_SCAN = ("data", "scan", "real", "--workers", "1", "--output", "out")
_SCORE = ("score", "--samples", "samples", "--task", "shapes-gen", "--num-samples", "2", "--output", "out")


def _changed(title: str, container: str, change: str) -> Callable[[Path], None]:
    """Return a maker of a sound file and a changed one, of which the changed one is named first."""

    def make(folder: Path) -> None:
        encoding = ENCODINGS[title]
        write(folder / f"b.{container}", encoding, container)
        DAMAGED[change].make(folder / f"b.{container}", folder / f"a.{container}", encoding, container)

    return make


def _sound_and(name: str, content: Callable[[Path], bytes]) -> Callable[[Path], None]:
    """Return a maker of a sound file and one with other content."""

    def make(folder: Path) -> None:
        write(folder / "b.mkv", ENCODINGS["mpeg4"], "mkv")
        (folder / name).write_bytes(content(folder))

    return make


def _two_sizes(folder: Path) -> bytes:
    parts = []
    for number, (height, width) in enumerate(((64, 96), (96, 64))):
        path = folder.parent / f"part-{number}.m2v"
        with av.open(str(path), "w") as container:
            stream = container.add_stream("mpeg2video", rate=25)
            stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
            for _ in range(FRAMES // 2):
                image = np.full((height, width, 3), 90, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
            container.mux(stream.encode(None))
        parts.append(path.read_bytes())
    return b"".join(parts)


def long_video(path: Path, frames: int, height: int, width: int) -> None:
    """Write one coded frame again and again, so that a video of any length takes no time."""
    encoder = av.CodecContext.create("libvpx-vp9", "w")
    encoder.height, encoder.width, encoder.pix_fmt = height, width, "yuv420p"
    encoder.time_base, encoder.thread_count = Fraction(1, 30), 1
    encoder.options = {"deadline": "realtime", "cpu-used": "8"}
    image = av.VideoFrame.from_ndarray(np.full((height, width, 3), 120, np.uint8), format="rgb24")
    data = bytes((encoder.encode(image.reformat(format="yuv420p")) + encoder.encode(None))[0])
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=30)
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for number in range(frames):
            packet = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 30)
            packet.pts = packet.dts = number
            packet.is_keyframe = True
            container.mux(packet)


def _two_tracks(folder: Path) -> None:
    """Write a sound file, and one of two unmarked tracks of which the second is larger."""
    write(folder / "b.mkv", ENCODINGS["mpeg4"], "mkv")
    with av.open(str(folder / "a.mkv"), "w", options={"default_mode": "passthrough"}) as container:
        streams = [container.add_stream("mpeg4", rate=25) for _ in range(2)]
        for stream, side in zip(streams, (16, 64), strict=True):
            stream.width = stream.height = side
            stream.pix_fmt, stream.disposition = "yuv420p", av.stream.Disposition(0)
        for _ in range(FRAMES):
            for stream in streams:
                image = np.full((stream.height, stream.width, 3), 90, np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        for stream in streams:
            container.mux(stream.encode())


def _huge_gif(folder: Path) -> bytes:
    """Return a GIF of 16000x16000 pixels, of which one is stored."""
    screen = b"GIF89a" + (16000).to_bytes(2, "little") * 2 + b"\x80\0\0" + bytes(3) + b"\xff" * 3
    frame = b"\x2c" + bytes(4) + b"\1\0\1\0" + b"\0" + b"\2\2\x44\1\0"
    return screen + 4 * frame + b"\x3b"


_FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "two unmarked tracks": (
        _two_tracks,
        "2 video tracks, of 16x16 and 64x64, none of which alone is marked as default",
    ),
    "H.264 that FFmpeg paints over": (_changed("h264", "mp4", "200 bytes of zeros"), "damaged"),
    "HEVC that FFmpeg paints over": (
        _changed("hevc, closed GOP", "mp4", "200 bytes of zeros"),
        "a.mp4",
    ),
    "AV1 with flipped bits": (_changed("av1", "webm", "three bits flipped"), "a.webm"),
    "MPEG-4 with flipped bits": (_changed("mpeg4", "avi", "three bits flipped"), "damaged"),
    "MPEG-2 with noise": (_changed("mpeg2", "ts", "300 bytes of noise"), "damaged"),
    "a lost H.264 reference": (_changed("h264, open GOP, B-pyramid", "mp4", "packet 18 dropped"), "mmco"),
    "a Matroska file broken in the middle": (
        _changed("hevc, closed GOP", "mkv", "200 bytes of zeros"),
        "damaged",
    ),
    "a Matroska file cut off": (_changed("vp9", "mkv", "cut at 60 % of the bytes"), "cut off"),
    "an AVI file cut off": (_changed("mpeg4", "avi", "cut where a packet begins"), "cut off"),
    "an AVI file without its last frames": (_changed("h264", "avi", "cut at 95 % of the bytes"), "cut off"),
    "an AVI file in which a frame is not found": (_changed("h264", "avi", "300 bytes of noise"), "in its index"),
    "an MP4 file without its index": (_changed("mpeg4", "mp4", "cut at 95 % of the bytes"), "cannot be decoded"),
    "a fragmented MP4 file cut off": (_changed("h264", "fmp4", "cut at 60 % of the bytes"), "a."),
    "a transport stream cut off": (_changed("mpeg2", "ts", "cut at 95 % of the bytes"), "cut off"),
    "a transport packet lost": (_changed("mpeg2", "ts", "a transport packet dropped"), "damaged"),
    "two frame sizes": (_sound_and("a.mov", _two_sizes), "96x64 to 64x96"),
    "frames that would fill the memory": (_sound_and("a.mov", _huge_gif), "frames of 16000x16000 pixels"),
    "a list of other files": (
        _sound_and("a.mp4", lambda folder: f"ffconcat version 1.0\nfile {folder / 'b.mkv'}\n".encode()),
        "cannot be decoded",
    ),
    "a playlist": (
        _sound_and("a.mp4", lambda folder: f"#EXTM3U\n#EXTINF:1,\n{folder / 'b.mkv'}\n#EXT-X-ENDLIST\n".encode()),
        "cannot be decoded",
    ),
}


def _inputs(folder: Path, fault: Callable[[Path], None]) -> None:
    for name in ("real", "samples"):
        (folder / name).mkdir()
        fault(folder / name)
        for path in list((folder / name).glob("*.fmp4")):
            path.rename(path.with_suffix(".mp4"))


def _case(command: str, arguments: tuple[str, ...], name: str, exit_code: int) -> Case:
    fault, word = _FAULTS[name]

    def make(folder: Path) -> list[str]:
        _inputs(folder, fault)
        return list(arguments)

    return Case(f"{command}: {name}", make, word, exit_code)


def _two_minutes(folder: Path) -> list[str]:
    (folder / "samples").mkdir()
    long_video(folder / "samples" / "a.webm", 3600, 720, 1280)
    return list(_SCORE)


def _one_is_longer(folder: Path) -> list[str]:
    (folder / "samples").mkdir()
    long_video(folder / "samples" / "a.webm", 12, 32, 32)
    long_video(folder / "samples" / "b.webm", 100_000, 32, 32)
    return list(_SCORE)


CASES = (
    *(_case("measure", _MEASURE, name, 2) for name in _FAULTS),
    *(_case("scan", _SCAN, name, 1) for name in _FAULTS),
    Case("score: a first video of two minutes", _two_minutes, "(1280x720) has more than the 12 frames"),
    Case("score: a second video of an hour", _one_is_longer, "has more than 12 frame(s)"),
)
