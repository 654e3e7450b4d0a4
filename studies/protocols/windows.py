"""Real clips of the Weizmann folder: videos, the people in them, and sets of windows."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vidbench.data.decode import decode_frames
from vidbench.errors import InputError

FRAMES = 12
_NAME = re.compile(r"wz\d(\d\d)weizma_")


@dataclass(frozen=True)
class Video:
    """One video, decoded.

    Attributes:
        name: path below the folder of the split, class first, so that sorting by it is sorting by class.
        label: number of its class.
        person: 0 to 6 in the train split, 7 and 8 in the test split; the mirrored copy of a video has the same.
        frames_THWC: uint8 ``[T, 64, 64, 3]``.
    """

    name: str
    label: int
    person: int
    frames_THWC: np.ndarray


@dataclass(frozen=True)
class Window:
    """A clip of a video: which one, its first frame, and the distance of its frames."""

    video: Video
    start: int
    stride: int = 1

    def clip(self) -> np.ndarray:
        """Return uint8 ``[12, 64, 64, 3]``."""
        return self.video.frames_THWC[self.start : self.start + (FRAMES - 1) * self.stride + 1 : self.stride]


def read_videos(data: Path, split: str) -> list[Video]:
    """Return the videos of a split, sorted by name.

    Raises:
        InputError: the folder has no such videos, or one is too short for 12 frames at stride 2.
    """
    files = sorted((data / split).glob("*/*.mp4"), key=lambda file: (file.parent.name, file.name))
    if not files:
        raise InputError(f"'{data / split}' has no CLASS/VIDEO.mp4: give --data the Weizmann folder (docs/data.md).")
    labels = sorted({file.parent.name for file in files})
    videos = []
    for file in files:
        found = _NAME.match(file.name)
        if not found:
            raise InputError(f"'{file}' is not named as in the Weizmann folder, so it is unknown who is in it.")
        frames_THWC = decode_frames(file)
        if len(frames_THWC) < 2 * FRAMES:
            raise InputError(f"'{file}' has {len(frames_THWC)} frames; {2 * FRAMES} are needed for a stride of 2.")
        name = f"{file.parent.name}/{file.name}"
        videos.append(Video(name, labels.index(file.parent.name), int(found[1]) // 2, frames_THWC))
    return videos


def span(stride: int) -> int:
    """Return how many frames of a video a clip spans."""
    return (FRAMES - 1) * stride + 1


def drawn_windows(videos: list[Video], count: int, seed: int, stride: int = 1) -> list[Window]:
    """Return windows with random starts, all videos in a random order before any of them again."""
    rng = np.random.default_rng(seed)
    order = np.concatenate([rng.permutation(len(videos)) for _ in range(-(-count // len(videos)))])[:count]
    return [
        Window(videos[i], int(rng.integers(0, len(videos[i].frames_THWC) - span(stride) + 1)), stride) for i in order
    ]


def every_window(videos: list[Video], step: int) -> list[Window]:
    """Return the windows that begin at every ``step``-th frame, in the order of the videos."""
    return [Window(v, start) for v in videos for start in range(0, len(v.frames_THWC) - span(1) + 1, step)]


def clips_of(windows: list[Window]) -> np.ndarray:
    """Return uint8 ``[N, 12, 64, 64, 3]``."""
    return np.stack([window.clip() for window in windows])


def people_of(windows: list[Window]) -> np.ndarray:
    """Return int64 ``[N]``: who is in each clip."""
    return np.array([window.video.person for window in windows])
