"""The I3D against TensorFlow running the published graph now; `make` writes the answers and names their file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

VARIABLE = "VIDBENCH_TF_ORACLE"

pytestmark = pytest.mark.skipif(
    not os.environ.get(VARIABLE),
    reason=f"{VARIABLE} does not name a file of tests/oracles/i3d_tensorflow.py (its recorded answers are tested anyway)",
)


@pytest.fixture(scope="module")
def fresh(read_oracle):
    return read_oracle(Path(os.environ[VARIABLE]))


def relative(ours, theirs):
    return np.linalg.norm(ours.astype(np.float64) - theirs) / np.linalg.norm(theirs.astype(np.float64))


def test_weights_and_inputs_are_the_same_on_both_sides(cases, fresh, golden):
    for key in ("weights_sha256", "inputs_sha256", "shapes"):
        assert fresh.record[key] == golden.record[key]
    weights = cases.seeded_weights(fresh.record["shapes"], fresh.record["weights_seed"])
    assert cases.sha256_of(weights) == fresh.record["weights_sha256"]


def test_features_agree_with_tensorflow(cases, fresh, torch_answers):
    names = [f"{output}/{case.name}" for case in cases.CLIP_CASES for output in ("logits", "pool")]
    worst = {name: relative(torch_answers[name], fresh.answers[name]) for name in names}
    assert max(worst.values()) < 1e-4, worst


def test_resize_agrees_with_tensorflow(cases, fresh):
    import torch

    from vidmetrics.networks.resize import resize_tf1_bilinear

    for case in cases.RESIZE_CASES:
        ours = resize_tf1_bilinear(torch.from_numpy(case.frames()), case.out_height, case.out_width).numpy()
        assert np.abs(ours - fresh.answers[f"resize/{case.name}"]).max() <= 1e-4, case  # values up to 256


def test_recorded_answers_are_still_what_tensorflow_says(fresh, golden):
    assert set(fresh.answers) == set(golden.answers)
    for name, answer in golden.answers.items():
        assert relative(fresh.answers[name], answer) < 1e-5, name
