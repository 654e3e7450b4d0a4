"""PSNR and SSIM against recorded values of scikit-image, a loop over windows, and closed forms."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.oracles import frames_cases
from vidmetrics import InputError, best_of_k, mean_of_k, measure, psnr_frames, ssim_frames

TESTS = Path(__file__).resolve().parents[2]
GOLDEN = json.loads((TESTS / "golden" / "frames_skimage.json").read_text(encoding="utf-8"))["answers"]


@pytest.mark.parametrize("name", list(GOLDEN))
def test_equals_scikit_image(name):
    pair = frames_cases.make(name)
    assert psnr_frames(*pair) == pytest.approx(np.array(GOLDEN[name]["psnr"]), rel=1e-12)
    assert ssim_frames(*pair) == pytest.approx(np.array(GOLDEN[name]["ssim"]), abs=1e-12)


def ssim_by_windows(x_HWC, y_HWC):
    """Wang et al. 2004, window by window."""
    weights = [[math.exp(-(i * i + j * j) / (2 * 1.5**2)) for j in range(-5, 6)] for i in range(-5, 6)]
    weights = np.array(weights) / np.sum(weights)
    values = []
    for channel in range(3):
        for top in range(x_HWC.shape[0] - 10):
            for left in range(x_HWC.shape[1] - 10):
                x, y = (a[top : top + 11, left : left + 11, channel].astype(float) for a in (x_HWC, y_HWC))
                m_x, m_y = (weights * x).sum(), (weights * y).sum()
                s_x, s_y = (weights * (x - m_x) ** 2).sum(), (weights * (y - m_y) ** 2).sum()
                s_xy = (weights * (x - m_x) * (y - m_y)).sum()
                c_1, c_2 = 6.5025, 58.5225
                values.append((2 * m_x * m_y + c_1) * (2 * s_xy + c_2) / ((m_x**2 + m_y**2 + c_1) * (s_x + s_y + c_2)))
    return np.mean(values)


def test_equals_the_definition():
    x, y = np.random.default_rng(0).integers(0, 256, (2, 1, 2, 14, 13, 3), np.uint8)
    expected = [[ssim_by_windows(x[0, t], y[0, t]) for t in range(2)]]
    assert ssim_frames(x, y) == pytest.approx(np.array(expected), abs=1e-12)
    errors = [[np.mean((x[0, t].astype(float) - y[0, t]) ** 2) for t in range(2)]]
    assert psnr_frames(x, y) == pytest.approx(20 * np.log10(255) - 10 * np.log10(errors), rel=1e-12)


def test_closed_forms():
    black, white = np.zeros((1, 2, 16, 16, 3), np.uint8), np.full((1, 2, 16, 16, 3), 255, np.uint8)
    assert psnr_frames(black, white).tolist() == [[0, 0]]
    assert psnr_frames(black, black).tolist() == [[math.inf] * 2]
    assert ssim_frames(white, white) == pytest.approx(1, abs=1e-12)
    assert ssim_frames(black, white) == pytest.approx(6.5025 / (255**2 + 6.5025), rel=1e-9)  # C1 / (255^2 + C1)
    one_off = black.copy()
    one_off[0, 1] += 1  # uint8 differences must not wrap around
    assert psnr_frames(one_off, black)[0] == pytest.approx([math.inf, 20 * math.log10(255)])
    assert psnr_frames(black, one_off)[0] == pytest.approx([math.inf, 20 * math.log10(255)])


def test_best_and_mean_of_k():
    scores = [[1.0, 5.0, 2.0], [3.0, 4.0, 2.0]]
    assert best_of_k(scores).tolist() == [3, 5, 2]
    assert mean_of_k(scores).tolist() == [2, 4.5, 2]
    with pytest.raises(InputError, match=r"\[K, N\], not \[3\]"):
        best_of_k(scores[0])
    with pytest.raises(InputError, match="sample 1 is NaN"):
        mean_of_k([[1.0, np.nan]])


def test_measure_averages_frames_then_clips():
    rng = np.random.default_rng(1)
    true = rng.integers(0, 256, (12, 3, 16, 16, 3), np.uint8)
    predicted = np.clip(true.astype(int) + rng.integers(-30, 30, true.shape), 0, 255).astype(np.uint8)
    for id, frames in (("psnr", psnr_frames), ("ssim", ssim_frames)):
        scores = frames(true, predicted)
        estimate = measure(id, np.split(true, [5]), iter(np.split(predicted, [2, 9])))
        assert estimate.value == pytest.approx(scores.mean(), rel=1e-12)
        half = 2.2009851600829945 * scores.mean(axis=1).std(ddof=1) / np.sqrt(12)  # Student's t, 11 degrees of freedom
        assert estimate.interval == pytest.approx((scores.mean() - half, scores.mean() + half), rel=1e-9)
        assert (estimate.num_samples, estimate.num_reference) == (12, 12)
    assert measure("psnr", true, true).value == math.inf
    assert measure("psnr", true, true).interval is None


def test_bad_input_is_refused():
    clips = np.zeros((2, 3, 12, 12, 3), np.uint8)
    with pytest.raises(InputError, match="true clips are float64"):
        psnr_frames(clips.astype(float), clips)
    with pytest.raises(InputError, match=r"\[2, 2, 12, 12, 3\]"):
        ssim_frames(clips, clips[:, :2])
    with pytest.raises(InputError, match="11x11 window over a frame, and these are 12x10"):
        ssim_frames(clips[:, :, :10], clips[:, :, :10])
    with pytest.raises(InputError, match="no clips to compare"):
        measure("psnr", [], [])
