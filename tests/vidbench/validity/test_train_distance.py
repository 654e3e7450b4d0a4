"""Copies of reference clips that were degraded are flagged by their distances, and fresh clips are not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.attacks.clips import blurred_training, fresh, held_out, training
from vidbench.validity.train_distance import LEAST, train_distance
from vidmetrics import load_network

N = 96
"""Samples and held-out clips; four of each class. There are twice as many reference clips."""


def through_jpeg(clips_NTHWC, quality=75):
    """Every frame, stored as JPEG and read again."""
    frames = clips_NTHWC.reshape(-1, *clips_NTHWC.shape[2:])
    found = []
    for frame in frames:
        stored = io.BytesIO()
        Image.fromarray(frame).save(stored, "JPEG", quality=quality)
        found.append(np.asarray(Image.open(stored)))
    return np.stack(found).reshape(clips_NTHWC.shape)


@pytest.fixture(scope="module")
def judge():
    """Return the record of clips, judged on the network's logits."""
    network = load_network("shapes")

    def logits(clips):
        return np.concatenate([network(clips[start : start + 48])["logits"] for start in range(0, len(clips), 48)])

    reference, real = logits(training(2 * N)), logits(held_out(N))
    return lambda clips: train_distance(logits(clips), lambda: [reference], lambda: [real], real, "logits")


@pytest.mark.parametrize(
    "degraded", [blurred_training, lambda count: through_jpeg(training(count))], ids=["blur", "jpeg"]
)
def test_degraded_copies_are_flagged(judge, degraded):
    clips = degraded(N)
    # No byte test sees them.
    assert (clips != training(N)).any(axis=(1, 2, 3, 4)).all()
    record = judge(clips)
    assert record.flagged
    assert record.value > 1.3 * record.against


def test_fresh_clips_are_not_flagged(judge):
    record = judge(fresh(N))
    assert not record.flagged
    assert record.value < 1.3 * record.against


def test_too_few_clips_are_not_judged():
    rows = np.zeros((LEAST - 1, 2))
    record = train_distance(rows, lambda: [rows], lambda: [rows], rows, "logits")
    assert not record.flagged
    assert f"at least {LEAST} samples" in record.absent
