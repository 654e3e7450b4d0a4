"""JEDi's distance over a stream: value and interval from features, any batches, and a statistics file."""

from __future__ import annotations

import numpy as np
import pytest

import vidmetrics
from vidmetrics import InputError, Moments, get_metric, jackknife_interval, make_estimator
from vidmetrics.estimators.few_samples import few_samples_warning
from vidmetrics.statistics.clip_keys import drawn_groups, groups_sha256, place_keys


def gram(rows):
    return rows.T @ rows / len(rows)


def direct(rows, real):
    return 100 * np.square(gram(rows) - gram(real)).sum() / rows.shape[1] ** 2


def test_value_and_interval():
    rng = np.random.default_rng(0)
    rows, real = rng.normal(0.3, 2, (611, 5)), rng.normal(size=(90, 5))
    reference = Moments(5)
    reference.update(real)
    found = []
    for sizes in ((611,), (1, 3, 300, 307)):
        estimator = make_estimator(get_metric("jedi-shapes"), 5, 611)
        for batch in np.split(rows, np.cumsum(sizes)[:-1]):
            estimator.update(batch)
        found.append(estimator.result(reference))
        assert estimator.value(reference) == found[-1].value
    assert found[0] == found[1]  # to the last bit
    groups = drawn_groups(place_keys(611), 20)
    folds = [direct(rows[groups != group], real) for group in range(20)]
    low, high = jackknife_interval(direct(rows, real), folds)
    assert found[0].value == pytest.approx(direct(rows, real), rel=1e-12)
    assert found[0].interval == pytest.approx((max(0, low), high), rel=1e-9)
    assert found[0].leave_one_out == pytest.approx(folds, rel=1e-11)
    assert found[0].groups_sha256 == groups_sha256(place_keys(611), groups)
    assert (found[0].num_samples, found[0].num_reference) == (611, 90)


def test_an_interval_ends_at_zero():
    rows = np.random.default_rng(1).normal(size=(12, 3))
    reference = Moments(3)
    reference.update(rows)
    estimator = make_estimator(get_metric("jedi-shapes"), 3, 12)
    estimator.update(rows)
    estimate = estimator.result(reference)
    assert estimate.value == pytest.approx(0, abs=1e-20)
    assert estimate.interval[0] == 0


def test_a_stream_must_be_complete_and_have_a_reference():
    estimator = make_estimator(get_metric("jedi-shapes"), 3, 4)
    with pytest.raises(InputError, match="Expected 4 samples but got 0"):
        estimator.result(Moments(3))
    estimator.update(np.ones((4, 3)))
    with pytest.raises(InputError, match="A distance to real clips needs their moments"):
        estimator.result(None)


def test_the_bias_of_gaussians_is_not_claimed():
    reference = Moments(8)
    reference.update(np.random.default_rng(2).normal(size=(40, 8)))
    assert few_samples_warning(get_metric("fvd-shapes"), reference, 4, 4, 40)
    assert few_samples_warning(get_metric("jedi-shapes"), reference, 4, 4, 40) is None


def test_statistics_of_the_real_clips_serve(tmp_path):
    real, generated = np.random.default_rng(3).integers(0, 256, (2, 9, 8, 16, 16, 3), np.uint8)
    measured = vidmetrics.metric("jedi-shapes")
    measured.update(real, real=True)
    measured.statistics().save(tmp_path / "real.safetensors")
    statistics = vidmetrics.Statistics.load(tmp_path / "real.safetensors")
    assert vidmetrics.jedi_shapes(statistics, generated) == vidmetrics.jedi_shapes(real, generated)
    pool = vidmetrics.load_network("shapes")
    rows = [np.asarray(pool(clips)["pool"], np.float64) for clips in (generated, real)]
    assert vidmetrics.jedi_shapes(real, generated) == pytest.approx(direct(*rows), rel=1e-9)
