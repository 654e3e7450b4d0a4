"""Short videos in every codec and container: kinds of groups of pictures, B-pyramids, slices, several time bases."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

# The AV1 encoder prints its settings otherwise.
os.environ.setdefault("SVT_LOG", "1")

FRAMES, HEIGHT, WIDTH = 48, 64, 96
FORMATS = {
    "ts": "mpegts",
    "mkv": "matroska",
    "fmp4": "mp4",
    "h264": "h264",
    "hevc": "hevc",
    "m2v": "mpeg2video",
    "m4v": "ipod",
}
FRAGMENTS = "frag_keyframe+empty_moov+default_base_moof"
_X265 = "log-level=none:pools=1:frame-threads=1:keyint=12:min-keyint=12"


class Encoding(NamedTuple):
    """An encoder with options, and the containers that its stream is written to."""

    encoder: str
    containers: tuple[str, ...]
    options: dict[str, str]
    pix_fmt: str = "yuv420p"


def _h264(parameters: str, preset: str = "veryfast") -> dict[str, str]:
    # The bytes of a rate-controlled encoding differ from run to run.
    return {"qp": "28", "preset": preset, "g": "12", "x264-params": f"log-level=none:scenecut=0:{parameters}"}


# `fmp4` is a fragmented mp4; `h264`, `hevc` and `m2v` are bare streams without a container, hence without time stamps.
ENCODINGS = {
    "h264": Encoding("libx264", ("mp4", "mov", "mkv", "avi", "ts", "fmp4", "h264"), _h264("bframes=0", "ultrafast")),
    "h264, open GOP, B-pyramid": Encoding(
        "libx264", ("mp4", "mkv", "avi", "ts", "fmp4", "h264"), _h264("bframes=3:b-pyramid=normal:open-gop=1", "medium")
    ),
    "h264, closed GOP, B-pyramid": Encoding(
        "libx264", ("mp4", "mkv", "ts"), _h264("bframes=3:b-pyramid=normal:open-gop=0", "medium")
    ),
    "h264, intra refresh": Encoding("libx264", ("mp4", "ts"), _h264("intra-refresh=1:bframes=0")),
    "h264, four slices": Encoding("libx264", ("mp4", "ts"), _h264("slices=4:bframes=2")),
    "h264, lossless 4:4:4": Encoding(
        "libx264", ("mp4", "mkv"), {"qp": "0", "preset": "ultrafast", "g": "12"}, "yuv444p"
    ),
    "hevc, closed GOP": Encoding(
        "libx265",
        ("mp4", "mkv", "ts", "hevc"),
        {"crf": "30", "preset": "ultrafast", "x265-params": f"{_X265}:open-gop=0:bframes=0"},
    ),
    "hevc, open GOP, B-pyramid": Encoding(
        "libx265",
        ("mp4", "mkv", "ts", "fmp4"),
        {"crf": "30", "preset": "fast", "x265-params": f"{_X265}:open-gop=1:bframes=3:b-pyramid=1"},
    ),
    "vp9": Encoding(
        "libvpx-vp9",
        ("webm", "mkv", "mp4"),
        {"crf": "40", "b": "0", "g": "12", "deadline": "realtime", "cpu-used": "8"},
    ),
    "vp9, hidden frames": Encoding(
        "libvpx-vp9",
        ("webm", "mp4"),
        {"crf": "40", "b": "0", "g": "12", "cpu-used": "5", "auto-alt-ref": "1", "lag-in-frames": "12"},
    ),
    "av1": Encoding(
        "libsvtav1", ("mp4", "mkv", "webm"), {"crf": "45", "preset": "12", "g": "12", "svtav1-params": "lp=1"}
    ),
    "mpeg4": Encoding("mpeg4", ("mp4", "avi", "mkv"), {"q": "6", "g": "12"}),
    "mpeg4, B-frames": Encoding("mpeg4", ("mp4", "avi", "mkv"), {"q": "6", "g": "12", "bf": "2"}),
    "mpeg2": Encoding("mpeg2video", ("ts", "mkv", "avi", "mp4", "m2v"), {"q": "6", "g": "12"}),
    "mpeg2, B-frames": Encoding("mpeg2video", ("ts", "mkv", "mp4"), {"q": "6", "g": "12", "bf": "2"}),
}


def picture(number: int) -> np.ndarray:
    """Return frame ``number``, uint8 ``[H, W, 3]``: moving gradients, a circling inverted square, fresh coarse noise."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    image = np.stack([2 * x + 3 * number, 3 * y + 5 * number, 2 * (x + y) + 7 * number], axis=-1) % 256
    row, column = round(HEIGHT / 2 + 20 * np.sin(number / 5)), round(WIDTH / 2 + 30 * np.cos(number / 6))
    square = np.s_[max(0, row - 8) : row + 8, max(0, column - 8) : column + 8]
    image[square] = 255 - image[square]
    noise = np.random.default_rng(number).integers(-12, 12, (HEIGHT // 4, WIDTH // 4, 3))
    return np.clip(image + noise.repeat(4, 0).repeat(4, 1), 0, 255).astype(np.uint8)


def write(path: Path, encoding: Encoding, container: str, fragments: str = FRAGMENTS) -> None:
    """Encode the pictures at 25 frames per second; ``fragments`` are FFmpeg's flags for a fragmented mp4."""
    options = {"movflags": fragments} if container == "fmp4" else {}
    with av.open(str(path), "w", format=FORMATS.get(container, container), options=options) as output:
        stream = output.add_stream(encoding.encoder, rate=25, options=encoding.options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, encoding.pix_fmt
        stream.codec_context.thread_count = 1
        for number in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24").reformat(format=encoding.pix_fmt)
            frame.pts = number
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
