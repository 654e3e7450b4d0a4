"""What is accepted of the generated videos, and what a plain decoder shows of those files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import av

from tests.abuse.videos.changes import SOUND, Change
from tests.abuse.videos.encodings import Encoding, write
from vidbench.data.layouts.listing import VideoFile
from vidbench.errors import InputError

HARMLESS = ("mmco: unref short failure", "SEI type ")


class Plain(NamedTuple):
    """What FFmpeg returns of a file when nothing is checked.

    Args:
        frames: digests of the decoded frames.
        times: their time stamps in seconds, without missing ones.
        signs: what shows that pictures are missing or damaged.
    """

    frames: tuple[str, ...]
    times: tuple[float, ...]
    signs: tuple[str, ...]

    @property
    def has_hole(self) -> bool:
        """Return whether a frame follows the one before later than all usual ones do."""
        steps = sorted(later - earlier for earlier, later in zip(self.times, self.times[1:], strict=False))
        return bool(steps) and steps[-1] > 1.5 * steps[len(steps) // 2]


class Answer(NamedTuple):
    """What happened to one file.

    Args:
        encoding, container, change: how the file was made.
        sound: its remaining pictures are complete, because of how it was made or because nothing changed in them.
        refusal: our message, or None where it was accepted.
        frames: number of frames that were accepted.
        plain: what a plain decoder returns of it.
        original: what a plain decoder returns of the unchanged file.
    """

    encoding: str
    container: str
    change: str
    sound: bool
    refusal: str | None
    frames: int
    plain: Plain
    original: Plain

    @property
    def name(self) -> str:
        return f"{self.encoding} in {self.container}, {self.change}"


def plain_decode(path: Path) -> Plain:
    """Decode with PyAV alone, as other tools do, on one thread."""
    frames, times, signs = [], [], []
    packets, stated_frames, stated_seconds = 0, 0, 0.0
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    with av.logging.Capture(local=True) as log:
        try:
            with av.open(str(path)) as container:
                if not container.streams.video or container.streams.video[0].codec_context is None:
                    return Plain((), (), ("no video stream",))
                stream = container.streams.video[0]
                stream.codec_context.thread_type, stream.codec_context.thread_count = "NONE", 1
                decoder = stream.codec_context.name
                stated_frames, stated_seconds = stream.frames, float((stream.duration or 0) * stream.time_base)
                for packet in container.demux(stream):
                    # In AVI an empty chunk, which is not returned, repeats the frame before; the header counts it.
                    stamped = container.format.name == "avi" and packet.dts is not None
                    packets = packet.dts + 1 if stamped else packets + (packet.size > 0)
                    if packet.is_corrupt:
                        signs.append("a packet is marked as corrupt")
                    for frame in packet.decode():
                        if frame.is_corrupt:
                            signs.append("a frame is marked as corrupt")
                        frames.append(sha256(frame.to_ndarray().tobytes()).hexdigest())
                        if frame.pts is not None:
                            times.append(float(frame.pts * frame.time_base))
        except av.error.FFmpegError as error:
            signs.append(f"error: {error.strerror}")
            decoder = ""
    for level, source, text in log:
        if level <= av.logging.ERROR and source == decoder and not text.startswith(HARMLESS):
            signs.append(f"message: {text.strip()}")
    if packets < stated_frames:
        signs.append(f"{packets} of {stated_frames} frames that the header counts")
    if times and max(times) - min(times) < 0.98 * stated_seconds - 0.25:
        signs.append(f"{max(times) - min(times):.2f} of {stated_seconds:.2f} s that the header states")
    if not frames:
        signs.append("no frames")
    return Plain(tuple(frames), tuple(times), tuple(signs))


def judge(path: Path) -> tuple[str | None, int]:
    """Return our refusal, or None and the number of frames."""
    try:
        return None, VideoFile(path).count()
    except InputError as error:
        return str(error), 0


def answers(folder: Path, encodings: Mapping[str, Encoding], changes: Mapping[str, Change]) -> Iterator[Answer]:
    """Write every file below a folder, one at a time, and yield what happened to it."""
    for title, encoding in encodings.items():
        for container in encoding.containers:
            source = folder / f"source.{container}"
            write(source, encoding, container)
            original = plain_decode(source)
            for kind, change in changes.items():
                if not change.fits(container):
                    continue
                path = folder / f"changed.{container}"
                change.make(source, path, encoding, container)
                plain = plain_decode(path)
                sound = change.sound or plain.frames == original.frames
                yield Answer(title, container, kind, sound, *judge(path), plain, original)
                path.unlink()
            source.unlink()


def fault(answer: Answer) -> str | None:
    """Return what is wrong with an answer, or None.

    A sound file must be accepted with every frame that it has. A file of which a plain decoder shows that pictures are
    missing or damaged must be refused.
    """
    if answer.change in SOUND:
        if answer.refusal:
            return f"{answer.name}: refused, although it is sound: {answer.refusal}"
        if answer.frames != len(answer.plain.frames) or not set(answer.plain.frames) <= set(answer.original.frames):
            return f"{answer.name}: its frames are not those of the original"
    elif not answer.refusal and answer.plain.signs:
        return f"{answer.name}: accepted, although it shows damage: {answer.plain.signs[0]}"
    return None
