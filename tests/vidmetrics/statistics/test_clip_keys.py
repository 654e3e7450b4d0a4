"""Keys of clips and the groups drawn from them, against plain Python integers, and whether an order of samples can shrink an interval."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from vidmetrics import InputError, Moments
from vidmetrics.estimators.frechet import FrechetEstimator
from vidmetrics.estimators.jackknife_groups import ClipKeys
from vidmetrics.statistics.clip_keys import clip_keys, drawn_groups, drawn_order, groups_sha256, place_keys

RNG = np.random.default_rng(0)
CLIPS = RNG.integers(0, 256, (30, 2, 3, 4, 3), np.uint8)
MASK = (1 << 64) - 1


def by_hand(keys, groups, unit=1, strata=None):
    """Draw groups with integers of Python, one clip at a time."""
    salt = int.from_bytes(
        hashlib.sha256(b"".join(k.to_bytes(8, "little") for k in sorted(keys))).digest()[:8], "little"
    )
    seen, drawn = {}, []
    for place, key in enumerate(keys):
        rank = seen[key] = seen.get(key, -1) + 1
        z = ((key ^ salt) + (rank // unit + 1) * 0x9E3779B97F4A7C15) & MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        drawn.append((0 if strata is None else strata[place], z ^ (z >> 31), place))
    labels = [0] * len(keys)
    for position, (_, _, place) in enumerate(sorted(drawn)):
        labels[place] = position // unit % groups
    return labels


def test_a_key_is_the_beginning_of_a_digest():
    expected = [int(hashlib.sha256(clip.tobytes()).hexdigest()[:16], 16) for clip in CLIPS]
    assert clip_keys(CLIPS).tolist() == expected
    assert clip_keys(CLIPS.transpose(0, 1, 3, 2, 4).copy().transpose(0, 1, 3, 2, 4)).tolist() == expected
    assert clip_keys(CLIPS[:0]).tolist() == []


@pytest.mark.parametrize("unit", [1, 2, 3])
@pytest.mark.parametrize("strata", [None, np.arange(60) // 2 % 4])
def test_groups_are_those_of_plain_integers(unit, strata):
    keys = np.repeat(clip_keys(CLIPS), 2)
    keys[20:40] = keys[20]
    labels = drawn_groups(keys, 7, unit, strata)
    assert labels.tolist() == by_hand(keys.tolist(), 7, unit, strata)
    assert np.ptp(np.bincount(labels, minlength=7)) <= unit


def test_any_order_has_the_same_groups_of_clips():
    keys, strata = clip_keys(CLIPS), np.arange(30) % 4
    order = RNG.permutation(30)
    for given in (None, strata):
        labels = drawn_groups(keys, 5, 1, given)
        again = drawn_groups(keys[order], 5, 1, None if given is None else given[order])
        assert (again == labels[order]).all()
        assert groups_sha256(keys[order], again) == groups_sha256(keys, labels)
    assert (drawn_order(keys[order])[:3] == [order.tolist().index(place) for place in drawn_order(keys)[:3]]).all()
    # Which number a clip has depends on all clips, so that nobody can choose it by changing the one.
    other = keys.copy()
    other[0] += np.uint64(1)
    assert (drawn_groups(other, 5)[1:] != drawn_groups(keys, 5)[1:]).sum() > 10


def test_every_group_has_its_share_of_a_stratum_and_of_equal_clips():
    strata = np.arange(400) % 8
    labels = drawn_groups(RNG.integers(0, 1 << 63, 400).astype(np.uint64), 20, 1, strata)
    shares = np.array([np.bincount(labels[strata == s], minlength=20) for s in range(8)])
    assert set(shares.ravel()) <= {2, 3}
    same = np.zeros(400, np.uint64)
    assert set(np.bincount(drawn_groups(same, 20))) == {20}
    assert (drawn_groups(same, 20)[:20] != np.arange(20)).any()


def test_samples_of_one_context_stay_together():
    keys = np.repeat(clip_keys(CLIPS), 4)
    labels = drawn_groups(keys, 6, 4).reshape(30, 4)
    assert (labels == labels[:, :1]).all()
    assert set(np.bincount(labels[:, 0])) == {5}


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="3 clips cannot be divided into 4 groups"):
        drawn_groups(place_keys(3), 4)
    with pytest.raises(InputError, match="5 keys of clips for 6 samples"):
        FrechetEstimator(2, 6, keys=ClipKeys(place_keys(5)))


# Four classes far apart, 40 clips of each; a reference of its own.
ROWS = RNG.normal(0, 0.3, (160, 3)) + np.repeat(RNG.normal(0, 2, (4, 3)), 40, axis=0)
KEYS = RNG.integers(0, 1 << 63, 160).astype(np.uint64)
REAL = Moments(3)
REAL.update(RNG.normal(size=(500, 3)))


def half_width(order, keys=KEYS, strata=None):
    estimator = FrechetEstimator(3, 160, keys=ClipKeys(keys[order], strata=None if strata is None else strata[order]))
    estimator.update(ROWS[order])
    estimate = estimator.result(REAL)
    return estimate.value, (estimate.interval[1] - estimate.interval[0]) / 2


def orders():
    """Return orders that a submission may have: shuffled, by class, dealt out to the classes in turn, sorted by features."""
    dealt = np.argsort(np.arange(160) % 40, kind="stable")
    return {
        "shuffled": RNG.permutation(160),
        "by class": np.arange(160),
        "dealt out": dealt,
        "sorted": np.argsort(ROWS[:, 0]),
    }


def test_no_order_of_the_samples_moves_the_interval():
    strata = np.arange(160) // 40
    for given in (None, strata):
        found = [half_width(order, strata=given) for order in orders().values()]
        assert max(value for value, _ in found) == pytest.approx(min(value for value, _ in found), rel=1e-12)
        assert max(width for _, width in found) == pytest.approx(min(width for _, width in found), rel=1e-6)


def test_groups_that_are_ranges_of_the_order_fail_that_test(monkeypatch):
    monkeypatch.setattr(
        "vidmetrics.estimators.jackknife_groups.drawn_groups",
        lambda keys, groups, *_: np.arange(len(keys)) * groups // len(keys),
    )
    widths = {name: half_width(order)[1] for name, order in orders().items()}
    assert widths["dealt out"] < 0.5 * widths["shuffled"]


def test_labels_as_strata_narrow_the_interval_to_what_other_clips_of_the_same_labels_scatter():
    strata, values = np.arange(160) // 40, []
    for _ in range(200):
        rows = RNG.normal(0, 0.3, (160, 3)) + np.repeat(
            [ROWS[s * 40 : s * 40 + 40].mean(0) for s in range(4)], 40, axis=0
        )
        estimator = FrechetEstimator(3, 160)
        estimator.update(rows)
        values.append(estimator.value(REAL))
    ideal = 2.093 * np.std(values)
    assert half_width(np.arange(160), strata=strata)[1] == pytest.approx(ideal, rel=0.5)
    assert half_width(np.arange(160))[1] > 2 * ideal


def test_clips_that_are_all_the_same_have_an_interval():
    value, width = half_width(np.arange(160), np.zeros(160, np.uint64))
    assert np.isfinite([value, width]).all()
    assert width > 0
