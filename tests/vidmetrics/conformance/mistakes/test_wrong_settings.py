"""Mistakes are what their titles say: settings of the network by name, distances by closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics.conformance.mistakes import MISTAKES, feature_extraction
from vidmetrics.conformance.mistakes.resizing import WRONG_RESIZERS

HALF, SHORT = WRONG_RESIZERS["half-pixel-resize"][1], WRONG_RESIZERS["short-side-crop"][1]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("batch-norm-eps-1e-5", {"batch_norm_eps": 1e-5}),
        ("range-0-1", {"scale": (1 / 255, 0.0)}),
        ("range-0-255", {"scale": (1.0, 0.0)}),
        ("half-pixel-resize", {"resizer": HALF}),
        ("batch-norm-eps-1e-5+half-pixel-resize", {"batch_norm_eps": 1e-5, "resizer": HALF}),
        ("batch-norm-eps-1e-5+short-side-crop", {"batch_norm_eps": 1e-5, "resizer": SHORT}),
        ("bgr", "swapped"),
    ],
)
def test_the_network_is_fed_what_the_title_says(monkeypatch, name, settings):
    def outputs(inputs, clips, **wrong):
        assert inputs == {"weights": 1}
        return {"logits": wrong or ("swapped" if clips.tolist() == [[3, 2, 1]] else "right")}

    monkeypatch.setattr(feature_extraction, "_outputs", outputs)
    _, features = feature_extraction._WRONG_FEATURES[name]
    assert features({"weights": 1}, np.array([[1, 2, 3]])) == settings


def answer(name, mean_a, cov_a, mean_b, cov_b):
    inputs = {
        "mean_a": np.array(mean_a),
        "cov_a": np.array(cov_a),
        "mean_b": np.array(mean_b),
        "cov_b": np.array(cov_b),
    }
    return MISTAKES[name].answers["frechet-from-moments"](inputs, {})


# Variances 4 and 9, means 2 apart: 2^2 + (3 - 2)^2 = 5, and the trace of the root is 6.
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("missing-root", 4 + 4 + 9 - 2 * 36),
        ("root-of-singular-values", 5),
        ("root-counted-once", 4 + 4 + 9 - 6),
        ("means-not-squared", 2 + 1),
        ("diagonals-alone", 5),
        ("root-of-distance", 5**0.5),
    ],
)
def test_distances_of_one_feature(name, value):
    assert answer(name, [1.0], [[4.0]], [3.0], [[9.0]]) == pytest.approx(value, rel=1e-12)


def test_distances_of_two_features():
    zero = [0.0, 0.0]
    # Without variances, the ridge alone has a root, twice for each of two features.
    assert answer("diagonal-added", zero, np.zeros((2, 2)), zero, np.zeros((2, 2))) == pytest.approx(-4e-6, rel=1e-9)
    assert answer("diagonal-added", zero, np.eye(2), [3.0, 4.0], np.eye(2)) == pytest.approx(25 - 4e-6, rel=1e-12)
    correlated = [[1.0, 0.5], [0.5, 1.0]]
    assert answer("diagonals-alone", zero, correlated, [3.0, 4.0], np.eye(2)) == pytest.approx(25, rel=1e-12)
    # Rounding makes the distance of a set to itself negative at times; its root is 0, not NaN.
    assert answer("root-of-distance", zero, correlated, zero, correlated) == pytest.approx(0, abs=1e-7)
