"""The random choices of each clip of crossing shapes, and the courses of its shapes and of the camera.

Two different shapes drift in opposite directions, each on a horizontal ring, and the nearer one passes over the other; the
camera pans sideways and sways up and down, and the background, farther away, follows it at half the speed. As in
`vidbench.data.shapes.script`, clip ``i`` is a pure function of the split's name and ``i``, of exact operations alone.

There are 24 classes: 12 ordered pairs of shapes (the nearer, then the farther) times the direction of the nearer one. By
construction, at every clip length:

* the distribution of a single frame is the same for both directions;
* a clip played backwards is a clip of the other direction;
* which shape is nearer shows only where the two overlap. They do so in every clip of 12 frames or more: on a frame as wide as
  high, the shapes move relative to each other by more than the width of the frame in 11 steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidbench.data.shapes.script import SHAPES, TEXTURES, choose, sine, stream_key

CROSSING_VERSION = "crossing-shapes-1"
"""Changes whenever the bytes of any clip change."""

DIRECTIONS = ("leftward", "rightward")
PAIRS = tuple((near, far) for near in range(len(SHAPES)) for far in range(len(SHAPES)) if near != far)
"""Ordered pairs of different shapes, as indices into `SHAPES`: the nearer one, then the farther."""

CROSSING_CLASS_NAMES = tuple(
    f"{SHAPES[near]}-over-{SHAPES[far]}-{direction}" for near, far in PAIRS for direction in DIRECTIONS
)

PARALLAX = 0.5
"""Speed of the background over that of the shapes, as the camera moves."""

_OF_A_SHAPE = (
    *("x", "y", "angle", "turn", "radius", "pace", "texture", "wavelength", "texture_p", "texture_q"),
    *("bright_0", "bright_1", "bright_2", "dark_0", "dark_1", "dark_2"),
)
# One word of the generator per choice, in this order.
_CHOICES = (
    *(f"near_{name}" for name in _OF_A_SHAPE),
    *(f"far_{name}" for name in _OF_A_SHAPE),
    *("polarity", "hue", "other_hue", "pan", "sway", "sway_rate", "sway_phase"),
    *("ground_texture", "ground_wavelength", "ground_p", "ground_q", "ground_angle"),
    *("ground_0", "ground_1", "ground_2", "ground_contrast"),
)


@dataclass(frozen=True)
class ShapeScript:
    """The choices for one of the two shapes of each clip. Arrays are float64 ``[N]`` unless stated otherwise.

    Lengths are in units of half the shorter side of the frame, angles in turns, speeds per frame.

    Attributes:
        kind: int64, index into `SHAPES`.
        texture: int64, index into `TEXTURES`.
        wavelength: period of the texture in radii.
        phase: ``[N, 2]``, phase of the texture along its two axes, in turns.
        colours: ``[N, 2, 3]``, mean and half-contrast, 0 to 255.
        radius: constant.
        x: centre at frame 0 as a share of the ring, 0 to 1; ``x_speed`` is positive to the right, the camera at rest.
        x_speed: lengths per frame.
        y: centre with the camera at rest, as a share of the half height.
        angle: at frame 0; ``angle_speed`` is positive for clockwise as seen on a screen.
        angle_speed: turns per frame.
    """

    kind: np.ndarray
    texture: np.ndarray
    wavelength: np.ndarray
    phase: np.ndarray
    colours: np.ndarray
    radius: np.ndarray
    x: np.ndarray
    x_speed: np.ndarray
    y: np.ndarray
    angle: np.ndarray
    angle_speed: np.ndarray


@dataclass(frozen=True)
class CrossingScript:
    """The choices for a batch of clips; units and types as in `ShapeScript`.

    Attributes:
        label: int64, ``pair * 2 + direction`` of the nearer shape.
        near: the nearer shape.
        far: the farther one.
        pan: speed of the camera to the right.
        sway: amplitude of its motion up and down, which is a sine.
        sway_phase: phase of that sine at frame 0, in turns.
        sway_rate: its change per frame.
        texture: int64, texture of the background.
        wavelength: its period.
        phase: ``[N, 2]``, its phase at frame 0.
        angle: its direction.
        colours: ``[N, 2, 3]``, mean and half-contrast of the background.
    """

    label: np.ndarray
    near: ShapeScript
    far: ShapeScript
    pan: np.ndarray
    sway: np.ndarray
    sway_phase: np.ndarray
    sway_rate: np.ndarray
    texture: np.ndarray
    wavelength: np.ndarray
    phase: np.ndarray
    angle: np.ndarray
    colours: np.ndarray


def write_crossing_script(split: str, indices: np.ndarray) -> CrossingScript:
    """Make all choices for clips ``indices`` (int64 ``[N]``, non-negative) of a split."""
    chosen = choose(stream_key(split, CROSSING_VERSION), indices, _CHOICES)
    label = indices % len(CROSSING_CLASS_NAMES)
    pair, direction = np.array(PAIRS)[label // 2], label % 2
    sign = direction * 2.0 - 1.0
    hue = np.floor(chosen["hue"] * 6.0)
    # Another hue, so that the edge between the two can be seen.
    other = hue + 1.0 + np.floor(chosen["other_hue"] * 5.0)
    other = other - 6.0 * np.floor(other / 6.0)
    negative = chosen["polarity"] >= 0.5
    is_gradient = chosen["ground_texture"] >= 0.75  # a gradient is a wave longer than the frame
    return CrossingScript(
        label=label,
        near=_shape_script(chosen, "near", pair[:, 0], sign, hue, negative),
        far=_shape_script(chosen, "far", pair[:, 1], -sign, other, negative),
        pan=chosen["pan"] * 0.1 - 0.05,
        sway=0.04 + 0.1 * chosen["sway"],
        sway_phase=chosen["sway_phase"],
        sway_rate=chosen["sway_rate"] * 0.2 - 0.1,
        texture=np.floor(chosen["ground_texture"] * len(TEXTURES)).astype(np.int64),
        wavelength=np.where(is_gradient, 3.0, 0.35) + 0.5 * chosen["ground_wavelength"],
        phase=np.stack([chosen["ground_p"], chosen["ground_q"]], axis=1),
        angle=chosen["ground_angle"],
        colours=_ground_colours(chosen, negative),
    )


def _shape_script(
    chosen: dict[str, np.ndarray], place: str, kind: np.ndarray, sign: np.ndarray, hue: np.ndarray, negative: np.ndarray
) -> ShapeScript:
    own = {name: chosen[f"{place}_{name}"] for name in _OF_A_SHAPE}
    return ShapeScript(
        kind=kind,
        texture=np.floor(own["texture"] * len(TEXTURES)).astype(np.int64),
        wavelength=0.7 + 0.6 * own["wavelength"],
        phase=np.stack([own["texture_p"], own["texture_q"]], axis=1),
        colours=_shape_colours(own, hue, negative),
        radius=0.34 + 0.24 * own["radius"],
        x=own["x"],
        x_speed=sign * (0.095 + 0.035 * own["pace"]),
        y=own["y"] * 0.4 - 0.2,
        angle=own["angle"],
        angle_speed=own["turn"] * 0.04 - 0.02,
    )


def _shape_colours(own: dict[str, np.ndarray], hue: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Choose two vivid tones of one of six hues; half of the clips are negatives."""
    bright = np.stack([own[f"bright_{c}"] for c in range(3)], axis=1) * 70.0 + 180.0
    dark = np.stack([own[f"dark_{c}"] for c in range(3)], axis=1) * 60.0 + 85.0
    whole = hue.astype(np.int64)
    channel = np.arange(3)[None, :]
    bright = np.where(channel == (whole % 3)[:, None], bright - 80.0, bright)
    dark = np.where(channel == ((whole + 1 + whole // 3) % 3)[:, None], dark - 45.0, dark)
    return _turned(np.stack([(bright + dark) * 0.5, (bright - dark) * 0.5], axis=1), negative)


def _ground_colours(chosen: dict[str, np.ndarray], negative: np.ndarray) -> np.ndarray:
    ground = np.stack([chosen[f"ground_{c}"] for c in range(3)], axis=1) * 50.0 + 22.0
    contrast = np.broadcast_to((6.0 + 14.0 * chosen["ground_contrast"])[:, None], ground.shape)
    return _turned(np.stack([ground, contrast], axis=1), negative)


def _turned(means: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Mean and half-contrast ``[N, 2, 3]``, of the negative where that is chosen."""
    return np.where(negative[:, None, None], np.stack([255.0 - means[:, 0], -means[:, 1]], axis=1), means)


def camera(script: CrossingScript, num_frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Return how far the camera has moved to the right since frame 0, and how far down it is: float64 ``[N, T]``."""
    frame = np.arange(num_frames, dtype=np.float64)[None, :]
    across = script.pan[:, None] * frame
    return across, script.sway[:, None] * sine(script.sway_phase[:, None] + script.sway_rate[:, None] * frame)


def shape_course(shape: ShapeScript, across: np.ndarray, ring: float) -> tuple[np.ndarray, np.ndarray]:
    """Return centre x in ``[0, ring)`` and angle in turns of a shape, each float64 ``[N, T]``.

    Args:
        shape: its choices.
        across: motion of the camera to the right, ``[N, T]``.
        ring: width of the frame, the period of positions.
    """
    frame = np.arange(across.shape[1], dtype=np.float64)[None, :]
    x = shape.x[:, None] * ring + shape.x_speed[:, None] * frame - across
    return x - ring * np.floor(x / ring), shape.angle[:, None] + shape.angle_speed[:, None] * frame
