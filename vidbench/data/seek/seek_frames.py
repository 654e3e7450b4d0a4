"""Decoding from a keyframe: the frames of the whole decoding, or an error that says to decode the whole.

What is decoded is judged as in the whole decoding (see `vidbench.data.decode`), and compared with the index: the keyframe's
packet, its pixels and those of every later keyframe that is passed, and the time stamp of every frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from vidbench.data.decode import decoding, to_rgb
from vidbench.data.opening import UnusableVideoError
from vidbench.data.seek.index import Keyframe, KeyframeIndex, Stretch, Way, frame_sha256, stretches, unpacked_times
from vidbench.tasks.schema import PixelConvention

# A seek may end before its keyframe, at most this many packets.
_MOST_PACKETS = 600


class IndexDisagreesError(Exception):
    """A file and its index differ, or what was decoded is damaged: the whole decoding decides. The message says how."""


def iterate_indexed(
    path: Path, index: KeyframeIndex, frame_indices: np.ndarray, pixels: PixelConvention = "exact"
) -> Iterator[np.ndarray]:
    """Yield the same frames as `vidbench.data.decode.iterate_frames`, decoding from the keyframe before each stretch of them.

    Args:
        path: the video file.
        index: its index.
        frame_indices: int ``[T]`` in ascending order, 0 being the first frame.
        pixels: how frames become RGB, see `vidbench.data.pixels`.

    Yields:
        uint8 RGB ``[H, W, 3]``, upright.

    Raises:
        IndexDisagreesError: use none of the frames.
    """
    times_wanted = Counter(int(index) for index in frame_indices)
    if not times_wanted or max(times_wanted) >= index.frames:
        raise IndexDisagreesError("a frame is needed that the index does not have")
    for stretch in stretches(index, sorted(times_wanted)):
        for number, frame in decode_stretch(path, index, stretch):
            if number in times_wanted:
                try:
                    rgb_HWC = to_rgb(frame, path, pixels)
                except UnusableVideoError as error:
                    raise IndexDisagreesError(str(error)) from error
                for _ in range(times_wanted[number]):
                    yield rgb_HWC


def decode_stretch(path: Path, index: KeyframeIndex, stretch: Stretch) -> Iterator[tuple[int, Any]]:
    """Yield the number and the PyAV frame of everything that decoding a stretch yields, the last wanted frame at the end.

    Raises:
        IndexDisagreesError: see `iterate_indexed`.
    """
    order = _Order(index, stretch)
    try:
        gate = _Gate(index, stretch, order.times)
        with decoding(path, gate.admits) as video:
            gate.context = video.stream.codec_context
            go_to(video.container, video.stream, index.way, stretch.keyframe)
            for frame in video.frames:
                number = order.number_of(frame)
                yield number, frame
                if number == stretch.wanted[-1]:
                    return
    except UnusableVideoError as error:
        raise IndexDisagreesError(str(error)) from error
    raise IndexDisagreesError(f"frame {stretch.wanted[-1]} does not come")


def go_to(container: Any, stream: Any, way: Way, keyframe: Keyframe) -> None:
    """Seek a place at or before a keyframe's packet, unless packets are read from the start of the file."""
    if keyframe.packet == 0 or way == "order":
        return
    if way == "byte":
        container.seek(keyframe.byte, stream=stream, unsupported_byte_offset=True)
    else:
        container.seek(keyframe.pts if keyframe.dts is None else keyframe.dts, stream=stream)


class KeyframeSearch:
    """Recognises a keyframe's packet among those that are read.

    Attributes:
        found: whether it has been read.
    """

    def __init__(self, way: Way, keyframe: Keyframe) -> None:
        self.found = False
        self._keyframe = keyframe
        self._counts = keyframe.packet == 0 or way == "order"
        self._passed = 0

    def sees(self, packet: Any) -> bool:
        """Take the next packet, and return whether it is the keyframe's.

        Raises:
            IndexDisagreesError: it should have come by now.
        """
        keyframe = self._keyframe
        if packet.size:
            stored = (packet.pts, packet.dts, packet.pos, packet.size)
            alike = stored == (keyframe.pts, keyframe.dts, keyframe.byte, keyframe.size)
            self.found = alike and (not self._counts or self._passed == keyframe.packet)
            self._passed += 1
        if not self.found and self._passed > (keyframe.packet if self._counts else _MOST_PACKETS):
            raise IndexDisagreesError(f"the keyframe of frame {keyframe.frame} is not where the index has it")
        return self.found


class _Gate:
    """Which packets reach the decoder: the keyframe's, and those behind it that depend on nothing before it.

    Attributes:
        context: PyAV's codec context, once the file is open.
    """

    def __init__(self, index: KeyframeIndex, stretch: Stretch, times: np.ndarray | None) -> None:
        self.context: Any = None
        self._search = KeyframeSearch(index.way, stretch.keyframe)
        # Frames that are stored behind a keyframe and shown before it may refer to frames before it.
        self._earliest = stretch.keyframe.pts if stretch.keyframe.packet else None
        self._wanted = None
        if index.skips and times is not None:
            self._wanted = frozenset(times[list(stretch.wanted)].tolist())

    def admits(self, packet: Any) -> bool:
        if not self._search.found:
            return self._search.sees(packet)
        if packet.size and packet.pts is not None and self._earliest is not None and packet.pts < self._earliest:
            return False
        if self._wanted is not None:
            self.context.skip_frame = "DEFAULT" if packet.pts in self._wanted else "NONREF"
        return True


class _Order:
    """The numbers of decoded frames, by time stamps or else by counting.

    Attributes:
        times: time stamps of all frames, int64 ``[frames]``, or None.
    """

    def __init__(self, index: KeyframeIndex, stretch: Stretch) -> None:
        self.times = None if index.times is None else unpacked_times(index.times)
        self._index = index
        self._next = stretch.keyframe.frame
        self._first = stretch.keyframe
        self._wanted = iter(stretch.wanted)
        self._next_wanted = next(self._wanted)
        self._digests = {keyframe.frame: keyframe.sha256 for keyframe in index.keyframes}

    def number_of(self, frame: Any) -> int:
        number = self._next
        if self.times is not None:
            if self._index.skips and frame.pts is not None:
                number = int(np.searchsorted(self.times, frame.pts))
            if not self._next <= number < self._index.frames or frame.pts != self.times[number]:
                raise IndexDisagreesError(f"behind frame {self._next - 1} is one of another time")
        elif number >= self._index.frames:
            raise IndexDisagreesError(f"there are more than {self._index.frames} frames")
        if number > self._next_wanted or (self._next == self._first.frame and number != self._next):
            raise IndexDisagreesError(f"frame {min(number, self._next_wanted)} is missing")
        if number == self._next_wanted:
            self._next_wanted = next(self._wanted, self._index.frames)
        self._next = number + 1
        if (expected := self._digests.get(number)) is not None and (frame_sha256(frame) or "")[:16] != expected:
            raise IndexDisagreesError(f"frame {number} has other pixels")
        return number
