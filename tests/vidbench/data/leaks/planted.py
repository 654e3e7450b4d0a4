"""Videos for tests of overlap: a textured room with things that move, drawn from a seed, and copies of them as people make them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

SIZE, FRAMES = 64, 40


def film(actors: int, room: int, frames: int = FRAMES) -> np.ndarray:
    """Return uint8 [T, H, W, 3]: three discs on paths of their own (seed ``actors``) before a fixed picture (seed ``room``)."""
    walls = np.random.default_rng([room, 1]).uniform(40, 200, (9, 9))
    picture = np.kron(walls, np.ones((8, 8)))[:SIZE, :SIZE]
    rng = np.random.default_rng([actors, 2])
    start, speed, grey = rng.uniform(10, 54, (3, 2)), rng.uniform(-1.2, 1.2, (3, 2)), rng.uniform(0, 255, 3)
    swing, rate = rng.uniform(4, 12, 3), rng.uniform(0.1, 0.5, 3)
    rows, columns = np.mgrid[:SIZE, :SIZE]
    clip = np.empty((frames, SIZE, SIZE), np.uint8)
    for time in range(frames):
        frame = picture.copy()
        for disc in range(3):
            row = (start[disc, 0] + speed[disc, 0] * time + swing[disc] * np.sin(rate[disc] * time)) % SIZE
            column = (start[disc, 1] + speed[disc, 1] * time) % SIZE
            frame[(rows - row) ** 2 + (columns - column) ** 2 < 90] = grey[disc]
        clip[time] = frame
    return np.repeat(clip[..., np.newaxis], 3, axis=-1)


def encode(path: Path, clip_THWC: np.ndarray, *, size: int = SIZE, crf: int = 23, fps: int = 25) -> Path:
    """Write an H.264 file; another size by means of areas or by repetition."""
    if size < SIZE:
        step = SIZE // size
        clip_THWC = clip_THWC.reshape(len(clip_THWC), size, step, size, step, 3).mean((2, 4)).astype(np.uint8)
    elif size > SIZE:
        clip_THWC = clip_THWC.repeat(size // SIZE, axis=1).repeat(size // SIZE, axis=2)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": str(crf), "preset": "ultrafast"})
        stream.width = stream.height = size
        stream.pix_fmt = "yuv420p"
        for frame_HWC in clip_THWC:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame_HWC), format="rgb24")))
        container.mux(stream.encode(None))
    return path
