"""Writing one clip as files to look at: a folder of PNG files, an animated GIF, an MP4."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from vidbench.files import sync_tree

Write = Callable[[Path, np.ndarray], None]
"""Writes frames uint8 ``[T, H, W, 3]`` to a path without its suffix."""

_FRAMES_PER_SECOND = 8


def write_png(stem: Path, frames_THWC: np.ndarray) -> None:
    """Write frames, uint8 ``[T, H, W, 3]``, as PNG files into a new folder, which appears whole."""
    from PIL import Image

    unfinished = stem.with_name(f".{stem.name}")
    unfinished.mkdir()
    for t, frame in enumerate(frames_THWC):
        Image.fromarray(frame).save(unfinished / f"{t:05d}.png")
    sync_tree(unfinished)  # a resumed export trusts what has its name
    unfinished.replace(stem)


def _write_gif(stem: Path, frames_THWC: np.ndarray) -> None:
    import av
    from PIL import Image

    frames, height, width, _ = frames_THWC.shape
    # One palette for the whole clip, or colours would flicker. PyAV writes the file because Pillow merges equal frames,
    # which would shorten the clip.
    image = Image.fromarray(frames_THWC.reshape(frames * height, width, 3)).quantize(256, dither=Image.Dither.NONE)
    levels = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 0] = 255
    palette[: len(levels), 1:] = levels
    with av.open(str(stem.with_suffix(".gif")), "w") as container:
        stream = container.add_stream("gif", rate=_FRAMES_PER_SECOND)
        stream.height, stream.width, stream.pix_fmt = height, width, "pal8"
        for indices in np.asarray(image).reshape(frames, height, width):
            # PyAV documents (indices, palette), but its annotation does not include it.
            frame = av.VideoFrame.from_ndarray((indices, palette), format="pal8")  # type: ignore[arg-type]
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _write_mp4(stem: Path, frames_THWC: np.ndarray) -> None:
    import av

    with av.open(str(stem.with_suffix(".mp4")), "w") as container:
        stream = container.add_stream("libx264", rate=_FRAMES_PER_SECOND)
        _, stream.height, stream.width, _ = frames_THWC.shape
        # 4:4:4, because halved chroma needs even sizes and smears the colours of small frames.
        stream.pix_fmt = "yuv444p"
        for frame in frames_THWC:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


WRITERS: dict[str, Write] = {"png": write_png, "gif": _write_gif, "mp4": _write_mp4}
"""How each kind of file is written."""
