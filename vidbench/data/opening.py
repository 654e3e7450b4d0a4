"""Opening a video file: as a file and nothing else, and the stream that a player shows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from vidbench.data.damage import Message, listening
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
            container = av.open(str(path.absolute()), options=_FILES_ONLY, metadata_errors="ignore")
        with container:
            stream = _shown_stream(container)
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


def _shown_stream(container: Any) -> Any | None:
    """Return the stream that players choose: of those marked as default, or of all if none is, the largest picture."""
    import av

    flags = av.stream.Disposition
    streams = [stream for stream in container.streams.video if not stream.disposition & flags.attached_pic]
    marked = [stream for stream in streams if stream.disposition & flags.default]
    return max(marked or streams, key=_area, default=None)


def _area(stream: Any) -> int:
    context = stream.codec_context
    return int(context.width * context.height) if context is not None else 0


def _reason(error: Exception) -> str:
    """Return FFmpeg's own message on one line, without the error number."""
    words = getattr(error, "strerror", None) or str(error)
    return " ".join(words.split())
