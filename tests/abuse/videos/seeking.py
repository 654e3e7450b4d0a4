"""Whether clips that are read through a keyframe index are those of the whole decoding, on every sound generated video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple
from unittest.mock import patch

import numpy as np

from tests.abuse.videos.changes import SOUND, Change
from tests.abuse.videos.encodings import ENCODINGS, FRAMES, Encoding, write
from vidbench.data.decode import decode_frames
from vidbench.data.opening import UnusableVideoError
from vidbench.data.probe import examine_video
from vidbench.data.seek import proving
from vidbench.data.seek.index import KeyframeIndex
from vidbench.data.seek.proving import FrameLog, prove_index
from vidbench.data.seek.seek_frames import iterate_indexed

CLIP = 6
# What the sound and damaged videos have no use for: groups of pictures that are long enough to skip frames in, interlaced
# pictures, more than 8 bits, and codecs of which every frame is a keyframe or none but the first is.
MORE_ENCODINGS = {
    "h264, long groups, B-pyramid": Encoding(
        "libx264",
        ("mp4", "mov", "mkv", "avi", "ts", "fmp4"),
        {
            "qp": "28",
            "preset": "fast",
            "g": "24",
            "x264-params": "log-level=none:scenecut=0:bframes=3:b-adapt=0:b-pyramid=normal:open-gop=0",
        },
    ),
    "h264, long open groups, B-pyramid": Encoding(
        "libx264",
        ("mp4", "mkv", "ts"),
        {
            "qp": "28",
            "preset": "fast",
            "g": "24",
            "x264-params": "log-level=none:scenecut=0:bframes=3:b-adapt=0:b-pyramid=normal:open-gop=1",
        },
    ),
    "h264, interlaced": Encoding(
        "libx264",
        ("mp4", "mkv", "ts"),
        {"qp": "28", "preset": "fast", "g": "24", "x264-params": "log-level=none:scenecut=0:bframes=2:b-adapt=0:tff=1"},
    ),
    "h264, 10 bits": Encoding(
        "libx264",
        ("mp4", "mkv"),
        {"qp": "28", "preset": "fast", "g": "12", "x264-params": "log-level=none"},
        "yuv420p10le",
    ),
    "hevc, long groups": Encoding(
        "libx265",
        ("mp4", "mkv", "ts"),
        {
            "crf": "30",
            "preset": "fast",
            "x265-params": "log-level=none:pools=1:frame-threads=1:keyint=24:min-keyint=24:bframes=3:b-adapt=0:open-gop=0",
        },
    ),
    "hevc, temporal layers": Encoding(
        "libx265",
        ("mp4", "mkv"),
        {
            "crf": "30",
            "preset": "fast",
            "x265-params": "log-level=none:pools=1:frame-threads=1:keyint=24:min-keyint=24:temporal-layers=1:bframes=3:b-adapt=0",
        },
    ),
    "vp8": Encoding("libvpx", ("webm", "mkv"), {"crf": "20", "b": "500k", "g": "12", "deadline": "realtime"}),
    "vp9, long groups": Encoding(
        "libvpx-vp9", ("webm", "mp4"), {"crf": "40", "b": "0", "g": "24", "cpu-used": "5", "lag-in-frames": "12"}
    ),
    "av1, long groups": Encoding(
        "libsvtav1", ("mp4", "webm"), {"crf": "45", "preset": "12", "g": "24", "svtav1-params": "lp=1"}
    ),
    "mpeg1, B-frames": Encoding("mpeg1video", ("ts", "mkv", "avi"), {"q": "6", "g": "12", "bf": "2"}),
    "mpeg2, long groups, B-frames": Encoding("mpeg2video", ("ts", "mkv", "mp4"), {"q": "6", "g": "24", "bf": "2"}),
    "mpeg4, long groups, B-frames": Encoding("mpeg4", ("mp4", "m4v", "mov", "mkv"), {"q": "6", "g": "24", "bf": "2"}),
    "msmpeg4": Encoding("msmpeg4", ("avi", "mkv"), {"q": "6", "g": "12"}),
    "mjpeg": Encoding("mjpeg", ("avi", "mov", "mkv", "mp4"), {"q": "6"}, "yuvj420p"),
    "prores": Encoding("prores_ks", ("mov", "mkv"), {}, "yuv422p10le"),
    "ffv1": Encoding("ffv1", ("mkv", "avi"), {"g": "12"}, "yuv420p"),
    "huffyuv": Encoding("huffyuv", ("avi",), {}, "yuv422p"),
    "png": Encoding("png", ("mov",), {}, "rgb24"),
    "qtrle": Encoding("qtrle", ("mov",), {"g": "12"}, "rgb24"),
    "gif": Encoding("gif", ("gif",), {}, "rgb8"),
}


class Sought(NamedTuple):
    """How one file is read through its index.

    Args:
        encoding, container, change: how the file was made.
        index: its index, or None where it is decoded whole.
        clips: how many clips were read through the index.
        wrong: how many of them differ from the whole decoding.
    """

    encoding: str
    container: str
    change: str
    index: KeyframeIndex | None
    clips: int
    wrong: int

    @property
    def name(self) -> str:
        return f"{self.encoding} in {self.container}, {self.change}"


def seek_every_clip(path: Path, clip: int = CLIP, step: int = 1) -> tuple[KeyframeIndex | None, int, int]:
    """Read clips at every ``step``-th frame, and from every keyframe to the end.

    Returns:
        The index of the video, the number of clips, and how many of them are not those of the whole decoding.
    """
    log = FrameLog()
    examine_video(path, decoded=log)
    with patch.object(proving, "_LONG_GROUP", FRAMES // 2):
        index = prove_index(path, log)
    if index is None:
        return None, 0, 0
    whole_FHWC = decode_frames(path)
    count = len(whole_FHWC)
    clips = [range(start, min(start + clip, count)) for start in range(0, max(1, count - clip + 1), step)]
    # A clip may be longer than what the scan has compared behind the next keyframe.
    clips += [range(keyframe.frame, count) for keyframe in index.keyframes]
    wrong = 0
    for frames in map(np.array, clips):
        read_THWC = np.stack(list(iterate_indexed(path, index, frames)))
        wrong += not np.array_equal(read_THWC, whole_FHWC[frames])
    return index, len(clips), wrong


def sought(
    folder: Path, encodings: Mapping[str, Encoding], changes: Mapping[str, Change], step: int = 1
) -> Iterator[Sought]:
    """Write every file below a folder, one at a time, and yield how it is read."""
    for title, encoding in encodings.items():
        for container in encoding.containers:
            source = folder / f"source.{container}"
            write(source, encoding, container)
            for kind, change in changes.items():
                if change.fits(container):
                    path = folder / f"changed.{container}"
                    change.make(source, path, encoding, container)
                    # A GIF picture that is held longer than others is refused.
                    with suppress(UnusableVideoError):
                        yield Sought(title, container, kind, *seek_every_clip(path, step=step))
                    path.unlink()
            source.unlink()


def _cells(found: list[Sought]) -> list[str]:
    """Return the cells of a row: files, with keyframes behind the start, that may skip frames, clips, wrong clips."""
    indexes = [each.index for each in found if each.index is not None]
    return [
        f"{len(found)}",
        f"{sum(len(index.keyframes) > 1 for index in indexes)}",
        f"{sum(len(index.keyframes) == 1 for index in indexes)}",
        f"{len(found) - len(indexes)}",
        f"{sum(index.skips for index in indexes)}",
        f"{sum(each.clips for each in found):,}",
        f"{sum(each.wrong for each in found)}",
    ]


def table(found: list[Sought], by: Callable[[Sought], str]) -> list[str]:
    """Return the lines of the table."""
    titles = ["", "files", "sought", "from the start", "decoded whole", "frames skipped", "clips", "wrong"]
    lines = [f"| {' | '.join(titles)} |", "|---|" + "---:|" * (len(titles) - 1)]
    for name in dict.fromkeys(map(by, found)):
        lines.append(f"| {name} | {' | '.join(_cells([each for each in found if by(each) == name]))} |")
    return [*lines, f"| all | {' | '.join(_cells(found))} |"]


def main() -> int:
    """Read every clip of every file, print the tables, and return 1 if a clip is not that of the whole decoding."""
    with TemporaryDirectory() as folder:
        found = list(sought(Path(folder), {**ENCODINGS, **MORE_ENCODINGS}, SOUND))
    for by in (lambda each: each.encoding.split(",")[0], lambda each: each.container, lambda each: each.change):
        print("\n".join([*table(found, by), ""]))
    for each in found:
        if each.index is None or len(each.index.keyframes) == 1 or each.index.way != "time" or each.wrong:
            how = "decoded whole" if each.index is None else f"{each.index.way}, keyframes {len(each.index.keyframes)}"
            print(f"{each.name}: {how}, {each.wrong} of {each.clips} clips are wrong")
    return 1 if any(each.wrong for each in found) else 0
