"""Whether a JPEG lacks pixels: Pillow paints what is missing grey, and libjpeg's warnings do not reach its callers."""

from __future__ import annotations

import re

from vidbench.data.damage import listening

# What FFmpeg's decoder says of lost data. Its other messages are about kinds of JPEG that it cannot decode and Pillow can.
_LOST = re.compile(r"overread \d+|error (?:y=|dc|count).*|.*bad vlc.*")


def jpeg_damage(content: bytes) -> str | None:
    """Return what FFmpeg's decoder says of data that are missing or cannot be decoded; None if it decodes all.

    Args:
        content: one JPEG picture, from its start marker to its end marker.
    """
    import av

    with listening() as messages:
        decoder = av.CodecContext.create("mjpeg", "r")
        # The messages of threads of the decoder would be lost.
        decoder.thread_count = 1
        try:
            decoder.decode(av.Packet(content))
            decoder.decode(None)
        except (av.FFmpegError, ValueError):
            # Pillow decides what is readable; damage was logged before.
            pass
    return next((message.text for message in messages if _LOST.fullmatch(message.text)), None)
