"""Estimators that store features: batching, counting, and refused input."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from vidmetrics import InputError, Moments, polynomial_mmd
from vidmetrics.catalog.facts import STATISTICS
from vidmetrics.estimators.base import KeptFeatures
from vidmetrics.estimators.extrapolation import FrechetInfinityEstimator
from vidmetrics.estimators.kernel import KernelEstimator, KernelSubsetsEstimator
from vidmetrics.estimators.manifold import DensityEstimator


def _estimator(name: str) -> type:
    file, _, cls = STATISTICS[name].estimator.partition(":")
    return getattr(importlib.import_module(f"vidmetrics.estimators.{file}"), cls)


# Every statistic that keeps features, so that a new one is tested by being in the catalog.
KEPT = {
    name: _estimator(name)
    for name, facts in STATISTICS.items()
    if facts.estimator and issubclass(_estimator(name), KeptFeatures)
}
assert len(KEPT) >= 7
RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(60, 3)).astype(np.float32)
ROWS = RNG.normal(0.4, 1, (82, 3)).astype(np.float32)


def feed(estimator, rows, *cuts):
    for part in np.split(rows, cuts):
        estimator.update(part)
    return estimator


@pytest.mark.parametrize("name", list(KEPT))
def test_batch_sizes_do_not_change_one_bit(name):
    rows = np.tile(ROWS, (13, 1)) + RNG.normal(size=(82 * 13, 3)).astype(np.float32)
    real = np.tile(REAL, (17, 1))
    moments = Moments(3)
    moments.update(real)
    results = set()
    for size in (1, 100, 5000):
        cuts = range(size, len(rows), size)
        reference = moments if name == "frechet-inf" else iter(np.split(real, cuts))
        results.add(feed(KEPT[name](3, len(rows), 1), rows, *cuts).result(reference))
    assert len(results) == 1


@pytest.mark.parametrize("name", list(KEPT))
def test_bad_input_is_refused_by_its_reason(name):
    rows = np.tile(ROWS, (13, 1))
    make = KEPT[name]
    estimator = feed(make(3, 1066, 1), rows[:-1])
    with pytest.raises(InputError, match="Expected 1066 samples but got 1065"):
        estimator.result([REAL])
    with pytest.raises(InputError, match="Expected 1066 samples but got 1067"):
        estimator.update(rows[:2])
    with pytest.raises(InputError, match="reference"):
        feed(make(3, 1066, 1), rows).result(None)
    broken = rows.copy()
    broken[600, 1] = np.nan
    with pytest.raises(InputError, match="features of sample 600 contain NaN"):
        feed(make(3, 1066, 1), broken, 256, 599)
    with pytest.raises(InputError, match="features of sample 300, frame 0, contain NaN"):
        feed(make(3, 533, 2), broken, 256, 599)
    if name != "frechet-inf":
        with pytest.raises(InputError, match="reference features of sample 600 contain NaN"):
            feed(make(3, 1066, 1), rows).result(np.split(broken, [256]))
        with pytest.raises(InputError, match="reference has 1 rows"):
            feed(make(3, 1066, 1), rows).result([REAL[:1]])


def test_too_few_samples_are_refused_and_few_have_no_interval():
    with pytest.raises(InputError, match=r"subsets of 1000 rows.*there are 998"):
        KernelSubsetsEstimator(3, 499, 2)
    with pytest.raises(InputError, match="10 rows per feature, which is 4000 samples"):
        FrechetInfinityEstimator(400, 3999)
    with pytest.raises(InputError, match="at least 2 samples, not 1"):
        feed(KernelEstimator(3, 1), ROWS[:1]).result([REAL])
    with pytest.raises(InputError, match="generated features are 5"):
        feed(DensityEstimator(3, 5), ROWS[:5]).result([REAL])
    few = feed(KernelEstimator(3, 4), ROWS[:4]).result([REAL])
    assert few.interval is None
    assert few.value == pytest.approx(polynomial_mmd(ROWS[:4], REAL), rel=1e-9)


def test_values_out_of_the_range_of_float32_are_refused():
    rows = np.ones((10, 2))
    rows[6, 1] = 1e39
    estimator = KernelEstimator(2, 10)
    with pytest.raises(InputError, match="features of sample 6 contain NaN or infinity"):
        estimator.update(rows)
