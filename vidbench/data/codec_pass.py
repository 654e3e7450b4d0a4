"""Clips through a lossy codec and back: some published scores are of files that both sides were written to and read from."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from vidbench.data.pixels import rgb_pixels
from vidbench.tasks.schema import Codec

_RATE = 8


def encoder_version() -> str:
    """Return the version of the library that encodes, which may decide the bytes."""
    import av

    return ".".join(str(part) for part in av.library_versions["libavcodec"])


def through_codec(clips_NTHWC: np.ndarray, codec: Codec) -> np.ndarray:
    """Encode each clip by itself and return its decoded frames.

    ``"h264-crf25"`` is libx264 at a constant rate factor of 25, 4:2:0, 8 frames per second, in one thread: what imageio writes by
    default. The decoder's frames become RGB as videos of data do; the encoder's input goes through FFmpeg's own conversion.

    Args:
        clips_NTHWC: uint8 RGB ``[N, T, H, W, 3]``, height and width even.
        codec: a codec, or ``"none"`` for the clips as they are.

    Returns:
        uint8 RGB of the same shape.
    """
    if codec == "none":
        return clips_NTHWC
    return np.stack([_decoded(_encoded(clip_THWC)) for clip_THWC in clips_NTHWC]) if len(clips_NTHWC) else clips_NTHWC


def _encoded(clip_THWC: np.ndarray) -> io.BytesIO:
    import av

    content = io.BytesIO()
    with av.open(content, "w", format="mp4") as container:
        stream: Any = container.add_stream("libx264", rate=_RATE, options={"crf": "25", "threads": "1"})
        stream.height, stream.width, stream.pix_fmt = *clip_THWC.shape[1:3], "yuv420p"
        for frame_HWC in clip_THWC:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    content.seek(0)
    return content


def _decoded(content: io.BytesIO) -> np.ndarray:
    import av

    with av.open(content, "r") as container:
        return np.stack([rgb_pixels(frame, "exact") for frame in container.decode(video=0)])
