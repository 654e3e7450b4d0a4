"""Proving where decoding of a video may begin: decode from each keyframe, and compare with the whole decoding.

A keyframe is kept if decoding from it yields the frames of the whole decoding, bit for bit, up to the next one that is kept
and a few frames beyond. Beyond those, a pass that began at an earlier keyframe has the decoder hold what either the whole
decoding or one from the later keyframe holds, which both yield the same frames; a reader compares the pixels of each
keyframe that it passes anyway.

Frames that no other refers to may be left out if the others, decoded without any of them, are those of the whole decoding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vidbench.data.opening import UnusableVideoError, open_video
from vidbench.data.seek.index import (
    Keyframe,
    KeyframeIndex,
    Stretch,
    Way,
    ffmpeg_build,
    frame_sha256,
    packed_times,
)
from vidbench.data.seek.seek_frames import IndexDisagreesError, KeyframeSearch, decode_stretch, go_to

# Every frame of some codecs is a keyframe.
_CLOSEST = 8
# Frames compared behind the next keyframe: those that are stored before and shown behind it, and some more.
_BEYOND = 8
# In shorter groups of pictures, the proof costs more than reading dozens of clips saves; so does a smaller share of them.
_LONG_GROUP = 100
_LEAST_SKIPPED = 0.1
# Frames after which the share is taken as known.
_SURE = 24


class FrameLog:
    """What the whole decoding of a video yields; call it with every PyAV frame, in order."""

    def __init__(self) -> None:
        self.digests: list[str | None] = []
        self.times: list[int | None] = []
        self._bases: set[object] = set()

    def __call__(self, frame: Any) -> None:
        """Add a frame. Nothing more is hashed once one could not be."""
        known = not self.digests or self.digests[-1] is not None
        self.digests.append(frame_sha256(frame) if known else None)
        self.times.append(frame.pts)
        self._bases.add(frame.time_base)

    @property
    def is_whole(self) -> bool:
        """Whether there are frames, and all could be hashed in one time base."""
        return bool(self.digests) and self.digests[-1] is not None and len(self._bases) == 1


class _Packet(NamedTuple):
    number: int
    is_keyframe: bool
    pts: int | None
    dts: int | None
    byte: int | None
    size: int


def prove_index(path: Path, log: FrameLog) -> KeyframeIndex | None:
    """Return the index of a video that was found sound; None where nothing can be proven, and it has to be decoded whole.

    Args:
        path: the file.
        log: its whole decoding.

    Raises:
        UnusableVideoError: the file can no longer be read.
    """
    if not log.is_whole:
        return None
    packets = _packets(path)
    if not packets:
        return None
    times = packed_times(log.times)
    start, *others = _candidates(packets, log, times)
    index = KeyframeIndex(
        frames=len(log.digests), ffmpeg=ffmpeg_build(), way="order", skips=False, times=times, keyframes=(start,)
    )
    if others:
        index = index.model_copy(update={"way": _way(path, index, others)})
    kept: list[Keyframe] = []
    for keyframe in reversed(others):
        end = kept[-1].frame + _BEYOND if kept else index.frames
        # Its own pixels are compared with the log, and not with those of later keyframes: some may be dropped.
        if _is_right(path, index, Stretch(keyframe, tuple(range(keyframe.frame, min(end, index.frames)))), log):
            kept.append(keyframe)
    index = index.model_copy(update={"keyframes": (start, *reversed(kept))})
    skipping = index.model_copy(update={"skips": True})
    return skipping if times is not None and _may_skip(path, skipping, log) else index


def _packets(path: Path) -> list[_Packet]:
    with open_video(path) as (container, stream, _):
        found = (packet for packet in container.demux(stream) if packet.size)
        return [
            _Packet(number, packet.is_keyframe, packet.pts, packet.dts, packet.pos, packet.size)
            for number, packet in enumerate(found)
        ]


def _candidates(packets: Sequence[_Packet], log: FrameLog, times: Any) -> list[Keyframe]:
    """Return the start of the file and the keyframes whose first frame's number is known, not too close to each other."""
    frame_at = {} if times is None else {time: number for number, time in enumerate(log.times)}
    # Without time stamps: where each packet holds one frame, and none is shown before an earlier packet's.
    counted = times is None and len(packets) == len(log.digests)
    found: list[Keyframe] = []
    for packet in packets:
        frame = packet.number if counted or packet.number == 0 else frame_at.get(packet.pts)
        if frame is None or (found and (not packet.is_keyframe or frame < found[-1].frame + _CLOSEST)):
            continue
        digest = log.digests[frame] or ""
        found.append(Keyframe(frame, packet.number, packet.pts, packet.dts, packet.byte, packet.size, digest[:16]))
    return found


def _way(path: Path, index: KeyframeIndex, keyframes: Sequence[Keyframe]) -> Way:
    """Return the first way that leads to all keyframes; reading packets up to them always does."""
    ways: list[Way] = ["time"] if all(each.pts is not None or each.dts is not None for each in keyframes) else []
    if all(each.byte is not None for each in keyframes):
        ways.append("byte")
    for way in ways:
        if _leads_to(path, way, keyframes):
            return way
    return "order"


def _leads_to(path: Path, way: Way, keyframes: Sequence[Keyframe]) -> bool:
    try:
        with open_video(path) as (container, stream, _):
            for keyframe in keyframes:
                search = KeyframeSearch(way, keyframe)
                go_to(container, stream, way, keyframe)
                if not any(search.sees(packet) for packet in container.demux(stream)):
                    return False
    except (IndexDisagreesError, UnusableVideoError):
        return False
    return True


def _is_right(path: Path, index: KeyframeIndex, stretch: Stretch, log: FrameLog) -> bool:
    try:
        return all(frame_sha256(frame) == log.digests[number] for number, frame in decode_stretch(path, index, stretch))
    except IndexDisagreesError:
        return False


def _may_skip(path: Path, index: KeyframeIndex, log: FrameLog) -> bool:
    """Return whether a long group of pictures has frames to skip, and all others are right in every group without them."""
    ends = [keyframe.frame for keyframe in index.keyframes[1:]] + [index.frames]
    if max(end - keyframe.frame for end, keyframe in zip(ends, index.keyframes, strict=True)) < _LONG_GROUP:
        return False
    decoded = passed = 0
    for end, keyframe in zip(ends, index.keyframes, strict=True):
        try:
            for number, frame in decode_stretch(path, index, Stretch(keyframe, (end - 1,))):
                if frame_sha256(frame) != log.digests[number]:
                    return False
                decoded += 1
                seen = passed + number + 1 - keyframe.frame
                if seen >= _SURE and decoded > (1 - _LEAST_SKIPPED) * seen:
                    return False
        except IndexDisagreesError:
            return False
        passed += end - keyframe.frame
    return True
