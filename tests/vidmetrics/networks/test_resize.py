"""TensorFlow 1's bilinear resize, against recorded answers of TensorFlow and a slow oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidmetrics import InputError
from vidmetrics.networks.resize import resize_tf1_bilinear


def test_equals_tensorflow(cases, golden):
    assert len(cases.RESIZE_CASES) >= 10
    for case in cases.RESIZE_CASES:
        assert cases.sha256_of({"frames": case.frames()}) == golden.record["inputs_sha256"][case.name]
        theirs = golden.answers[f"resize/{case.name}"]
        ours = resize_tf1_bilinear(torch.from_numpy(case.frames()), case.out_height, case.out_width).numpy()
        assert ours.shape == theirs.shape
        assert ours.dtype == np.float32
        # Values reach 256, where float32 has steps of 3e-5.
        assert np.abs(ours - theirs).max() <= 6.2e-5, case.name


def test_other_kernels_would_be_caught(cases, golden):
    for case in cases.RESIZE_CASES:
        if case.height == case.out_height or case.height == 1:
            continue
        frames = torch.from_numpy(case.frames()).permute(0, 3, 1, 2)
        for antialias in (False, True):
            other = torch.nn.functional.interpolate(
                frames, (case.out_height, case.out_width), mode="bilinear", align_corners=False, antialias=antialias
            )
            deviation = np.abs(other.permute(0, 2, 3, 1).numpy() - golden.answers[f"resize/{case.name}"]).max()
            assert deviation > 1, case.name


def test_source_position_has_no_half_pixel_shift():
    ramp_NHWC = torch.arange(4.0)[None, None, :, None]
    doubled = resize_tf1_bilinear(ramp_NHWC, 1, 8)[0, 0, :, 0]
    assert doubled.tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 3]


def test_bad_frames_are_refused():
    with pytest.raises(InputError, match="float32"):
        resize_tf1_bilinear(torch.zeros(1, 4, 4, 3, dtype=torch.uint8), 2, 2)
    with pytest.raises(InputError, match="4"):
        resize_tf1_bilinear(torch.zeros(4, 4, 3), 2, 2)
    with pytest.raises(InputError, match="2x0"):
        resize_tf1_bilinear(torch.zeros(1, 4, 4, 3), 0, 2)


@pytest.mark.parametrize(
    "frames_NHWC",
    [
        torch.zeros(1, 4, 4, 3, dtype=torch.float64),
        torch.zeros(4, 4, 3),
        torch.zeros(1, 0, 4, 3),
        torch.zeros(1, 4, 0, 3),
    ],
    ids=["float64", "three axes", "no rows", "no columns"],
)
def test_other_frames_are_refused(frames_NHWC):
    with pytest.raises(InputError, match="expects float32"):
        resize_tf1_bilinear(frames_NHWC, 2, 2)


def test_other_sizes_are_refused_and_the_smallest_is_not():
    frames = torch.ones(1, 4, 4, 3)
    for height, width in ((0, 2), (2, 0), (-1, 2)):
        with pytest.raises(InputError, match="at least 1"):
            resize_tf1_bilinear(frames, height, width)
    assert resize_tf1_bilinear(frames, 1, 1).shape == (1, 1, 1, 3)
