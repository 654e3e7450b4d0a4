"""Rendering crossing shapes, at any length and resolution, with the same bytes on every machine.

The rules are those of `vidbench.data.shapes.render`: exact operations on float64 per frame and float32 per pixel, nothing
summed. The background is painted first, the farther shape over it, the nearer one over both.
"""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np

from vidbench.data.shapes.crossing_script import PARALLAX, CrossingScript, ShapeScript, camera, shape_course
from vidbench.data.shapes.render import DISTANCES, added_grid, rotated_planes, texture_at

_PIXELS_PER_CHUNK = 1 << 16  # float32 planes of this size stay in a core's cache


def draw_crossing(script: CrossingScript, num_frames: int, height: int, width: int) -> np.ndarray:
    """Draw all clips of a script, uint8 ``[N, T, H, W, 3]``, in groups with the same shapes and textures."""
    count = len(script.label)
    clips_NTHWC = np.empty((count, num_frames, height, width, 3), dtype=np.uint8)
    kinds = np.stack([script.near.kind, script.far.kind, script.near.texture, script.far.texture, script.texture])
    order = np.lexsort(kinds)
    changes = np.any(np.diff(kinds[:, order], axis=1) != 0, axis=0)
    bounds = [0, *(np.flatnonzero(changes) + 1).tolist(), count]
    room = max(1, _PIXELS_PER_CHUNK // (num_frames * height * width))
    for start, stop in pairwise(bounds):
        for first in range(start, stop, room):
            members = order[first : min(first + room, stop)]
            clips_NTHWC[members] = _draw_alike(_rows(script, members), num_frames, height, width)
    return clips_NTHWC


def _rows(script: Any, members: np.ndarray) -> Any:
    """Return the script of some of the clips."""
    values = {item.name: getattr(script, item.name) for item in fields(script)}
    return type(script)(
        **{n: v[members] if isinstance(v, np.ndarray) else _rows(v, members) for n, v in values.items()}
    )


def _draw_alike(script: CrossingScript, num_frames: int, height: int, width: int) -> np.ndarray:
    """Draw clips that share shapes and textures."""
    unit = min(height, width)
    ring = 2.0 * width / unit
    columns = (2.0 * np.arange(width, dtype=np.float64) + 1.0) / unit  # from the left edge
    rows = (2.0 * np.arange(height, dtype=np.float64) + 1.0 - height) / unit  # from the middle
    across, down = camera(script, num_frames)
    frames_NTCHW = _ground(script, across, down, columns, rows)
    for shape in (script.far, script.near):
        x, angle = shape_course(shape, across, ring)
        away = columns[None, None, :] - x[:, :, None]
        away = away - ring * np.floor(away / ring + 0.5)  # the nearer way around the ring
        centre = (shape.y * (height / unit))[:, None] - down
        _paint(frames_NTCHW, shape, away, rows[None, None, :] - centre[:, :, None], angle, unit)
    frames_NTCHW += np.float32(0.5)
    return frames_NTCHW.astype(np.uint8).transpose(0, 1, 3, 4, 2)


def _ground(
    script: CrossingScript, across: np.ndarray, down: np.ndarray, columns: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Paint the background, float32 ``[N, T, 3, H, W]``."""
    p_column, p_row, q_column, q_row = rotated_planes(
        columns[None, None, :] + PARALLAX * across[:, :, None],
        rows[None, None, :] + PARALLAX * down[:, :, None],
        script.angle[:, None],
        script.wavelength[:, None],
    )
    phase = script.phase[:, None, :]
    wave = texture_at(
        int(script.texture[0]),
        added_grid(p_column + phase[..., :1], p_row),
        added_grid(q_column + phase[..., 1:], q_row),
    )
    colours = script.colours.astype(np.float32)[:, None, :, :, None, None]  # [N, 1, 2, 3, 1, 1]
    painted: np.ndarray = wave[:, :, None] * colours[:, :, 1]
    painted += colours[:, :, 0]
    return painted


def _paint(
    frames_NTCHW: np.ndarray, shape: ShapeScript, away: np.ndarray, down: np.ndarray, angle: np.ndarray, unit: int
) -> None:
    """Paint a shape over the frames, with an edge antialiased over one pixel.

    Args:
        frames_NTCHW: float32, changed in place.
        shape: the choices of the shape.
        away: float64 ``[N, T, W]``, distance of each column from the centre.
        down: float64 ``[N, T, H]``, that of each row.
        angle: float64 ``[N, T]``, in turns.
        unit: shorter side of the frame in pixels.
    """
    radius = np.broadcast_to(shape.radius[:, None], angle.shape)
    p_column, p_row, q_column, q_row = rotated_planes(away, down, angle, radius)
    cover = DISTANCES[int(shape.kind[0])](added_grid(p_column, p_row), added_grid(q_column, q_row))
    cover *= (radius * (-0.5 * unit)).astype(np.float32)[:, :, None, None]  # now in pixels, positive inside
    cover += np.float32(0.5)
    cover = np.minimum(np.maximum(cover, np.float32(0.0), out=cover), np.float32(1.0), out=cover)
    wavelength, phase = shape.wavelength[:, None, None], shape.phase[:, None, :]
    wave = texture_at(
        int(shape.texture[0]),
        added_grid(p_column / wavelength + phase[..., :1], p_row / wavelength),
        added_grid(q_column / wavelength + phase[..., 1:], q_row / wavelength),
    )
    colours = shape.colours.astype(np.float32)[:, :, :, None, None, None]  # [N, 2, 3, 1, 1, 1]
    for channel in range(3):
        frame = frames_NTCHW[:, :, channel]
        over = wave * colours[:, 1, channel]
        over += colours[:, 0, channel]
        over -= frame
        over *= cover
        frame += over
