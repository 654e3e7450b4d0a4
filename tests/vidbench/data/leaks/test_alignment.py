"""The best shift of two videos against a search by slow loops, and what counts as the same."""

from __future__ import annotations

import numpy as np
import pytest

from tests.vidbench.data.leaks.planted import film
from vidbench.data.leaks.alignment import MOTION, PICTURES, best_match
from vidbench.data.leaks.thumbnails import Thumbnails, thumbnail


def thumbnails(clip_THWC: np.ndarray, fps: float | None = None) -> Thumbnails:
    return Thumbnails(np.stack([thumbnail(frame) for frame in clip_THWC]), fps)


def slow(a_TC: np.ndarray, b_TC: np.ndarray, shift: int) -> tuple[float, float]:
    """Pictures and motion at one shift, frame by frame."""
    pairs = [
        (a_TC[t].astype(float), b_TC[t + shift].astype(float)) for t in range(len(a_TC)) if 0 <= t + shift < len(b_TC)
    ]
    a, b = (np.stack([row - row.mean() for row in side]) for side in zip(*pairs, strict=True))
    pictures = np.mean([x @ y / np.linalg.norm(x) / np.linalg.norm(y) for x, y in zip(a, b, strict=True)])
    return pictures, np.corrcoef((a - a.mean(0)).ravel(), (b - b.mean(0)).ravel())[0, 1]


@pytest.mark.parametrize("other", [(1, 0), (0, 0)])
def test_the_measures_are_those_of_slow_loops(other):
    a, b = thumbnails(film(0, 0)[5:33]), thumbnails(film(*other))
    match = best_match(a, b)
    pictures, motion = slow(a.cells_TC, b.cells_TC, match.shift)
    np.testing.assert_allclose((match.pictures, match.motion), (pictures, motion), atol=1e-9)
    assert match.frames == min(28, 40 - match.shift) - max(0, -match.shift)
    assert match.same == (other == (0, 0) and match.shift == 5)


def test_one_room_is_not_one_video():
    match = best_match(thumbnails(film(3, 3)), thumbnails(film(4, 3)))
    # The pictures alone would say yes: it is the motion that tells them apart.
    assert not match.same
    assert match.motion < MOTION


def test_brightness_and_contrast_do_not_count():
    clip = film(0, 0)
    match = best_match(thumbnails(clip), thumbnails((clip * 0.7 + 30).astype(np.uint8)))
    assert match.same
    assert match.pictures > 0.99 > PICTURES


def test_half_of_the_shorter_video_must_be_common():
    whole = film(0, 0)
    assert best_match(thumbnails(whole[:24]), thumbnails(whole[12:36])).same
    apart = best_match(thumbnails(whole[:24]), thumbnails(whole[16:]))
    assert apart.frames >= 12
    assert not apart.same


def test_thumbnails_are_means_over_areas():
    frame = np.random.default_rng(0).integers(0, 256, (37, 50, 3), dtype=np.uint8)
    grey = frame @ np.array([0.299, 0.587, 0.114])
    rows, columns = ([length * cell // 8 for cell in range(9)] for length in (37, 50))
    means = [grey[rows[i] : rows[i + 1], columns[j] : columns[j + 1]].mean() for i in range(8) for j in range(8)]
    assert np.abs(thumbnail(frame).astype(float) - means).max() <= 0.5 + 1e-3
    assert thumbnail(frame[:4, :5]).shape == (64,)
