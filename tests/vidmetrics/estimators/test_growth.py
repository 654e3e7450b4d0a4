"""Growth curves against direct computation on the same subsets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import vidmetrics
from vidmetrics.catalog.definitions import get_metric
from vidmetrics.errors import InputError
from vidmetrics.estimators import growth
from vidmetrics.estimators.growth import NUM_SIZES, nested_levels, score_against_count
from vidmetrics.estimators.jackknife_groups import ClipKeys
from vidmetrics.estimators.registry import make_estimator
from vidmetrics.statistics.clip_keys import drawn_groups
from vidmetrics.statistics.moments import Moments

RNG = np.random.default_rng(5)
A = RNG.normal(size=(700, 6)) @ RNG.normal(size=(6, 6))
B = RNG.normal(0.3, 1.0, size=(500, 6))


def _batches(rows, size):
    return (rows[start : start + size] for start in range(0, len(rows), size))


def _moments(rows):
    moments = Moments(rows.shape[1])
    moments.update(rows)
    return moments


def test_sets_are_nested_random_and_contain_the_same_share_of_each_split():
    levels = nested_levels(1000, 4)
    counts = np.cumsum(np.bincount(levels, minlength=NUM_SIZES))
    assert counts[-1] == 1000
    np.testing.assert_allclose(counts, np.linspace(100, 1000, 8), atol=4)
    for split in range(4):
        share = np.cumsum(np.bincount(levels[split * 250 : (split + 1) * 250], minlength=NUM_SIZES))
        np.testing.assert_allclose(share, np.linspace(25, 250, 8), atol=1)
    # Drawn at random: a prefix would lose labels that follow the index.
    assert 350 < np.flatnonzero(levels == 0).mean() < 650
    np.testing.assert_array_equal(levels, nested_levels(1000, 4))


@pytest.mark.parametrize("ddof", [0, 1])
def test_frechet_curve_equals_the_distances_of_the_subsets(ddof):
    definition = replace(get_metric("fvd"), ddof=ddof)
    found = score_against_count(definition, _batches(A, 64), 6, 700, 1, _moments(B))
    levels = nested_levels(700)
    real = np.cov(B.T, ddof=definition.ddof)
    for place, (count, value) in enumerate(zip(found.counts, found.values, strict=True)):
        rows = A[levels <= place]
        assert len(rows) == count
        cov = np.cov(rows.T, ddof=definition.ddof)
        expected = vidmetrics.frechet_distance(rows.mean(0), cov, B.mean(0), real)
        assert value == pytest.approx(expected, rel=1e-9)
    assert score_against_count(definition, _batches(A, 7), 6, 700, 1, _moments(B)) == found


@pytest.mark.parametrize("id", ["fvd", "fvd-styleganv", "fvd-videogpt", "is", "is-c3d-ucf101", "kvd"])
def test_the_curve_ends_at_the_score(id):
    definition = get_metric(id)

    def reference():
        return {"moments": _moments(B), "features": iter([B]), "none": None}[definition.needs_reference]

    estimator = make_estimator(definition, 6, 700)
    estimator.update(A)
    expected = estimator.result(reference()).value
    found = score_against_count(definition, _batches(A, 64), 6, 700, 1, reference())
    assert found.counts[-1] == 700
    # `fvd-videogpt` takes its root in float32, and `kvd` stores features in float32.
    assert found.values[-1] == pytest.approx(expected, rel=1e-5 if id in ("fvd-videogpt", "kvd") else 1e-9)


def test_rows_of_a_clip_stay_together():
    found = score_against_count(get_metric("fid"), _batches(A, 50), 6, 175, 4, _moments(B))
    rows = A.reshape(175, 4, 6)[nested_levels(175) <= 2].reshape(-1, 6)
    expected = vidmetrics.frechet_distance(rows.mean(0), np.cov(rows.T), B.mean(0), np.cov(B.T))
    assert found.values[2] == pytest.approx(expected, rel=1e-9)
    assert found.counts[-1] == 175


@pytest.mark.parametrize("splits", [1, 5])
def test_score_curve_keeps_the_splits(splits):
    definition = replace(get_metric("is"), splits=splits)
    found = score_against_count(definition, _batches(A, 64), 6, 700, 1, None)
    levels = nested_levels(700, splits)
    for place, value in enumerate(found.values):
        parts = [
            A[start : start + 700 // splits][levels[start : start + 700 // splits] <= place]
            for start in range(0, 700, 700 // splits)
        ]
        expected = np.mean([vidmetrics.inception_score(part, splits=1)[0] for part in parts])
        assert value == pytest.approx(expected, rel=1e-12)
    assert found.values[-1] == pytest.approx(vidmetrics.inception_score(A, splits=splits)[0], rel=1e-12)


def test_kernel_curve_equals_the_distances_of_the_subsets_and_has_no_line(monkeypatch):
    a, b = A.astype(np.float32), B.astype(np.float32)
    found = score_against_count(get_metric("kvd"), _batches(a, 64), 6, 700, 1, _batches(b, 64))
    levels = nested_levels(700)
    expected = [vidmetrics.polynomial_mmd(a[levels <= place], b) for place in range(NUM_SIZES)]
    np.testing.assert_allclose(found.values, expected, rtol=1e-9)
    assert found.at_infinity is None
    assert "is unbiased" in found.reason
    monkeypatch.setattr(growth, "MAX_PRODUCTS", 1000)
    left_out = score_against_count(get_metric("kvd"), _batches(a, 64), 6, 700, 1, _batches(b, 64))
    assert left_out.counts == ()
    assert "is omitted above" in left_out.reason


def test_the_line_is_fitted_to_the_larger_sizes_by_least_squares():
    found = score_against_count(get_metric("fvd"), _batches(A[:300], 64), 6, 300, 1, _moments(B))
    assert found.num_fitted == sum(count >= 30 for count in found.counts)
    x, y = 1 / np.array(found.counts[-found.num_fitted :]), found.values[-found.num_fitted :]
    assert found.at_infinity == pytest.approx(np.polyfit(x, y, 1)[1], rel=1e-9)
    wide = RNG.normal(size=(300, 31))
    short = score_against_count(get_metric("fvd"), _batches(wide, 64), 31, 300, 1, _moments(RNG.normal(size=(900, 31))))
    assert len(short.values) == NUM_SIZES
    assert (short.at_infinity, short.num_fitted) == (None, 0)
    assert "310 samples" in short.reason


def test_the_extrapolation_removes_most_of_the_bias():
    rng = np.random.default_rng(11)
    truth = _moments(rng.normal(size=(200_000, 20)))
    found = score_against_count(get_metric("fvd"), _batches(rng.normal(size=(2000, 20)), 64), 20, 2000, 1, truth)
    assert found.values[0] > 5 * found.values[-1] > 0
    assert abs(found.at_infinity) < found.values[-1] / 4


def test_metrics_without_a_curve_and_wrong_counts():
    for id in ("kid", "fvd-inf", "precision", "psnr"):
        assert score_against_count(get_metric(id), iter(()), 6, 700, 1, None) is None
    assert "too few" in score_against_count(get_metric("fvd"), _batches(A[:20], 4), 6, 20, 1, _moments(B)).reason
    for rows in (A[:650], np.concatenate([A, A[:3]])):
        with pytest.raises(InputError, match="Expected 700 samples"):
            score_against_count(get_metric("fvd"), _batches(rows, 64), 6, 700, 1, _moments(B))


@pytest.mark.parametrize(
    ("width", "count", "rows", "fitted"), [(20, 200, 1, 4), (21, 210, 1, 4), (20, 400, 1, 6), (40, 100, 4, 4)]
)
def test_the_line_is_fitted_to_sizes_of_half_the_rows_that_it_needs(width, count, rows, fitted):
    features = np.random.default_rng(width).normal(size=(count * rows, width))
    found = score_against_count(get_metric("fvd"), _batches(features, 64), width, count, rows, _moments(features + 0.1))
    # Sizes from N/10 to N in seven steps; those with 5 rows per feature or more count.
    sizes = [count * (10 + 90 * step / 7) / 100 for step in range(8)]
    assert sum(size * rows >= 5 * width for size in sizes) == fitted
    assert found.num_fitted == fitted
    x, y = 1 / np.array(found.counts[-fitted:]), found.values[-fitted:]
    assert found.at_infinity == pytest.approx(np.polyfit(x, y, 1)[1], rel=1e-8)


@pytest.mark.parametrize(("id", "rows_per_sample"), [("fvd", 1), ("fid", 2), ("fvd-styleganv", 1), ("is", 1)])
def test_the_interval_at_infinity_fits_a_line_to_every_size_without_each_group(id, rows_per_sample):
    definition, count = replace(get_metric(id), splits=2 if id == "is" else None), 700 // rows_per_sample
    keys = ClipKeys(np.random.default_rng(8).integers(0, 1 << 63, count).astype(np.uint64), strata=np.arange(count) % 3)
    real = None if id == "is" else _moments(B)
    found = score_against_count(definition, _batches(A, 64), 6, count, rows_per_sample, real, keys)
    group = np.repeat(drawn_groups(keys.keys, growth.NUM_GROUPS, 1, keys.strata), rows_per_sample)
    splits = definition.splits or 1
    level = np.repeat(nested_levels(count, splits), rows_per_sample)

    def value(kept):
        if id == "is":
            return np.mean(
                [vidmetrics.inception_score(A[half][kept[half]], 1)[0] for half in np.split(np.arange(700), 2)]
            )
        one = A[kept]
        covariance = np.cov(one, rowvar=False, ddof=definition.ddof)
        target = real.covariance * (real.count - 1) / (real.count - definition.ddof)
        return vidmetrics.frechet_distance(one.mean(0), covariance, real.mean, target)

    lines = []
    for gone in range(growth.NUM_GROUPS):
        sets = [(level <= size) & (group != gone) for size in range(NUM_SIZES - found.num_fitted, NUM_SIZES)]
        inverse = [rows_per_sample / kept.sum() for kept in sets]
        lines.append(np.polyfit(inverse, [value(kept) for kept in sets], 1)[1])
    assert found.at_infinity_interval == pytest.approx(
        vidmetrics.jackknife_interval(found.at_infinity, lines), rel=1e-6
    )
    assert found.at_infinity_interval[0] < found.at_infinity < found.at_infinity_interval[1]
    again = score_against_count(definition, _batches(A, 7), 6, count, rows_per_sample, real, keys)
    assert again == found


def test_without_a_line_there_is_no_interval():
    short = score_against_count(get_metric("fvd"), _batches(A[:50], 64), 6, 50, 1, _moments(B))
    assert (short.at_infinity, short.at_infinity_interval) == (None, None)


def test_a_kernel_curve_of_another_number_of_samples_is_refused():
    for count in (650, 699, 701):
        rows = np.resize(A, (count, 6)).astype(np.float32)
        with pytest.raises(InputError, match=f"Expected 700 samples but got {count}"):
            score_against_count(get_metric("kvd"), _batches(rows, 64), 6, 700, 1, iter([B.astype(np.float32)]))


def test_a_curve_of_distances_needs_real_clips():
    with pytest.raises(InputError, match="give a reference"):
        score_against_count(get_metric("fvd"), _batches(A, 64), 6, 700, 1, None)
