"""Which of FFmpeg's messages mean that pixels were lost.

FFmpeg conceals damage: it paints over what it cannot decode, returns the frame, and reports it in its log only. Its option
``err_detect=explode`` turns such messages into errors, but harmless ones too: from H.264 that was cut out of an open group
of pictures, as downloaders of clips do to avoid re-encoding, or that contains an oversized comment. Hence the log is read.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

# An error that costs no pixel: user data (SEI) states more bytes than it has.
_HARMLESS = re.compile(r"SEI type \d+ size \d+ truncated at \d+")
# A reference is released that was never read. At a cut it lies before the first frame; later it is a lost frame.
_BEFORE_THE_CUT = re.compile(r"mmco: unref short failure")
# Other messages of a container may be about sound, subtitles or tags.
_CUT_OFF = re.compile(r"File ended prematurely(?: at pos\. .*)?|.*partial file")
# Matroska names the byte from which on it skips what it cannot read.
_BROKEN_AT = re.compile(r"\bat (?:pos\.? (\d+)|(0x[0-9a-f]+))\b", re.IGNORECASE)
_ERROR = 16


class Message(NamedTuple):
    """One line of FFmpeg's log.

    Attributes:
        level: FFmpeg's level; 16 and less are errors.
        source: name of the decoder, demuxer or parser that wrote it.
        text: without the final line break.
    """

    level: int
    source: str
    text: str


@contextmanager
def listening() -> Iterator[list[Message]]:
    """Collect what FFmpeg logs in this thread; the list is filled when the context closes.

    Open it around one call into FFmpeg and never across a ``yield``: the innermost open context gets the messages of its
    thread, whatever file they are about. Decoders must not use threads of their own, whose messages would be lost.
    """
    import av

    # Set every time: other code in this process, such as a model's, may have switched FFmpeg's log off.
    av.logging.set_level(max(av.logging.get_level() or 0, av.logging.ERROR))
    logger = logging.getLogger("libav")
    if not logger.handlers:
        # Without a handler, Python prints what nobody listens to on stderr.
        logger.addHandler(logging.NullHandler())
    # A message that equals the one before is a new fault, in another frame or file.
    av.logging.set_skip_repeated(False)
    messages: list[Message] = []
    with av.logging.Capture(local=True) as log:
        try:
            yield messages
        finally:
            messages.extend(Message(level, source, text.strip()) for level, source, text in log)


class Damage:
    """What the messages of one file say while its packets are decoded, in order.

    Attributes:
        found: the first message that means lost pixels, or None.
        cut_off: whether the container said that the file ends before its data do.
        found_on_opening, cut_off_on_opening: the same, of frames that may be far behind the first packet.
    """

    def __init__(self, decoder: str, opening: Sequence[Message]) -> None:
        """Start with what was logged on opening, when FFmpeg decodes the first frames to learn their size.

        Args:
            decoder: FFmpeg's name of the decoder of the video stream.
            opening: what was logged.
        """
        self.found: str | None = None
        self.cut_off = False
        self._decoder = decoder
        self._key_frames = 0
        self._broken: dict[int, str] = {}
        self._add(opening)
        self.found_on_opening, self.cut_off_on_opening = self.found, self.cut_off
        self.found, self.cut_off = None, False

    def after(self, packet: Any, messages: Sequence[Message], decoded: bool = True) -> None:
        """Take the messages that were logged until a packet was decoded, or was read and not decoded."""
        self._key_frames += bool(packet.is_keyframe and decoded)
        self._add(messages)
        passed = [text for byte, text in self._broken.items() if packet.pos is not None and packet.pos > byte]
        # What follows the last picture, such as an index, may be broken.
        self.found = self.found or next(iter(passed), None)

    def _add(self, messages: Sequence[Message]) -> None:
        for message in messages:
            if message.level > _ERROR:
                continue
            if _CUT_OFF.fullmatch(message.text):
                self.cut_off = True
            elif message.source == self._decoder and not self._is_harmless(message.text):
                self.found = self.found or message.text
            elif message.source == "matroska,webm" and (place := _BROKEN_AT.search(message.text)):
                self._broken.setdefault(int(place[1]) if place[1] else int(place[2], 16), message.text)

    def _is_harmless(self, text: str) -> bool:
        if _BEFORE_THE_CUT.fullmatch(text):
            return self._key_frames < 2
        return bool(_HARMLESS.fullmatch(text))
