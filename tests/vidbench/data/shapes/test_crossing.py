"""Crossing shapes: the same bytes everywhere, a slow renderer that agrees, and clips that are what their classes say."""

from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest

from vidbench.data.shapes.crossing_script import (
    CROSSING_CLASS_NAMES,
    PAIRS,
    CrossingScript,
    camera,
    shape_course,
    write_crossing_script,
)
from vidbench.data.shapes.dataset import SCENES, ShapesDataset, ShapesTrainingClips, render
from vidbench.data.shapes.script import SHAPES, TEXTURES

# sha256 of the uint8 bytes of clips start .. start + count - 1. Recorded with numpy 2.4.6 on an AMD EPYC (AVX2), Python
# 3.11; a change of any of them is a change of the dataset and needs a new CROSSING_VERSION.
GOLDEN = [
    ("train", 0, 48, 12, 64, 64, "6699f3cf821b3b396157428c88c5a26ac742b2087b4d4fe131aa1f89a718cc22"),
    ("test", 1_000_000_007, 24, 5, 45, 80, "8f87086f77774806eac01518771576cf9b87dba22c4a9df65fa2ec803d825b61"),
]


def drawn(split: str, indices: np.ndarray, num_frames: int, height: int, width: int) -> np.ndarray:
    return render(split, indices, num_frames, height, width, "shapes-crossing")[0]


@pytest.mark.parametrize(("split", "start", "count", "num_frames", "height", "width", "sha256"), GOLDEN)
def test_crossing_bytes_are_the_recorded_ones(split, start, count, num_frames, height, width, sha256):
    indices = np.arange(start, start + count)
    clips, labels = render(split, indices, num_frames, height, width, "shapes-crossing")
    assert (clips.shape, clips.dtype) == ((count, num_frames, height, width, 3), np.uint8)
    assert np.array_equal(labels, indices % 24)
    assert hashlib.sha256(clips.tobytes()).hexdigest() == sha256


def _triangle_wave(turns: float) -> float:
    return 4 * abs(turns % 1 - 0.5) - 1


def _texture(kind: int, p: float, q: float) -> float:
    name = TEXTURES[kind]
    if name == "gradient":
        return _triangle_wave(p)
    if name == "stripes":
        return max(-1, min(1, 1.8 * _triangle_wave(p)))
    if name == "checks":
        return max(-1, min(1, 2.5 * _triangle_wave(p) * _triangle_wave(q)))
    return max(-1, min(1, 1.8 * (_triangle_wave(p) + _triangle_wave(q) - 0.5)))


def _edge(kind: int, p: float, q: float) -> float:
    """Distance to the edge in radii, negative inside."""
    if SHAPES[kind] == "disc":
        return math.hypot(p, q) - 0.9
    if SHAPES[kind] == "square":
        return max(abs(p), abs(q)) - 0.8
    if SHAPES[kind] == "triangle":
        return max(abs(p) * math.sqrt(0.75) + q / 2, -q) - 0.58
    return max(max(abs(p), abs(q)) - 1, min(abs(p), abs(q)) - 0.34)


def _pixel(script: CrossingScript, n: int, t: int, row: int, column: int, height: int, width: int) -> np.ndarray:
    """One pixel of one frame with the C library's sines, in float64, painted from the back to the front."""
    unit = min(height, width)
    ring = 2 * width / unit
    x, y = (2 * column + 1) / unit, (2 * row + 1 - height) / unit
    across = script.pan[n] * t
    down = script.sway[n] * math.sin(2 * math.pi * (script.sway_phase[n] + script.sway_rate[n] * t))

    def turned(dx: float, dy: float, angle: float, scale: float) -> tuple[float, float]:
        cos, sin = math.cos(2 * math.pi * angle), math.sin(2 * math.pi * angle)
        return (dx * cos + dy * sin) / scale, (dy * cos - dx * sin) / scale

    p, q = turned(x + across / 2, y + down / 2, script.angle[n], script.wavelength[n])
    wave = _texture(script.texture[n], p + script.phase[n, 0], q + script.phase[n, 1])
    colour = script.colours[n, 0] + wave * script.colours[n, 1]
    for shape in (script.far, script.near):
        centre = (shape.x[n] * ring + shape.x_speed[n] * t - across) % ring
        dx = (x - centre + ring / 2) % ring - ring / 2
        dy = y - (shape.y[n] * height / unit - down)
        p, q = turned(dx, dy, shape.angle[n] + shape.angle_speed[n] * t, shape.radius[n])
        cover = max(0.0, min(1.0, 0.5 - _edge(shape.kind[n], p, q) * shape.radius[n] * unit / 2))
        wave = _texture(
            shape.texture[n], p / shape.wavelength[n] + shape.phase[n, 0], q / shape.wavelength[n] + shape.phase[n, 1]
        )
        colour = (1 - cover) * colour + cover * (shape.colours[n, 0] + wave * shape.colours[n, 1])
    return colour


@pytest.mark.parametrize(("height", "width"), [(64, 64), (24, 40)])
def test_a_slow_renderer_paints_the_same_pixels(height, width):
    script = write_crossing_script("test", np.arange(96))
    clips = drawn("test", np.arange(96), 12, height, width)
    rng, off = np.random.default_rng(0), []
    for n in range(96):
        for t, row, column in zip(
            rng.integers(0, 12, 8), rng.integers(0, height, 8), rng.integers(0, width, 8), strict=True
        ):
            exact = _pixel(script, n, int(t), int(row), int(column), height, width)
            off.append(np.abs(clips[n, t, row, column] - exact).max())
    assert max(off) < 0.51  # rounding to whole levels, and the float32 of the fast one
    assert np.mean(off) > 0.3


def test_a_crossing_clip_depends_on_its_index_alone_and_its_start_not_on_its_length():
    together = drawn("train", np.arange(100, 124), 4, 20, 28)
    order = np.random.default_rng(0).permutation(24)
    assert np.array_equal(drawn("train", 100 + order, 4, 20, 28), together[order])
    assert np.array_equal(drawn("train", np.array([117]), 6, 20, 28)[0, :4], together[17])
    others = [drawn("test", np.arange(100, 124), 4, 20, 28), render("train", np.arange(100, 124), 4, 20, 28)[0]]
    assert len({clip.tobytes() for clip in np.concatenate([together, *others])}) == 72
    assert drawn("train", np.arange(0), 4, 20, 28).shape == (0, 4, 20, 28, 3)


def test_the_nearer_shape_passes_over_the_farther_one_in_every_clip():
    script = write_crossing_script("train", np.arange(4800))
    across, _ = camera(script, 12)
    (near, _), (far, _) = (shape_course(shape, across, 2.0) for shape in (script.near, script.far))
    apart = np.abs((near - far + 1) % 2 - 1)
    step = np.abs(script.near.x_speed - script.far.x_speed)
    assert (apart.min(axis=1) <= step / 2 + 1e-9).all()  # at most half a step from the same place
    assert (np.abs(script.near.y - script.far.y) < 0.34 * 0.8 + 0.34 * 0.58).all()
    pairs = np.array(PAIRS)[script.label // 2]
    assert np.array_equal(np.stack([script.near.kind, script.far.kind], axis=1), pairs)
    assert np.array_equal(np.sign(script.near.x_speed), script.label % 2 * 2 - 1)
    assert np.array_equal(np.sign(script.near.x_speed - script.pan), np.sign(script.near.x_speed))
    assert len(set(CROSSING_CLASS_NAMES)) == 24
    assert CROSSING_CLASS_NAMES[3] == "disc-over-triangle-rightward"


def test_single_frames_do_not_tell_the_direction():
    """Whatever a frame shows has one distribution for both directions, and speeds are mirror images."""
    script = write_crossing_script("train", np.arange(24 * 1000))
    right = script.label % 2 == 1
    for values in (
        script.near.x, script.far.x, script.near.angle, script.near.radius, script.pan, script.sway_rate, script.sway_phase,
        np.abs(script.near.x_speed), np.abs(script.far.x_speed), script.near.angle_speed,
    ):  # fmt: skip
        a, b = np.sort(values[right]), np.sort(values[~right])
        assert np.abs(a - b).max() < 0.04 * np.ptp(values)
    for symmetric in (script.pan, script.sway_rate, script.near.angle_speed):
        assert np.abs(np.sort(symmetric) - np.sort(-symmetric)).max() < 0.04 * np.ptp(symmetric)


def test_the_crossing_dataset_is_another_than_that_of_moving_shapes():
    data = ShapesDataset("test", 30, 12, 64, 64, "shapes-crossing")
    assert (data.class_names, data.num_clips) == (CROSSING_CLASS_NAMES, 30)
    assert np.array_equal(data.read(np.array([29, 3])), drawn("test", np.array([29, 3]), 12, 64, 64))
    assert data.identity_sha256 != ShapesDataset("test", 30, 12, 64, 64).identity_sha256
    training = [
        ShapesTrainingClips("train", num_frames=2, height=8, width=8, seed=0, num_videos=48, dataset=name)
        for name in SCENES
    ]
    clips = [source.draw(0, 48)[0] for source in training]
    assert not {clip.tobytes() for clip in clips[0]} & {clip.tobytes() for clip in clips[1]}
    assert {clip.tobytes() for clip in clips[1]} == {clip.tobytes() for clip in drawn("train", np.arange(48), 2, 8, 8)}
