"""The keyframe index of a video: where decoding may begin, and the time stamp of every frame.

An index holds for the bytes of one file and for one build of FFmpeg. `vidbench.data.seek.proving` makes it;
`vidbench.data.seek.seek_frames` decodes through it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Any, Literal, NamedTuple, Self, TypeAlias

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

# Of 64 bits, so that sums of two do not overflow; and 51 days of video.
_Ticks: TypeAlias = Annotated[int, Field(ge=-(2**62), le=2**62)]
_Count: TypeAlias = Annotated[int, Field(ge=0, le=2**27)]

Way: TypeAlias = Literal["time", "byte", "order"]
"""How a reader gets to a keyframe: FFmpeg seeks its time stamp or its byte; or packets are read and not decoded up to it."""

# Opening a file costs as much as decoding a few frames, so a shorter gap is decoded.
_SHORTEST_JUMP = 8


class Keyframe(NamedTuple):
    """A packet from which decoding yields the frames of the whole decoding.

    Attributes:
        frame: number of the first frame that it yields, 0 being the first of the video.
        packet: number of the packet among those of the video stream, in the order of the file.
        pts: when it is shown, in ticks of the stream's time base, or None.
        dts: when it is decoded, or None.
        byte: where it begins in the file, or None.
        size: number of bytes.
        sha256: first 16 digits of `frame_sha256` of that frame.
    """

    frame: _Count
    packet: _Count
    pts: _Ticks | None
    dts: _Ticks | None
    byte: _Ticks | None
    size: _Ticks
    sha256: str


class KeyframeIndex(BaseModel):
    """Where decoding of a video may begin.

    Attributes:
        frames: number of frames of the whole decoding.
        ffmpeg: the build that it was proven with, see `ffmpeg_build`.
        way: how its keyframes are found.
        skips: frames that no other frame refers to need not be decoded.
        times: time stamps of all frames in ticks: the first, then pairs (step, how many frames follow in such steps); None
            where a frame has none, or they do not ascend.
        keyframes: ascending; the first one is the start of the file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    frames: _Count
    ffmpeg: str
    way: Way
    skips: bool
    times: tuple[_Ticks, tuple[tuple[_Ticks, _Count], ...]] | None
    keyframes: tuple[Keyframe, ...]

    @model_validator(mode="after")
    def _check(self) -> Self:
        starts = [keyframe.frame for keyframe in self.keyframes]
        if (
            not starts
            or starts[0]
            or self.keyframes[0].packet
            or any(b <= a for a, b in pairwise([*starts, self.frames]))
        ):
            raise ValueError("keyframes ascend from the start of the file to its last frame")
        if self.times is not None and 1 + sum(count for _, count in self.times[1]) != self.frames:
            raise ValueError("every frame has a time stamp, or none has")
        return self

    def before(self, frame: int) -> Keyframe:
        """Return the last keyframe that yields a frame."""
        return self.keyframes[bisect_right(self.keyframes, frame, key=lambda keyframe: keyframe.frame) - 1]


class Stretch(NamedTuple):
    """Frames that are decoded in one pass.

    Attributes:
        keyframe: where decoding begins.
        wanted: numbers of the frames, ascending, each once.
    """

    keyframe: Keyframe
    wanted: tuple[int, ...]


def stretches(index: KeyframeIndex, wanted: Sequence[int]) -> list[Stretch]:
    """Divide ascending frame numbers among keyframes; a pass continues over a keyframe where a new one saves too little."""
    found: list[tuple[Keyframe, list[int]]] = []
    for frame in dict.fromkeys(wanted):
        keyframe = index.before(frame)
        if not found or keyframe.frame - found[-1][1][-1] > _SHORTEST_JUMP:
            found.append((keyframe, []))
        found[-1][1].append(frame)
    return [Stretch(keyframe, tuple(frames)) for keyframe, frames in found]


def packed_times(times: Sequence[int | None]) -> tuple[int, tuple[tuple[int, int], ...]] | None:
    """Return time stamps as `KeyframeIndex.times` has them; None where one is missing or does not ascend."""
    stamps = [time for time in times if time is not None]
    steps = [later - earlier for earlier, later in pairwise(stamps)]
    if not stamps or len(stamps) < len(times) or any(step <= 0 for step in steps):
        return None
    packed: list[tuple[int, int]] = []
    for step in steps:
        same = bool(packed) and packed[-1][0] == step
        if same:
            packed[-1] = (step, packed[-1][1] + 1)
        else:
            packed.append((step, 1))
    return stamps[0], tuple(packed)


def unpacked_times(times: tuple[int, tuple[tuple[int, int], ...]]) -> np.ndarray:
    """Return the time stamps int64 ``[frames]`` of `packed_times`."""
    first, packed = times
    steps = np.array([step for step, _ in packed], dtype=np.int64).repeat([count for _, count in packed])
    return first + np.concatenate([np.zeros(1, np.int64), np.cumsum(steps)])


def frame_sha256(frame: Any) -> str | None:
    """Return the digest of all that decides how a PyAV frame is shown; None for a pixel format that PyAV does not unpack."""
    try:
        pixels = frame.to_ndarray()
        shown = [bytes(data) for data in frame.side_data if data.type.name == "DISPLAYMATRIX"]
    except ValueError:
        return None
    if not isinstance(pixels, np.ndarray):
        return None
    colours = [int(getattr(frame, name)) for name in ("colorspace", "color_range", "color_trc", "color_primaries")]
    digest = sha256(repr((frame.format.name, frame.width, frame.height, colours, shown)).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def ffmpeg_build() -> str:
    """Return the versions of the libraries that read and decode."""
    import av

    return " ".join(".".join(map(str, av.library_versions[library])) for library in ("libavformat", "libavcodec"))
