"""TensorFlow's resizes of 8-bit frames: against TensorFlow's own answers, by hand, and in the task that uses them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from vidbench.data.images import fit_frames
from vidbench.data.skipping_resize import resize_skipping

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "resize_tensorflow.json").read_text(encoding="utf-8"))


def frames(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (2, height, width, 3), np.uint8)


def slow(frame_HW: np.ndarray, height: int, width: int, half_pixel: bool) -> list[list[float]]:
    """The same definition in Python's float64, pixel by pixel."""

    def place(index: int, size_in: int, size_out: int) -> tuple[int, int, float]:
        source = (index + 0.5) * size_in / size_out - 0.5 if half_pixel else index * size_in / size_out
        low = math.floor(source)
        return max(low, 0), min(low + 1, size_in - 1), source - low

    rows = []
    for row in range(height):
        top, bottom, y = place(row, frame_HW.shape[0], height)
        columns = (place(column, frame_HW.shape[1], width) for column in range(width))
        rows.append(
            [
                (1 - y) * ((1 - x) * int(frame_HW[top, a]) + x * int(frame_HW[top, b]))
                + y * ((1 - x) * int(frame_HW[bottom, a]) + x * int(frame_HW[bottom, b]))
                for a, b, x in columns
            ]
        )
    return rows


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: "-".join(map(str, case["size"])))
@pytest.mark.parametrize("kernel", ["tf1-bilinear", "tf2-bilinear"])
def test_the_levels_are_tensorflows(case, kernel):
    height_in, width_in, height, width = case["size"]
    resized = resize_skipping(frames(height_in, width_in, case["seed"]), height, width, kernel)
    assert resized.dtype == np.uint8
    np.testing.assert_array_equal(resized.ravel(), case[kernel])


@pytest.mark.parametrize("kernel", ["tf1-bilinear", "tf2-bilinear"])
@pytest.mark.parametrize("size", [(7, 5, 3, 4), (6, 8, 9, 11), (16, 20, 8, 10)], ids=str)
def test_the_levels_are_those_of_the_definition(kernel, size):
    height_in, width_in, height, width = size
    image = frames(height_in, width_in)
    got = resize_skipping(image, height, width, kernel)[1, :, :, 2]
    exact = np.array(slow(image[1, :, :, 2], height, width, kernel == "tf2-bilinear"))
    if kernel == "tf2-bilinear":  # truncated, but for float32's rounding just below a whole level
        assert ((got - exact <= 1e-4) & (got - exact > -1 - 1e-4)).all()
    else:
        assert np.abs(got - exact).max() <= 0.5 + 1e-4


def test_halving_as_tensorflow_1_takes_every_second_pixel():
    image = frames(128, 128)
    np.testing.assert_array_equal(fit_frames(image, 64, 64, "tf1-bilinear", "none"), image[:, ::2, ::2])
    blocks = image.reshape(2, 64, 2, 64, 2, 3).astype(int).sum((2, 4)) // 4
    np.testing.assert_array_equal(fit_frames(image, 64, 64, "tf2-bilinear", "none"), blocks)
