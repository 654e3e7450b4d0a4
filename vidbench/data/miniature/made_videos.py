"""Videos that are rendered and encoded here, as large and as long as those of a published dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        options = {"preset": "veryfast"} if form.codec == "libx264" else {}
        stream: Any = container.add_stream(form.codec, rate=form.frames_per_second, options=options)
        stream.width, stream.height, stream.pix_fmt = form.width, form.height, form.pixel_format
        for frame_HWC in _rendered(number, form.num_frames, form):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame_HWC, format="rgb24")))
        container.mux(stream.encode())


def write_made_frames(paths: Sequence[Path], number: int, form: VideoForm) -> None:
    """Render scene ``number`` of the moving shapes as one image per frame.

    Args:
        paths: the files to write, of one folder, as PNG or JPEG by their suffix.
        number: index of the scene.
        form: their size.
    """
    from PIL import Image

    paths[0].parent.mkdir(parents=True, exist_ok=True)
    for path, frame_HWC in zip(paths, _rendered(number, len(paths), form), strict=True):
        Image.fromarray(frame_HWC).save(path)


def _rendered(number: int, num_frames: int, form: VideoForm) -> Iterator[np.ndarray]:
    """Yield the frames of a scene, uint8 RGB ``[H, W, 3]``."""
    # Rendered at a quarter of the size: decoding, not the picture, is what a rehearsal is about.
    height, width = form.height // _COARSE, form.width // _COARSE
    (frames_THWC,), _ = render("rehearsal", np.array([number]), num_frames, height, width)
    for frame_HWC in frames_THWC:
        yield frame_HWC.repeat(_COARSE, axis=0).repeat(_COARSE, axis=1)


def cut_short(path: Path) -> None:
    """Keep the first third of a file, as an interrupted download leaves it."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 3])
