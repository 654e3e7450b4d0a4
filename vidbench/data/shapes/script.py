"""The random choices of each moving-shapes clip, and the trajectory of its shape.

Clip ``i`` of a split is a pure function of the split's name and ``i``. A counter-based generator (splitmix64, Steele, Lea
and Flood, OOPSLA 2014) keyed by blake2b of the split's name gives one 64-bit word per choice, so clips share no state and
splits share nothing.

There are 24 classes: 4 shapes times 6 motions, in three pairs of opposites. For each shape the following holds *by
construction*, at every clip length:

* the distribution of a single frame is the same for all six motions, so a frame reveals the shape and nothing more;
* the distribution of the unordered set of frames is the same for both motions of a pair, so shuffled frames reveal the
  shape and the axis of the motion, never its direction;
* a clip played backwards is a clip of the opposite motion.

To that end position is uniform on a horizontal ring (what leaves on one side enters on the other), angle is uniform on
the circle, and size is uniform over its range, whatever the motion; growing is a sawtooth over that range, which restarts
at the smallest size, and shrinking is the same sawtooth played backwards.

Only elementwise float64 additions, subtractions, multiplications, divisions, floors and comparisons are used: IEEE 754
defines each of them exactly. Sines come from a polynomial instead of the C library.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

GENERATOR_VERSION = "moving-shapes-1"
"""Changes whenever the bytes of any clip change."""

SHAPES = ("disc", "square", "triangle", "cross")
MOTIONS = (
    "drifting-left",
    "drifting-right",
    "turning-clockwise",
    "turning-counterclockwise",
    "growing",
    "shrinking",
)
CLASS_NAMES = tuple(f"{shape}-{motion}" for shape in SHAPES for motion in MOTIONS)
TEXTURES = ("stripes", "checks", "dots", "gradient")

SMALLEST, LARGEST = 0.36, 0.78
"""Range of a shape's radius, in units of half the shorter side of the frame."""

# One word of the generator per choice, in this order.
_CHOICES = (
    *("x", "y", "size", "angle", "speed", "texture", "wavelength", "texture_p", "texture_q", "polarity"),
    *("hue", "bright_0", "bright_1", "bright_2", "dark_0", "dark_1", "dark_2"),
    *("ground_texture", "ground_wavelength", "ground_p", "ground_q", "ground_angle", "ground_u", "ground_v"),
    *("ground_0", "ground_1", "ground_2", "ground_contrast"),
)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_TWO_PI = 6.283185307179586
_SINE_SERIES = tuple((-1) ** k / math.factorial(2 * k + 1) for k in range(11))


@dataclass(frozen=True)
class Script:
    """The choices for a batch of clips. Arrays are float64 ``[N]`` unless stated otherwise.

    Lengths are in units of half the shorter side of the frame, angles in turns, speeds per frame.

    Attributes:
        label: int64, ``shape * 6 + motion``.
        shape: int64, index into `SHAPES`.
        texture: int64, index into `TEXTURES`; ``ground_texture`` likewise.
        ground_texture: int64, texture of the background.
        wavelength: period of the texture in radii of the shape.
        texture_phase: ``[N, 2]``, phase of the texture along its two axes, in turns.
        ground_wavelength: period of the background's texture.
        ground_phase: ``[N, 2]``, its phase at frame 0, in turns.
        ground_speed: ``[N, 2]``, its change per frame, in turns.
        ground_angle: direction of the background's texture.
        colours: ``[N, 4, 3]``, 0 to 255: mean and half-contrast of the shape, then of the background.
        x: centre at frame 0 as a share of the ring, 0 to 1.
        x_speed: lengths per frame, positive to the right.
        y: centre, as a share of the half height.
        angle: at frame 0; ``angle_speed`` is positive for clockwise as seen on a screen.
        angle_speed: turns per frame.
        size: position in the range of sizes at frame 0, 0 to 1.
        size_speed: share of that range per frame, positive when growing.
    """

    label: np.ndarray
    shape: np.ndarray
    texture: np.ndarray
    ground_texture: np.ndarray
    wavelength: np.ndarray
    texture_phase: np.ndarray
    ground_wavelength: np.ndarray
    ground_phase: np.ndarray
    ground_speed: np.ndarray
    ground_angle: np.ndarray
    colours: np.ndarray
    x: np.ndarray
    x_speed: np.ndarray
    y: np.ndarray
    angle: np.ndarray
    angle_speed: np.ndarray
    size: np.ndarray
    size_speed: np.ndarray


def splitmix(words: np.ndarray) -> np.ndarray:
    """Apply the finaliser of splitmix64: a bijection of uint64 words, elementwise."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def stream_key(name: str, version: str = GENERATOR_VERSION) -> np.ndarray:
    """Return the uint64 key of a named stream of a generator, as an array of shape ``[1]``."""
    digest = hashlib.blake2b(f"{version}/{name}".encode(), digest_size=8).digest()
    return np.frombuffer(digest, dtype="<u8").astype(np.uint64)


def unit_floats(words: np.ndarray) -> np.ndarray:
    """Convert uint64 words to float64 in ``[0, 1)``: the upper 53 bits, exactly."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def sine(turns: np.ndarray) -> np.ndarray:
    """Return ``sin(2 pi turns)`` to 1e-8, from its Taylor series around the nearest whole turn."""
    angle = (turns - np.floor(turns + 0.5)) * _TWO_PI
    square = angle * angle
    series = np.zeros_like(angle)
    for coefficient in reversed(_SINE_SERIES):
        series = series * square + coefficient
    return series * angle


def cosine(turns: np.ndarray) -> np.ndarray:
    """Return ``cos(2 pi turns)`` to 1e-8."""
    return sine(turns + 0.25)


def choose(key: np.ndarray, indices: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Draw float64 ``[N]`` in ``[0, 1)`` for each name and each of the int64 ``[N]`` clips of a stream."""
    words = splitmix(key + splitmix(indices.astype(np.uint64) * _GOLDEN + _GOLDEN))
    steps = np.arange(1, len(names) + 1, dtype=np.uint64) * _GOLDEN
    return {name: unit_floats(splitmix(words + step)) for name, step in zip(names, steps, strict=True)}


def write_script(split: str, indices: np.ndarray) -> Script:
    """Make all choices for clips ``indices`` (int64 ``[N]``, non-negative) of a split."""
    chosen = choose(stream_key(split), indices, _CHOICES)
    label = indices % len(CLASS_NAMES)
    motion = label % len(MOTIONS)
    pace = chosen["speed"]

    def signed(speed: np.ndarray, forward: str, backward: str) -> np.ndarray:
        return np.where(motion == MOTIONS.index(forward), speed, 0.0) - np.where(
            motion == MOTIONS.index(backward), speed, 0.0
        )

    # A gradient background is a wave longer than the frame.
    is_gradient = chosen["ground_texture"] >= 0.75
    ground_wavelength = np.where(is_gradient, 3.0, 0.5) + 0.6 * chosen["ground_wavelength"]
    ground_velocity = np.stack([chosen["ground_u"], chosen["ground_v"]], axis=1) * 0.08 - 0.04
    return Script(
        label=label,
        shape=label // len(MOTIONS),
        texture=np.floor(chosen["texture"] * len(TEXTURES)).astype(np.int64),
        ground_texture=np.floor(chosen["ground_texture"] * len(TEXTURES)).astype(np.int64),
        wavelength=0.9 + 0.7 * chosen["wavelength"],
        texture_phase=np.stack([chosen["texture_p"], chosen["texture_q"]], axis=1),
        ground_wavelength=ground_wavelength,
        ground_phase=np.stack([chosen["ground_p"], chosen["ground_q"]], axis=1),
        ground_speed=ground_velocity / ground_wavelength[:, None],
        ground_angle=chosen["ground_angle"],
        colours=_colours(chosen),
        x=chosen["x"],
        x_speed=signed(0.05 + 0.06 * pace, "drifting-right", "drifting-left"),
        y=chosen["y"] * 0.7 - 0.35,
        angle=chosen["angle"],
        angle_speed=signed(0.016 + 0.02 * pace, "turning-clockwise", "turning-counterclockwise"),
        size=chosen["size"],
        size_speed=signed(0.026 + 0.022 * pace, "growing", "shrinking"),
    )


def _colours(chosen: dict[str, np.ndarray]) -> np.ndarray:
    """Choose a vivid shape with two tones that both contrast with a muted background; half of the clips are negatives."""
    bright = np.stack([chosen[f"bright_{c}"] for c in range(3)], axis=1) * 70.0 + 180.0
    dark = np.stack([chosen[f"dark_{c}"] for c in range(3)], axis=1) * 60.0 + 85.0
    ground = np.stack([chosen[f"ground_{c}"] for c in range(3)], axis=1) * 50.0 + 22.0
    # Lowering one channel of each tone gives the pair one of six hues.
    hue = np.floor(chosen["hue"] * 6.0).astype(np.int64)
    channel = np.arange(3)[None, :]
    bright = np.where(channel == (hue % 3)[:, None], bright - 80.0, bright)
    dark = np.where(channel == ((hue + 1 + hue // 3) % 3)[:, None], dark - 45.0, dark)
    contrast = np.broadcast_to((6.0 + 14.0 * chosen["ground_contrast"])[:, None], ground.shape)
    means = np.stack([(bright + dark) * 0.5, (bright - dark) * 0.5, ground, contrast], axis=1)
    negative = np.stack([255.0 - means[:, 0], -means[:, 1], 255.0 - means[:, 2], -means[:, 3]], axis=1)
    return np.where((chosen["polarity"] < 0.5)[:, None, None], means, negative)


def course(script: Script, num_frames: int, ring: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compute position, angle and size of the shapes, frame by frame.

    Args:
        script: the choices for ``N`` clips.
        num_frames: number of frames; the first frames do not depend on it.
        ring: width of the frame, the period of positions.

    Returns:
        Centre x in ``[0, ring)``, angle in turns and radius, each float64 ``[N, T]``.
    """
    frame = np.arange(num_frames, dtype=np.float64)[None, :]
    x = script.x[:, None] * ring + script.x_speed[:, None] * frame
    x = x - ring * np.floor(x / ring)
    angle = script.angle[:, None] + script.angle_speed[:, None] * frame
    size = script.size[:, None] + script.size_speed[:, None] * frame
    size = size - np.floor(size)
    return x, angle, SMALLEST + (LARGEST - SMALLEST) * size
