"""Read random clips of a video in several ways: ``python benchmarks/decode.py [--peer-python ENV/bin/python] [--json FILE]``.

Clips of 16 consecutive frames of 300 at 340x256, H.264 with a keyframe at most every 12, 60 or 250 frames, from a closed file to RGB
in memory. ``whole`` is our reading without a scan, which counts the frames first; ``index`` our reading after one; ``PyAV seek`` the
usual way to write it: seek, decode, convert as FFmpeg does unless told otherwise. ``ENV`` is an environment with ``pip install decord``;
without it that peer is left out. Our clips are compared, frame by frame. Readers take turns, one thread each, and rates are per second
of CPU time, so that they also hold on a busy machine. The scan is timed too, with and without the proof of the index, and so is a clip of
12 frames at every second one, resized to 64x64, as a task reads it.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
from dated_results import add_record_option, record

from vidbench.data.decode import iterate_frames
from vidbench.data.layouts.listing import Listing, VideoFile
from vidbench.data.probe import examine_video
from vidbench.data.seek.index import KeyframeIndex
from vidbench.data.seek.proving import FrameLog, prove_index
from vidbench.data.seek.seek_frames import iterate_indexed
from vidbench.data.videos import VideoDataset
from vidbench.tasks.schema import ClipSpec

PEER = Path(__file__).parent / "peers" / "decord_clips.py"
FRAMES, HEIGHT, WIDTH, LENGTH = 300, 256, 340, 16
GROUPS = (12, 60, 250)
TASK_CLIP = ClipSpec(num_frames=12, stride=2, height=64, width=64, resize="pil-lanczos", crop="center")


def picture(number: int, texture_HWC: np.ndarray) -> np.ndarray:
    """Return frame ``number``, uint8 ``[H, W, 3]``: a slow pan over a texture, and a square that circles in front of it."""
    y, x = 60 + 50 * np.sin(number / 60), 80 + 70 * np.cos(number / 75)
    image = texture_HWC[int(y) : int(y) + HEIGHT, int(x) : int(x) + WIDTH].copy()
    row, column = int(128 + 80 * np.sin(number / 20)), int(170 + 100 * np.cos(number / 25))
    image[row - 30 : row + 30, column - 30 : column + 30] = 255 - image[row - 30 : row + 30, column - 30 : column + 30]
    return image


def write(path: Path, group: int) -> None:
    """Encode the pictures with x264's defaults and a keyframe at most every ``group`` frames."""
    random = np.random.default_rng(0)
    coarse = random.integers(30, 226, (48, 64, 3)).astype(np.float64)
    texture = coarse.repeat(8, 0).repeat(8, 1) + random.normal(0, 6, (384, 512, 3))
    for axis in (0, 1):
        texture = sum(np.roll(texture, shift, axis) for shift in range(-3, 4)) / 7
    texture_HWC = np.clip(texture, 0, 255).astype(np.uint8)
    with av.open(str(path), "w") as output:
        options = {"crf": "23", "preset": "medium", "g": str(group), "x264-params": "log-level=none"}
        stream = output.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count = 1
        for number in range(FRAMES):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number, texture_HWC), format="rgb24")))
        output.mux(stream.encode(None))


def pyav_seek(path: Path, start: int) -> np.ndarray:
    """Return a clip, uint8 ``[T, H, W, 3]``, the usual way, at a constant frame rate."""
    frames = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type, stream.codec_context.thread_count = "NONE", 1
        first = round(start / stream.average_rate / stream.time_base)
        container.seek(first, stream=stream)
        for frame in container.decode(stream):
            if frame.pts >= first:
                frames.append(frame.to_ndarray(format="rgb24"))
            if len(frames) == LENGTH:
                break
    return np.stack(frames)


class IndexedFile:
    """A video with its index in memory; a `vidbench.data.layouts.listing.FrameSource`."""

    def __init__(self, path: Path, index: KeyframeIndex) -> None:
        self.path, self._index = path, index

    def count(self) -> int:
        """Return the number of frames that the index has."""
        return self._index.frames

    def frames(self, frame_indices: np.ndarray | None = None) -> Any:
        """Yield frames as uint8 RGB ``[H, W, 3]``."""
        assert frame_indices is not None
        return iterate_indexed(self.path, self._index, frame_indices)

    def sha256(self) -> str:
        """Return the digest of the file."""
        return VideoFile(self.path).sha256()


def task_clip(source: Any, seed: int) -> np.ndarray:
    """Return one clip of a task, uint8 ``[1, T, H, W, 3]``."""
    spec = TASK_CLIP.model_copy(update={"seed": seed})
    return VideoDataset(Listing("benchmark", (), {"a": None}, {"a": source}, ""), spec).read(np.array([0]))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a function returns, and its seconds of CPU time."""
    begun = time.process_time()
    return work(), time.process_time() - begun


def measure(path: Path, clips: int, peer_python: str | None) -> dict[str, Any]:
    """Return clips per second of CPU time by reader, and what was checked."""
    log = FrameLog()
    _, plain = timed(lambda: examine_video(path))
    _, logged = timed(lambda: examine_video(path, decoded=log))
    index, proof = timed(lambda: prove_index(path, log))
    assert index is not None

    def whole(start: int) -> np.ndarray:
        VideoFile(path).count()
        return np.stack(list(iterate_frames(path, np.arange(start, start + LENGTH))))

    def by_index(start: int) -> np.ndarray:
        return np.stack(list(iterate_indexed(path, index, np.arange(start, start + LENGTH))))

    def by_index_default(start: int) -> np.ndarray:
        return np.stack(list(iterate_indexed(path, index, np.arange(start, start + LENGTH), "ffmpeg-default")))

    readers = {
        "whole": whole,
        "index": by_index,
        "index, pixels as PyAV's": by_index_default,
        "PyAV seek": lambda start: pyav_seek(path, start),
        "task clip, whole": lambda start: task_clip(VideoFile(path), start),
        "task clip, index": lambda start: task_clip(IndexedFile(path, index), start),
    }
    seconds = dict.fromkeys(readers, 0.0)
    starts = np.random.default_rng(1).integers(0, FRAMES - LENGTH + 1, clips).tolist()
    for start in starts:
        read = {}
        for name, reader in readers.items():
            read[name], spent = timed(lambda reader=reader, start=start: reader(start))
            seconds[name] += spent
        assert np.array_equal(read["whole"], read["index"])
        assert np.array_equal(read["task clip, whole"], read["task clip, index"])
        assert np.array_equal(read["PyAV seek"], read["index, pixels as PyAV's"])
    rates = {name: clips / spent for name, spent in seconds.items()}
    if peer_python:
        command = [peer_python, str(PEER), str(LENGTH), str(path), *map(str, starts)]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        rates["decord"] = json.loads(answer.stdout.splitlines()[-1])["clips_per_cpu_second"]
    return {
        "rates": rates,
        "keyframes": [keyframe.frame for keyframe in index.keyframes],
        "skips": index.skips,
        "index_bytes": len(index.model_dump_json()),
        "seconds": {"decoding": plain, "decoding and hashing": logged, "proof": proof},
    }


def main() -> None:
    """Measure every group length, print a table on stderr and one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=24, help="random clips for each group length (24)")
    parser.add_argument("--peer-python", help="interpreter of an environment with decord")
    parser.add_argument("--json", type=Path, help="also write the document to this file")
    add_record_option(parser)
    arguments = parser.parse_args()
    found, rows = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for group in GROUPS:
            path = Path(folder) / f"gop{group}.mp4"
            write(path, group)
            found[group] = measure(path, arguments.clips, arguments.peer_python)
            rates = found[group]["rates"]
            for name, rate in rates.items():
                whole = rates["task clip, whole" if name.startswith("task") else "whole"]
                rows.append(
                    {
                        "group": group,
                        "reader": name,
                        "clips_per_cpu_second": f"{rate:.1f}",
                        "times_whole": f"{rate / whole:.1f}",
                    }
                )
                print(" | ".join(str(cell) for cell in rows[-1].values()), file=sys.stderr)
    document = json.dumps({"av": av.__version__, "clips": arguments.clips, "groups": found}, indent=2)
    print(document)
    if arguments.json:
        arguments.json.write_text(document + "\n", encoding="utf-8")
    if arguments.record:
        print(
            record(arguments.record, rows, note="one thread each, seconds of CPU time, busy machine"), file=sys.stderr
        )


if __name__ == "__main__":
    main()
