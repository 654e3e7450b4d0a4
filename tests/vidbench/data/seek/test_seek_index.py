"""The keyframe index: time stamps packed and unpacked, and frames divided among keyframes."""

from __future__ import annotations

from itertools import pairwise

import av
import numpy as np
import pytest

from vidbench.data.seek.index import Keyframe, KeyframeIndex, frame_sha256, packed_times, stretches, unpacked_times


def index_of(*keyframes: int, frames: int = 100) -> KeyframeIndex:
    found = tuple(Keyframe(frame, frame, frame, frame, 100 * frame, 10, "0" * 16) for frame in keyframes)
    return KeyframeIndex(frames=frames, ffmpeg="", way="time", skips=False, times=None, keyframes=found)


@pytest.mark.parametrize("times", [[0], [5], [-2, 0, 2, 4], [0, 1, 2, 10, 11, 30], list(range(0, 5120, 512))])
def test_seek_times_come_back(times):
    packed = packed_times(times)
    assert packed is not None
    assert unpacked_times(packed).tolist() == times


def test_seek_times_of_a_steady_rate_take_one_pair():
    assert packed_times(range(0, 512 * 300, 512)) == (0, ((512, 299),))


@pytest.mark.parametrize("times", [[], [None], [0, None, 2], [0, 0], [0, 2, 1]])
def test_seek_times_that_do_not_name_frames_are_not_used(times):
    assert packed_times(times) is None


def test_seek_begins_at_the_last_keyframe_before_a_frame():
    index = index_of(0, 12, 24)
    assert [index.before(frame).frame for frame in (0, 11, 12, 23, 24, 99)] == [0, 0, 12, 12, 24, 24]


def test_seek_runs_hold_every_wanted_frame_once_and_behind_their_keyframe():
    random = np.random.default_rng(4)
    for _ in range(200):
        index = index_of(0, *np.unique(random.integers(8, 100, random.integers(0, 9))).tolist())
        wanted = sorted(random.integers(0, 100, random.integers(1, 30)).tolist())
        found = stretches(index, wanted)
        assert [frame for stretch in found for frame in stretch.wanted] == sorted(set(wanted))
        for stretch in found:
            assert stretch.keyframe == index.before(stretch.wanted[0])
        for before, stretch in pairwise(found):
            assert stretch.keyframe.frame > before.wanted[-1], "frames are decoded twice"


def test_seek_decodes_a_short_gap_and_jumps_over_a_long_one():
    index = index_of(0, 12, 24, 36, 48, 60)
    assert [stretch.wanted for stretch in stretches(index, [0, 1, 14, 15])] == [(0, 1), (14, 15)]
    assert [stretch.wanted for stretch in stretches(index, [8, 9, 14, 15])] == [(8, 9, 14, 15)]
    assert [stretch.keyframe.frame for stretch in stretches(index, [3, 50, 51, 70])] == [0, 48, 60]


def test_seek_digests_follow_pixels_and_what_shows_them():
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    digests = set()
    for change in ("none", "a pixel", "matrix", "range"):
        changed = pixels.copy()
        changed[3, 4, 1] ^= change == "a pixel"
        frame = av.VideoFrame.from_ndarray(changed, format="rgb24")
        frame.colorspace = 1 if change == "matrix" else 2
        frame.color_range = 2 if change == "range" else 1
        frame.pts = len(digests)
        digests.add(frame_sha256(frame))
    assert None not in digests
    assert len(digests) == 4
    assert frame_sha256(av.VideoFrame.from_ndarray(pixels, format="rgb24")) == frame_sha256(
        av.VideoFrame.from_ndarray(pixels.copy(), format="rgb24")
    )


def test_seek_digests_are_not_made_of_formats_that_are_not_unpacked():
    assert frame_sha256(av.VideoFrame(16, 16, "xyz12le")) is None
    assert frame_sha256(av.VideoFrame(16, 16, "pal8")) is None
