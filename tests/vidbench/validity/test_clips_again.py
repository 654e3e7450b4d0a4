"""Samples that are real clips, and repeats."""

from __future__ import annotations

import numpy as np

from vidbench.validity.clips_again import copies, repeats


def _keys(*numbers):
    return np.array(numbers, np.uint64)


def test_clips_of_either_side_are_flagged():
    fresh, reference, held_out = (np.arange(start, start + 100).astype(np.uint64) for start in (0, 1000, 2000))
    assert not copies(fresh, reference, held_out).flagged
    for planted, words in (
        (reference, "100 are one of the 100 different reference"),
        (held_out, "100 are one of the 100 different held-out"),
    ):
        record = copies(planted, reference, held_out)
        assert record.flagged
        assert record.value == 1.0
        assert words in record.sentence
    one = copies(np.concatenate([fresh, reference[:1]]), reference, None)
    assert (one.flagged, one.value) == (True, 1 / 101)


def test_clips_that_both_sides_hold_and_still_clips_accuse_nobody():
    reference, held_out = _keys(*range(100)), _keys(*range(50, 150))
    assert not copies(_keys(*range(50), *range(200, 250)), reference, held_out).flagged
    samples = _keys(1, 500)
    assert copies(samples, reference, None).flagged
    assert not copies(samples, reference, None, still=np.array([True, False])).flagged


def test_without_real_clips_nothing_is_compared():
    assert copies(_keys(1), None, None).absent


def test_repeats_are_counted():
    record = repeats(_keys(1, 1, 1, 2))
    assert (record.flagged, record.value) == (True, 0.5)
    assert record.sentence.startswith("2 of 4 samples are distinct")
    assert not repeats(_keys(1, 2, 3)).flagged
    assert not repeats(_keys(1, 1, 2), real_keys=_keys(5, 5, 5, 6)).flagged


def test_equal_predictions_of_one_context_are_no_repeats_but_of_many_are():
    contexts = _keys(7, 7, 8, 8)
    assert not repeats(_keys(1, 1, 2, 2), contexts).flagged
    assert repeats(_keys(1, 1, 1, 1), contexts).flagged
