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
from typing import NamedTuple

# Errors that cost no pixel: a reference before the cut is released although it was never read; user data (SEI) states more
# bytes than it has.
_HARMLESS = (
    re.compile(r"mmco: unref short failure"),
    re.compile(r"SEI type \d+ size \d+ truncated at \d+"),
)
# Other messages of a container may be about sound, subtitles or tags.
_CUT_OFF = (re.compile(r"File ended prematurely"), re.compile(r".*partial file"))
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

    if (av.logging.get_level() or 0) < av.logging.ERROR:
        av.logging.set_level(av.logging.ERROR)
        # Without a handler, Python prints what nobody listens to on stderr.
        logging.getLogger("libav").addHandler(logging.NullHandler())
    # A message that equals the one before is a new fault, in another frame or file.
    av.logging.set_skip_repeated(False)
    messages: list[Message] = []
    with av.logging.Capture(local=True) as log:
        try:
            yield messages
        finally:
            messages.extend(Message(level, source, text.strip()) for level, source, text in log)


def first_damage(messages: Sequence[Message], decoder: str) -> str | None:
    """Return the first message that means lost pixels, or None.

    Args:
        messages: what FFmpeg logged.
        decoder: FFmpeg's name of the decoder of the video stream.
    """
    for message in messages:
        if message.level <= _ERROR and message.source == decoder and not _matches(_HARMLESS, message.text):
            return message.text
    return None


def is_cut_off(messages: Sequence[Message]) -> bool:
    """Return whether the container said that the file ends before its data do."""
    return any(_matches(_CUT_OFF, message.text) for message in messages)


def _matches(patterns: Sequence[re.Pattern[str]], text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in patterns)
