"""Decoding video files to RGB frames by frame index, with the same bytes on every machine.

Frames are counted as the decoder returns them, from the first one on: no seeking, no frame-rate conversion, no trust in
the container's own count. Pixels are used as stored (no correction for non-square pixels, no deinterlacing) and rotated
upright by the container's display matrix.

Frames become RGB by one of two conventions, see `vidbench.data.pixels`; HDR and transparent frames are refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vidbench.data.damage import Damage, Message, listening
from vidbench.data.extent import ends_early, has_second_movie
from vidbench.data.opening import MOST_PIXELS, UnusableVideoError, open_video
from vidbench.data.pixels import colour_problem, has_alpha, is_transparent, rgb_pixels, upright
from vidbench.tasks.schema import PixelConvention

# Animated pictures: a still one is stored once and held, so that frames as stored would be a jump in time. Delays differ by
# a hundredth of a second where a frame rate such as 30 does not divide one.
_HOLDING_CONTAINERS = frozenset({"apng", "gif", "webp_anim"})
_ROUNDED_DELAY = Fraction(11, 1000)
# Codecs that reproduce RGB pixels exactly; an H.264 header does not say whether it does.
_LOSSLESS_CODECS = frozenset({"ffv1", "png", "qtrle", "rawvideo"})


class Decoding(NamedTuple):
    """An open file: PyAV's container and stream, and its checked frames."""

    container: Any
    stream: Any
    frames: Iterator[Any]


def decode_frames(path: Path, frame_indices: np.ndarray | None = None, pixels: PixelConvention = "exact") -> np.ndarray:
    """Decode some or all frames of a video.

    Args:
        path: a video file in any container and codec that FFmpeg reads.
        frame_indices: int ``[T]`` in ascending order, 0 being the first decoded frame; None for all frames.
        pixels: how frames become RGB, see `vidbench.data.pixels`.

    Returns:
        uint8 RGB ``[T, H, W, 3]``, upright.

    Raises:
        InputError: the file is missing, unreadable, damaged, has no video, changes its frame size, is HDR or transparent,
            or ends before the last index; names the file.
    """
    return np.stack(list(iterate_frames(path, frame_indices, pixels)))


def iterate_frames(
    path: Path, frame_indices: np.ndarray | None = None, pixels: PixelConvention = "exact"
) -> Iterator[np.ndarray]:
    """Yield some or all frames of a video as uint8 RGB ``[H, W, 3]``, upright, one in memory at a time.

    Args:
        path: as for `decode_frames`.
        frame_indices: as for `decode_frames`; decoding stops after the last one.
        pixels: as for `decode_frames`.

    Raises:
        InputError: as `decode_frames`.
    """
    if frame_indices is None:
        with decoding(path) as video:
            for frame in video.frames:
                yield to_rgb(frame, path, pixels)
        return
    wanted = [int(index) for index in frame_indices]
    if not wanted or wanted[0] < 0 or wanted != sorted(wanted):
        raise ValueError("frame_indices must be a non-empty ascending sequence of non-negative integers")
    times_wanted = Counter(wanted)
    decoded = 0
    with decoding(path) as video:
        for decoded, frame in enumerate(islice(video.frames, wanted[-1] + 1), start=1):
            if decoded - 1 in times_wanted:
                rgb_HWC = to_rgb(frame, path, pixels)
                for _ in range(times_wanted[decoded - 1]):
                    yield rgb_HWC
    if decoded <= wanted[-1]:
        raise UnusableVideoError(
            "truncated",
            f"The video '{path}' ends after {decoded} frames but frame {wanted[-1]} is needed (counting from 0); "
            "the file is truncated or too short, so fetch it again or remove it.",
        )


def is_lossless(path: Path) -> bool:
    """Return whether a file's header guarantees that its 8-bit RGB pixels are the original ones.

    Lossless codecs on YUV planes do not count: the conversion from RGB has already rounded.

    Raises:
        InputError: the file is missing, unreadable or has no video; names the file.
    """
    with open_video(path) as (_, stream, _):
        context = stream.codec_context
        planes = context.format
        is_rgb = planes is not None and planes.is_rgb and not planes.has_palette
        return context.name in _LOSSLESS_CODECS and is_rgb and all(part.bits <= 8 for part in planes.components)


@contextmanager
def decoding(path: Path, admits: Callable[[Any], bool] | None = None) -> Iterator[Decoding]:
    """Open a file and its checked frames, which `to_rgb` converts to pixels; close it on exit.

    Args:
        path: the file.
        admits: whether to decode a packet, asked for each before it is; the end of the file is not checked then. None
            decodes all.

    Raises:
        UnusableVideoError: on opening or while iterating; see `decode_frames`.
    """
    import av

    with open_video(path) as (container, stream, opening):
        context = stream.codec_context
        # One thread, so that frame order and the frame at which damage shows do not depend on the number of cores, and
        # messages arrive in the thread that listens.
        context.thread_type = "NONE"
        context.thread_count = 1
        context.flags |= av.codec.context.Flags.bitexact
        context.options = {"max_pixels": str(MOST_PIXELS)}
        yield Decoding(container, stream, _checked_frames(path, container, stream, opening, admits))


def _checked_frames(
    path: Path, container: Any, stream: Any, opening: list[Message], admits: Callable[[Any], bool] | None
) -> Iterator[Any]:
    """Yield frames until the first sign of damage."""
    damage = Damage(stream.codec_context.name, opening)
    size: tuple[int, int] | None = None
    holding, first_delay = container.format.name in _HOLDING_CONTAINERS, None
    number = read = 0
    # In AVI, a frame whose chunk has lost its header is passed over without a message; the index still lists it.
    indexed = len(_indexed(stream)) if container.format.name == "avi" else 0
    packets = container.demux(stream)
    while True:
        frames: list[Any] = []
        admitted = True
        with listening() as messages:
            packet = next(packets, None)
            if packet is not None and not packet.is_corrupt:
                admitted = admits is None or admits(packet)
                frames = packet.decode() if admitted else []
        if packet is None:
            break
        if packet.is_corrupt:
            raise UnusableVideoError(
                "truncated", f"The video '{path}' is cut off or damaged after frame {number}; replace or remove it."
            )
        read += packet.size > 0
        damage.after(packet, messages, admitted)
        if damage.found:
            raise UnusableVideoError(
                "unreadable",
                f"The video '{path}' is damaged after frame {number} ({damage.found}); replace or remove it.",
            )
        if damage.cut_off:
            raise _cut_off(path, number)
        if holding and packet.duration:
            delay = packet.duration * packet.time_base
            first_delay = first_delay or delay
            if abs(delay - first_delay) > _ROUNDED_DELAY:
                raise _held(path, number, first_delay, delay)
        for frame in frames:
            if frame.is_corrupt:
                raise UnusableVideoError(
                    "unreadable", f"The video '{path}' is damaged at frame {number}; replace or remove it."
                )
            if size is None:
                size = (frame.width, frame.height)
            elif size != (frame.width, frame.height):
                raise UnusableVideoError(
                    "unreadable",
                    f"The video '{path}' changes its frame size from {size[0]}x{size[1]} to "
                    f"{frame.width}x{frame.height} at frame {number}; replace or remove it.",
                )
            if (problem := colour_problem(frame)) is not None:
                raise _unsupported(path, problem)
            # FFmpeg's decoders of VP8 and VP9 leave out the alpha channel that Matroska stores with the picture.
            if stream.metadata.get("alpha_mode") == "1" and not has_alpha(frame):
                raise _unsupported(
                    path, "has an alpha channel that is not decoded; re-encode it without one or remove it"
                )
            number += 1
            yield frame
    if admits is not None:
        return
    if damage.found_on_opening:
        raise UnusableVideoError(
            "unreadable", f"The video '{path}' is damaged ({damage.found_on_opening}); replace or remove it."
        )
    if container.format.name.startswith("mov,"):
        # FFmpeg reads an MP4 file up to its end without a message if that is where a frame begins. The index of a
        # fragmented file grows as it is read.
        places = _indexed(stream)
        indexed, size_bytes = len(places), path.stat().st_size
        if any(place + length > size_bytes for place, length in places):
            raise _cut_off(path, number)
        if has_second_movie(path):
            raise _unsupported(
                path, "holds two movies, and only the first one is read; store each in a file of its own"
            )
    if read < indexed:
        raise UnusableVideoError(
            "unreadable",
            f"The video '{path}' is damaged ({indexed - read} of the {indexed} frames in its index are not where it lists "
            "them); replace or remove it.",
        )
    if damage.cut_off_on_opening or ends_early(path):
        raise _cut_off(path, number)
    if number == 0:
        raise UnusableVideoError(
            "unreadable", f"The video '{path}' has no frame that can be decoded; replace or remove it."
        )


def _indexed(stream: Any) -> list[tuple[int, int]]:
    """Return first byte and number of bytes of the frames in a container's index."""
    return [(entry.pos, entry.size) for entry in stream.index_entries if entry.size]


def _cut_off(path: Path, number: int) -> UnusableVideoError:
    sentence = f"The video '{path}' is cut off after frame {number}: it is truncated, so fetch it again or remove it."
    return UnusableVideoError("truncated", sentence)


def _held(path: Path, number: int, first: Fraction, delay: Fraction) -> UnusableVideoError:
    return _unsupported(
        path,
        f"shows frame {number} for {float(delay):g} s and frame 0 for {float(first):g} s, so equal frames may have been stored "
        "once; store every frame, as a video or as images",
    )


def to_rgb(frame: Any, path: Path, pixels: PixelConvention = "exact") -> np.ndarray:
    """Convert a PyAV frame to upright uint8 RGB ``[H, W, 3]``, by its own colour matrix and range.

    Raises:
        UnusableVideoError: a pixel is transparent, the frame is rotated by an angle other than a right one, or its
            orientation cannot be read.
    """
    if is_transparent(frame):
        raise _unsupported(
            path, "has transparent pixels, and what shows through them is not stored; flatten it or remove it"
        )
    rgb_HWC = rgb_pixels(frame, pixels)
    matrix = display_matrix(frame, path)
    if matrix is None:
        return rgb_HWC
    shown_HWC = upright(rgb_HWC, matrix)
    if shown_HWC is None:
        raise _unsupported(
            path,
            "is rotated by an angle that is not a multiple of 90 degrees, which is not supported; re-encode it upright or "
            "remove it",
        )
    return shown_HWC


def display_matrix(frame: Any, path: Path) -> np.ndarray | None:
    """Return the int32 ``[3, 3]`` display matrix of a frame (16.16 fixed point), or None.

    Raises:
        UnusableVideoError: the frame carries data of a kind that PyAV lacks, so that it returns none of them.
    """
    try:
        found = frame.side_data
    except ValueError:
        raise _unsupported(
            path, "has EXIF or other data in its frames that cannot be read and may hold an orientation; re-encode it"
        ) from None
    for side_data in found:
        if side_data.type.name == "DISPLAYMATRIX":
            return np.frombuffer(bytes(side_data), dtype=np.int32).reshape(3, 3)
    return None


def _unsupported(path: Path, what: str) -> UnusableVideoError:
    return UnusableVideoError("unsupported", f"The video '{path}' {what}.")
