"""Videos that are rendered and encoded here, as large and as long as those of a published dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vidbench.data.shapes.dataset import render

_COARSE = 4


class VideoForm(NamedTuple):
    """Size, length and codec of the videos of a dataset.

    Attributes:
        width: in pixels, a multiple of 4, as is the height.
        height: in pixels.
        num_frames: length.
        frames_per_second: rate.
        codec: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name.
        suffix: of the files.
    """

    width: int
    height: int
    num_frames: int
    frames_per_second: int = 25
    codec: str = "libx264"
    pixel_format: str = "yuv420p"
    suffix: str = ".mp4"


def write_made_video(path: Path, number: int, form: VideoForm) -> None:
    """Render scene ``number`` of the moving shapes and encode it.

    Args:
        path: the file to write.
        number: index of the scene.
        form: size, length and codec.
    """
    import av

    # Rendered at a quarter of the size: decoding, not the picture, is what a rehearsal is about.
    height, width = form.height // _COARSE, form.width // _COARSE
    (frames_THWC,), _ = render("rehearsal", np.array([number]), form.num_frames, height, width)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast"} if form.codec == "libx264" else {}
        stream: Any = container.add_stream(form.codec, rate=form.frames_per_second, options=options)
        stream.width, stream.height, stream.pix_fmt = width * _COARSE, height * _COARSE, form.pixel_format
        for frame_HWC in frames_THWC:
            large_HWC = frame_HWC.repeat(_COARSE, axis=0).repeat(_COARSE, axis=1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(large_HWC, format="rgb24")))
        container.mux(stream.encode())


def cut_short(path: Path) -> None:
    """Keep the first third of a file, as an interrupted download leaves it."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
