"""Which of several video tracks of a file is its video.

Players differ: ffplay and the libraries that use FFmpeg's `av_find_best_stream` prefer tracks by marks, bit rate, number of
frames and place; the ffmpeg command prefers the largest picture, others the first track. A track is read only where they
agree.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any


def shown_tracks(container: Any, reopen: Callable[[], AbstractContextManager[Any]]) -> list[Any]:
    """Return the video track that players show; several, in the order of the file, where they differ; none if there is none.

    Pictures attached to a file, such as covers, do not count. Of the others, a track that alone is marked as default is
    shown. Among several marked ones, or among all if none is marked, those with a single frame are left out, as pictures
    that nobody has declared; of the rest, the one with the largest picture (the first of equal ones) is shown if it is
    also FFmpeg's best stream.

    Args:
        container: an open PyAV container.
        reopen: opens the file once more, to count frames without moving ``container``.
    """
    import av

    flags = av.stream.Disposition
    tracks = [track for track in container.streams.video if not track.disposition & flags.attached_pic]
    tracks = [track for track in tracks if track.disposition & flags.default] or tracks
    if len(tracks) > 1:
        stills = _with_one_frame([track.index for track in tracks], reopen)
        tracks = [track for track in tracks if track.index not in stills] or tracks
    if len(tracks) > 1:
        best, largest = container.streams.best("video"), max(tracks, key=_area)
        if best is not None and best.index == largest.index:
            return [largest]
    return tracks


def track_words(tracks: list[Any]) -> str:
    """Return the sizes of two or more tracks as words, such as "16x12 and 64x48"."""
    sizes = [
        "unknown size" if context is None else f"{context.width}x{context.height}"
        for context in (track.codec_context for track in tracks)
    ]
    return f"{', '.join(sizes[:-1])} and {sizes[-1]}"


def _area(track: Any) -> int:
    context = track.codec_context
    return int(context.width * context.height) if context is not None else 0


def _with_one_frame(numbers: list[int], reopen: Callable[[], AbstractContextManager[Any]]) -> set[int]:
    """Return which of the tracks hold a single packet; a file that ends in an error is read up to there."""
    import av

    packets = dict.fromkeys(numbers, 0)
    with reopen() as container:
        try:
            for packet in container.demux([container.streams[number] for number in numbers]):
                packets[packet.stream.index] += packet.size > 0
                if min(packets.values()) > 1:
                    break
        except av.error.FFmpegError:
            pass
    return {number for number, count in packets.items() if count == 1}
