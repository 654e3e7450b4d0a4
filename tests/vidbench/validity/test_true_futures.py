"""True futures among predictions, and still scenes that accuse nobody."""

from __future__ import annotations

import numpy as np
import pytest

from vidbench.validity.true_futures import true_futures
from vidmetrics.statistics.frames import psnr_frames


def _clips(seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(40, 200, (16, 6, 8, 8, 3)).astype(np.uint8)


def _judged(true, predicted, last):
    return true_futures(psnr_frames(true, predicted), psnr_frames(true, np.broadcast_to(last, true.shape)))


@pytest.mark.parametrize("sigma", [0.0, 1.0, 2.0])
def test_true_futures_are_flagged_exact_or_slightly_changed(sigma):
    true, last = _clips(), _clips(1)[:, :1]
    noise = np.random.default_rng(2).normal(0, 1, true.shape)
    planted = np.clip(np.rint(true + sigma * noise), 0, 255).astype(np.uint8)
    record = _judged(true, planted, last)
    assert record.flagged
    assert record.value == 1.0
    assert ("100.0% are equal" in record.sentence) is (sigma == 0)


def test_a_poor_prediction_and_a_still_scene_are_not():
    true, last = _clips(), _clips(1)[:, :1]
    assert not _judged(true, _clips(3), last).flagged
    still = np.repeat(last, 6, axis=1)
    assert _judged(still, still, last).absent  # nothing moves, so everybody is right
    mixed, predicted = np.concatenate([still, true]), np.concatenate([still, _clips(4)])
    record = _judged(mixed, predicted, np.concatenate([last, last]))
    assert (record.flagged, record.value) == (False, 0.0)


def test_one_video_in_ten_is_enough():
    true, last = np.concatenate([_clips(5), _clips(6)]), np.concatenate([_clips(1)[:, :1]] * 2)
    predicted = np.concatenate([_clips(7), _clips(8)])
    predicted[:3] = true[:3]
    assert _judged(true, predicted, last).flagged
