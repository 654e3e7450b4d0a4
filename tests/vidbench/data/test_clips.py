"""The clip plan: a function of names and seed only, fair, and unaffected by missing videos."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import pytest

from vidbench.data.clips import clip_frames, clip_span, clip_start, plan_order, start_draw
from vidbench.errors import InputError

NAMES = [f"video{i:03d}_000000_000010" for i in range(200)]


def test_each_video_seed_and_window_has_a_draw_of_its_own():
    draws = {start_draw(name, seed, window) for name in NAMES for seed in (3, 4) for window in range(4)}
    assert len(draws) == 1600
    assert all(0 <= draw < 2**64 for draw in draws)


def test_the_plan_is_this_one_forever():
    text = b"vidbench clip plan 1:start:0:1:abc_000001_000011"
    expected = int.from_bytes(blake2b(text, digest_size=8).digest(), "big")
    assert start_draw("abc_000001_000011", 0, 1) == expected == 12865787839027024299


def test_starts_are_uniform_and_reach_both_ends():
    draws = [start_draw(str(i), 0, 0) for i in range(4000)]
    counts = np.bincount([clip_start(draw, 20, 12, "x") for draw in draws], minlength=9)
    assert counts.size == 9
    assert np.abs(counts - 4000 / 9).max() < 100  # five standard deviations
    assert clip_start(0, 20, 12, "x") == 0
    assert clip_start(2**64 - 1, 20, 12, "x") == 8
    assert clip_start(2**64 - 1, 12, 12, "x") == 0


def test_frames_of_a_clip():
    assert clip_span(12, 2) == 23
    np.testing.assert_array_equal(clip_frames(5, 4, 3), [5, 8, 11, 14])
    assert clip_frames(5, 4, 3)[-1] == 5 + clip_span(4, 3) - 1


def test_a_short_video_is_refused_with_both_lengths():
    with pytest.raises(InputError) as caught:
        clip_start(7, 22, clip_span(12, 2), "/data/short.mp4")
    message = str(caught.value)
    assert all(part in message for part in ("/data/short.mp4", "22", "23"))
    assert "\n" not in message


def test_the_order_goes_round_by_round_through_the_videos():
    order = plan_order(NAMES, 0, 3)
    assert order.shape == (600, 2)
    np.testing.assert_array_equal(order[:, 1], np.repeat([0, 1, 2], 200))
    for number in range(3):
        assert sorted(order[order[:, 1] == number, 0]) == list(range(200))
    assert (np.diff(order[:200, 0]) < 0).any()


def test_the_order_does_not_depend_on_that_of_the_list_and_shifts_nothing():
    def named(names):
        return [(names[video], clip) for video, clip in plan_order(names, 0, 2)]

    whole = named(NAMES)
    assert named(NAMES[::-1]) == whole
    assert named(NAMES[20:]) == [entry for entry in whole if entry[0] in NAMES[20:]]
    assert [name for name, _ in plan_order(NAMES, 1, 2)] != [name for name, _ in plan_order(NAMES, 0, 2)]


def test_the_first_clips_are_a_fair_subset():
    """Names sorted by class, as lists often are: the first half must not be the first classes."""
    classes = plan_order(NAMES, 0, 1)[:100, 0] // 20
    assert np.bincount(classes, minlength=10).min() >= 4
