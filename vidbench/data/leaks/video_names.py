"""What the name of a video says about where it is from: the same video, or another part of the same recording."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import NamedTuple

from vidbench.data.folders.inventory import composed
from vidbench.data.folders.suffixes import VIDEO_SUFFIXES

_TIMED = re.compile(r"(?P<source>[\w-]{11,})_(?P<start>\d{6})_(?P<end>\d{6})")
_GROUP = re.compile(r"(?P<source>v_\w+_g\d+)_c\d+", re.IGNORECASE)


class VideoName(NamedTuple):
    """A name, taken apart.

    Attributes:
        name: without folders and suffix; UCF-101's in small letters, as copies of it differ in capitals.
        source: the recording that the video was cut from, if the name states it: the id at YouTube of a name of Kinetics, the
            group of a name of UCF-101.
        seconds: first and last second in it, for names of Kinetics.
    """

    name: str
    source: str | None = None
    seconds: tuple[int, int] | None = None

    def seconds_in_common(self, other: VideoName) -> int | None:
        """Return for how many seconds two parts of one recording overlap; None if the names do not say, or name two."""
        if self.seconds is None or other.seconds is None or self.source != other.source:
            return None
        return max(0, min(self.seconds[1], other.seconds[1]) - max(self.seconds[0], other.seconds[0]))


def video_name(entry: str) -> VideoName:
    """Take an official name or a path of a video apart; only suffixes of video files are removed."""
    path = PurePosixPath(composed(entry).replace("\\", "/"))
    name = path.stem if path.suffix.lower() in VIDEO_SUFFIXES else path.name
    if timed := _TIMED.fullmatch(name):
        return VideoName(name, timed["source"], (int(timed["start"]), int(timed["end"])))
    if group := _GROUP.fullmatch(name):
        return VideoName(name.lower(), group["source"].lower())
    return VideoName(name)
