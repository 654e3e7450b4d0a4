"""Labels that clips do not show."""

from __future__ import annotations

import numpy as np

from vidbench.validity.label_agreement import label_agreement

LABELS = np.arange(240) % 8


def _logits(classes, certainty=6.0, noise=0.0):
    random = noise * np.random.default_rng(0).normal(size=(len(classes), 8))
    return certainty * np.eye(8)[classes] + random


REAL = _logits(LABELS)


def test_clips_shuffled_across_labels_are_flagged():
    shuffled = np.random.default_rng(1).permutation(LABELS)
    record = label_agreement(_logits(shuffled), LABELS, REAL, LABELS)
    assert record.flagged
    assert record.value == np.mean(shuffled == LABELS)
    assert (record.against, record.threshold) == (1.0, 0.5)
    honest = label_agreement(_logits(LABELS, noise=2.0), LABELS, REAL, LABELS)
    assert not honest.flagged


def test_clips_that_show_nothing_are_not_judged():
    unsure = label_agreement(_logits(LABELS[::-1], certainty=0.1), LABELS, REAL, LABELS)
    assert "recognises a class in 0 samples only" in unsure.absent


def test_a_network_that_does_not_know_the_real_clips_is_not_asked():
    assert label_agreement(REAL, LABELS, _logits((LABELS + 1) % 8), LABELS).absent
    assert label_agreement(REAL, LABELS, _logits(LABELS, certainty=0.1), LABELS).absent


def test_large_logits_do_not_overflow():
    record = label_agreement(1000 * REAL, LABELS, 1000 * REAL, LABELS)
    assert (record.value, record.flagged) == (1.0, False)
