"""Scores under weak noise."""

from __future__ import annotations

import numpy as np

from vidbench.validity.under_noise import LEVELS, SHARE, noisy_clips, under_noise


def test_the_noise_is_what_it_says_and_depends_on_the_key_alone():
    clips = np.full((3, 4, 16, 16, 3), 128, np.uint8)
    keys = np.array([1, 2, 2**63 + 5], np.uint64)
    noisy = noisy_clips(clips, keys, first_frame=1)
    for level in LEVELS:
        added = noisy[level].astype(float) - 128
        assert not added[:, 0].any()  # a context frame
        # Rounding to whole values adds 1/12 to the variance.
        np.testing.assert_allclose(added[:, 1:].std(), (level**2 + 1 / 12) ** 0.5, rtol=0.05)
        alone = noisy_clips(clips[2:], keys[2:], first_frame=1)[level]
        np.testing.assert_array_equal(alone, noisy[level][2:])
    assert (noisy[1][0] != noisy[1][1]).any()


def test_values_are_cut_and_not_wrapped():
    black, white = (np.full((1, 1, 32, 32, 3), value, np.uint8) for value in (0, 255))
    keys = np.array([9], np.uint64)
    assert noisy_clips(black, keys)[4].max() < 40
    assert noisy_clips(white, keys)[4].min() > 215


def _scores(*values):
    return dict(zip((0, *LEVELS), values, strict=True))


def test_a_score_that_noise_destroys_is_flagged():
    honest = under_noise("fvd", _scores(2.0, 2.1, 2.2, 2.5), _scores(0.2, 0.2, 0.2, 0.3), 300.0, 512)
    assert not honest.flagged
    assert honest.threshold == SHARE + honest.against
    brittle = under_noise("fvd", _scores(11.0, 20.0, 35.0, 60.0), _scores(0.2, 0.2, 0.2, 0.3), 300.0, 512)
    assert brittle.flagged
    assert brittle.value == (60.0 - 11.0) / 300.0


def test_a_rise_that_an_honest_predictor_has_is_no_flag():
    # DVD-GAN-FP on shapes-pred (docs/validity.md): 0.36 % of the scale.
    rise = under_noise("fvd", _scores(12.63, 12.67, 12.70, 12.84), _scores(0.93, 0.93, 0.95, 0.97), 56.52, 512)
    assert rise.value == (12.84 - 12.63) / 56.52
    assert not rise.flagged


def test_what_noise_does_to_real_clips_too_is_no_flag():
    assert not under_noise("fvd", _scores(11.0, 12.0, 20.0, 40.0), _scores(1.0, 2.0, 8.0, 31.0), 300.0, 512).flagged
