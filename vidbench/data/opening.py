"""Opening a video file: as a file and nothing else, and the stream that a player shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from vidbench.data.damage import Message, listening
from vidbench.data.video_tracks import shown_tracks, track_words
from vidbench.errors import InputError
from vidmetrics.formats.faults import real_kind

# Containers that hold their frames themselves; others, such as playlists, name files or addresses to be read.
_CONTAINERS = (
    "3g2", "3gp", "apng", "asf", "avi", "dv", "flv", "gif", "h264", "hevc", "ivf", "m4a", "m4v", "matroska", "mj2", "mov",
    "mp4", "mpeg", "mpegts", "mpegvideo", "mxf", "nut", "obu", "ogg", "rm", "webm", "webp_anim", "webp_pipe", "yuv4mpegpipe",
)  # fmt: skip
_FILES_ONLY = {"protocol_whitelist": "file", "format_whitelist": ",".join(_CONTAINERS)}
# 8192x8192, four times 4K; a few bytes can state frames that fill the memory.
MOST_PIXELS = 1 << 26

VideoProblem = Literal["unreadable", "truncated", "no video stream", "unsupported"]


class UnusableVideoError(InputError):
    """A video that yields no frames, or not all of them.

    Attributes:
        problem: the kind of problem.
    """

    def __init__(self, problem: VideoProblem, sentence: str) -> None:
        super().__init__(sentence)
        self.problem: VideoProblem = problem


@contextmanager
def open_video(path: Path) -> Iterator[tuple[Any, Any, list[Message]]]:
    """Open a file and the video stream that a player shows, and return what FFmpeg said on opening.

    FFmpeg's errors, then and later, become one sentence.
    """
    import av

    if not path.is_file():
        raise UnusableVideoError("unreadable", f"The video '{path}' does not exist or is not a file; check the path.")
    try:
        # An absolute path has no place for a protocol: 'concat:a.mp4' and '12:30.mp4' are names of files. Nor may a file
        # name others to be read, as playlists do. Tags that are not UTF-8 do not affect the frames.
        with listening() as messages:
            container = _open_file(path)
        with container:
            stream = _shown_track(container, path)
            if stream is None or stream.codec_context is None:
                raise UnusableVideoError(
                    "no video stream",
                    f"The file '{path}' has no video stream that can be decoded; replace or remove it.",
                )
            width, height = stream.codec_context.width, stream.codec_context.height
            if width * height > MOST_PIXELS:
                raise UnusableVideoError(
                    "unreadable",
                    f"The video '{path}' has frames of {width}x{height} pixels, and frames of at most {MOST_PIXELS:,} pixels "
                    "are decoded; resize or remove it.",
                )
            yield container, stream, messages
    except av.error.FFmpegError as error:
        kind = real_kind(path)
        # What it is says more, unless it is a damaged video.
        reason = _reason(error) if kind is None or kind.endswith((" video", "a RIFF file")) else f"it is {kind}"
        raise UnusableVideoError(
            "unreadable", f"The video '{path}' cannot be decoded ({reason}); replace or remove it."
        ) from error


def _open_file(path: Path) -> Any:
    import av

    return av.open(str(path.absolute()), options=_FILES_ONLY, metadata_errors="ignore")


def _shown_track(container: Any, path: Path) -> Any | None:
    with listening():
        tracks = shown_tracks(container, lambda: _open_file(path))
    if len(tracks) > 1:
        raise UnusableVideoError(
            "unsupported",
            f"The video '{path}' has {len(tracks)} video tracks, of {track_words(tracks)}, none of which alone is marked as "
            "default, and players differ in what they show; keep one, for example with `ffmpeg -i FILE -map 0:v:0 -map 0:a? "
            "-c copy NEW`.",
        )
    return tracks[0] if tracks else None


def _reason(error: Exception) -> str:
    """Return FFmpeg's own message on one line, without the error number."""
    words = getattr(error, "strerror", None) or str(error)
    return " ".join(words.split())
