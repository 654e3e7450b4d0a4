"""Rendering moving-shapes clips, at any length and resolution, with the same bytes on every machine.

Why the bytes agree everywhere: a pixel results from a fixed sequence of additions, subtractions, multiplications,
divisions, square roots, floors, absolute values, minima and maxima, each a separate numpy operation on IEEE 754 float64
(per frame) or float32 (per pixel). IEEE 754 defines each of them exactly, whatever the width of the vector unit; numpy
never fuses two operations, nothing is summed over an axis, and no function of the C library is called. The last step,
``value + 0.5`` truncated to uint8, is exact too, as values stay between 0.5 and 255.

Geometry is in units of half the shorter side of the frame, so other resolutions show the same clip. The edge of a shape
is antialiased over one pixel, and textures are soft waves of at least four pixels at 32x32.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from vidbench.data.shapes.script import TEXTURES, Script, cosine, course, sine

_PIXELS_PER_CHUNK = 1 << 16  # float32 planes of this size stay in a core's cache


def _wave(turns: np.ndarray) -> np.ndarray:
    """Return a triangle wave of period 1 between -1 and 1; overwrites its argument."""
    turns -= np.floor(turns)
    turns -= np.float32(0.5)
    np.abs(turns, out=turns)
    turns *= np.float32(4.0)
    turns -= np.float32(1.0)
    return turns


def _soft_step(wave: np.ndarray, gain: float) -> np.ndarray:
    """Steepen a wave and clip it to -1 and 1; overwrites its argument."""
    wave *= np.float32(gain)
    np.maximum(wave, np.float32(-1.0), out=wave)
    return np.minimum(wave, np.float32(1.0), out=wave)


def texture_at(kind: int, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Return texture ``kind``, -1 to 1, at coordinates ``p``, ``q`` in wavelengths (float32 ``[N, T, H, W]``)."""
    name = TEXTURES[kind]
    if name == "stripes" or name == "gradient":
        return _soft_step(_wave(p), 1.8 if name == "stripes" else 1.0)
    p, q = _wave(p), _wave(q)
    if name == "checks":
        p *= q
        return _soft_step(p, 2.5)
    p += q
    p -= np.float32(0.5)
    return _soft_step(p, 1.8)


def _disc(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.sqrt(p * p + q * q) - np.float32(0.9)


def _square(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(p), np.abs(q)) - np.float32(0.8)


def _triangle(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    slant = np.abs(p) * np.float32(0.8660254) + q * np.float32(0.5)
    return np.maximum(slant, -q) - np.float32(0.58)


def _cross(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    p, q = np.abs(p), np.abs(q)
    return np.maximum(np.maximum(p, q) - np.float32(1.0), np.minimum(p, q) - np.float32(0.34))


# Signed distance to the edge in radii, negative inside, in the order of SHAPES. The cross is exact inside and along its
# edges, which is all that antialiasing over one pixel needs.
DISTANCES: tuple[Callable[[np.ndarray, np.ndarray], np.ndarray], ...] = (_disc, _square, _triangle, _cross)


def rotated_planes(
    across: np.ndarray, down: np.ndarray, angle: np.ndarray, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Split rotated coordinates into a part that depends only on the column and one that depends only on the row.

    ``across`` is ``[N, T or 1, W]``, ``down`` ``[N, T or 1, H]``, ``angle`` (turns) and ``scale`` ``[N, T or 1]``. The
    rotated coordinates are ``p = p_column + p_row`` and ``q = q_column + q_row``.
    """
    cos, sin = (cosine(angle) / scale)[..., None], (sine(angle) / scale)[..., None]
    return across * cos, down * sin, -(across * sin), down * cos


def added_grid(column: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Add a part per column ``[N, T, W]`` and a part per row ``[N, T, H]`` to float32 ``[N, T, H, W]``."""
    return column.astype(np.float32)[:, :, None, :] + row.astype(np.float32)[:, :, :, None]


def _draw_alike(script: Script, members: np.ndarray, num_frames: int, height: int, width: int) -> np.ndarray:
    """Draw clips that share shape, texture and background texture.

    Args:
        script: the choices of a batch of clips.
        members: int64 ``[M]``, the rows of the script to draw, all with the same shape and pair of textures.
        num_frames: length in frames.
        height: in pixels.
        width: in pixels.

    Returns:
        uint8 ``[M, T, H, W, 3]``.
    """
    part = Script(**{name: array[members] for name, array in vars(script).items()})
    unit = min(height, width)
    ring = 2.0 * width / unit
    x, angle, radius = course(part, num_frames, ring)
    columns = (2.0 * np.arange(width, dtype=np.float64) + 1.0) / unit  # from the left edge
    rows = (2.0 * np.arange(height, dtype=np.float64) + 1.0 - height) / unit  # from the middle

    away = columns[None, None, :] - x[:, :, None]
    away = away - ring * np.floor(away / ring + 0.5)  # the nearer way around the ring
    down = rows[None, None, :] - (part.y * (height / unit))[:, None, None]
    p_column, p_row, q_column, q_row = rotated_planes(away, down, angle, radius)
    distance = DISTANCES[int(part.shape[0])](added_grid(p_column, p_row), added_grid(q_column, q_row))
    distance *= (radius * (-0.5 * unit)).astype(np.float32)[:, :, None, None]  # now in pixels, positive inside
    distance += np.float32(0.5)
    cover = np.minimum(np.maximum(distance, np.float32(0.0), out=distance), np.float32(1.0), out=distance)

    wavelength, phase = part.wavelength[:, None, None], part.texture_phase[:, None, :]
    texture = texture_at(
        int(part.texture[0]),
        added_grid(p_column / wavelength + phase[..., :1], p_row / wavelength),
        added_grid(q_column / wavelength + phase[..., 1:], q_row / wavelength),
    )
    ground = _ground(part, num_frames, columns, rows)

    clips_NTHWC = np.empty((len(members), num_frames, height, width, 3), dtype=np.uint8)
    colours = part.colours.astype(np.float32)[:, :, :, None, None, None]  # [M, 4, 3, 1, 1, 1]
    for channel in range(3):
        shape_mean, shape_contrast, ground_mean, ground_contrast = (colours[:, k, channel] for k in range(4))
        value = ground * ground_contrast
        value += ground_mean
        over = texture * shape_contrast
        over += shape_mean
        over -= value
        over *= cover
        value += over
        value += np.float32(0.5)
        clips_NTHWC[..., channel] = value.astype(np.uint8)
    return clips_NTHWC


def _ground(part: Script, num_frames: int, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return the moving background, -1 to 1, float32 ``[M, T, H, W]``."""
    frame = np.arange(num_frames, dtype=np.float64)[None, :, None]
    phase = part.ground_phase[:, None, :] + part.ground_speed[:, None, :] * frame
    phase = phase - np.floor(phase)
    p_column, p_row, q_column, q_row = rotated_planes(
        columns[None, None, :], rows[None, None, :], part.ground_angle[:, None], part.ground_wavelength[:, None]
    )
    return texture_at(
        int(part.ground_texture[0]),
        added_grid(p_column + phase[..., :1], p_row),
        added_grid(q_column + phase[..., 1:], q_row),
    )


def draw_batch(script: Script, num_frames: int, height: int, width: int) -> np.ndarray:
    """Draw all clips of a script, uint8 ``[N, T, H, W, 3]``, in groups with the same shape and pair of textures."""
    count = len(script.label)
    clips_NTHWC = np.empty((count, num_frames, height, width, 3), dtype=np.uint8)
    group = (script.shape * len(TEXTURES) + script.texture) * len(TEXTURES) + script.ground_texture
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.diff(group[order], prepend=-1))
    room = max(1, _PIXELS_PER_CHUNK // (num_frames * height * width))
    for start, stop in zip(starts, [*starts[1:], count], strict=True):
        for first in range(start, stop, room):
            members = order[first : min(first + room, stop)]
            clips_NTHWC[members] = _draw_alike(script, members, num_frames, height, width)
    return clips_NTHWC
