"""The Fréchet distance of a stream against the same distance computed from all rows at once."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from vidmetrics import InputError, Moments, frechet_distance, jackknife_interval
from vidmetrics.estimators.frechet import FrechetEstimator
from vidmetrics.statistics.clip_keys import drawn_groups, groups_sha256, place_keys
from vidmetrics.statistics.tensor_moments import to_sum


def reference_of(dim, count=90):
    moments = Moments(dim)
    moments.update(np.random.default_rng(99).normal(size=(count, dim)))
    return moments


def feed(estimator, rows, *cuts):
    for part in np.split(rows, cuts):
        estimator.update(part)
    return estimator


def direct(rows, reference, ddof=1):
    covariance = reference.covariance * (reference.count - 1) / (reference.count - ddof)
    return frechet_distance(rows.mean(0), np.cov(rows, rowvar=False, ddof=ddof), reference.mean, covariance)


@pytest.mark.parametrize(("count", "groups"), [(61, 20), (600, 20), (23, 11), (6, 3)])
def test_frechet_value_and_interval(count, groups):
    rows = np.random.default_rng(count).normal(0.3, 2, (count, 5))
    reference = reference_of(5)
    estimate = feed(FrechetEstimator(5, count), rows, 1, 3, count // 2).result(reference)
    group_of_row = drawn_groups(place_keys(count), groups)
    folds = [rows[group_of_row != g] for g in range(groups)]
    low, high = jackknife_interval(direct(rows, reference), [direct(fold, reference) for fold in folds])
    assert estimate.value == pytest.approx(direct(rows, reference), rel=1e-11)
    assert estimate.interval == pytest.approx((max(low, 0), high), rel=1e-9)
    assert (estimate.num_samples, estimate.num_reference) == (count, 90)
    assert estimate.leave_one_out == pytest.approx([direct(fold, reference) for fold in folds], rel=1e-9)
    assert estimate.groups_sha256 == groups_sha256(place_keys(count), group_of_row)


def test_the_caller_may_reuse_its_buffer():
    rows = np.random.default_rng(3).normal(size=(40, 3))
    estimator, buffer = FrechetEstimator(3, 40), np.empty((1, 3))
    for row in rows:
        buffer[0] = row
        estimator.update(buffer)
    assert estimator.result(reference_of(3)) == feed(FrechetEstimator(3, 40), rows).result(reference_of(3))


def test_the_interval_of_many_features_is_that_of_matrix_roots():
    # Enough features for the way of many distances at once; the oracle is slow and has nothing in common with it.
    dim, count, groups = 150, 640, 20
    rng = np.random.default_rng(6)
    rows = rng.normal(size=(count, dim)) * np.logspace(0, -2, dim)
    reference = Moments(dim)
    reference.update(rng.normal(0.02, 1, (900, dim)) * np.logspace(0, -1.9, dim))

    def by_root(rows):
        covariance = np.cov(rows, rowvar=False)
        root = sqrtm(covariance @ reference.covariance).real
        spread = np.trace(covariance) + np.trace(reference.covariance) - 2 * np.trace(root)
        return np.square(rows.mean(0) - reference.mean).sum() + spread

    group_of_row = drawn_groups(place_keys(count), groups)
    folds = [by_root(rows[group_of_row != g]) for g in range(groups)]
    estimate = feed(FrechetEstimator(dim, count), rows, 100, 333).result(reference)
    assert estimate.value == pytest.approx(by_root(rows), rel=1e-9)
    assert estimate.interval == pytest.approx(jackknife_interval(by_root(rows), folds), rel=1e-8)


def test_the_value_alone_takes_no_folds(monkeypatch):
    rows = np.random.default_rng(7).normal(size=(100, 4))
    whole = feed(FrechetEstimator(4, 100), rows)
    expected = whole.result(reference_of(4)).value

    def refuse(*arguments):
        raise AssertionError("folds were computed")

    monkeypatch.setattr(FrechetEstimator, "_folds", refuse)
    assert whole.value(reference_of(4)) == expected


@pytest.fixture(params=["as a GPU", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))])  # fmt: skip
def device(request, monkeypatch):
    """A device on which tensors are summed: a GPU, or the processor treated as one."""
    if request.param == "cuda":
        return torch.device("cuda")
    for module in ("estimators.row_blocks", "statistics.moments"):
        monkeypatch.setattr(f"vidmetrics.{module}.WITHOUT_FLOAT64", ())
    return torch.device("cpu")


@pytest.mark.parametrize("count", [6, 61, 1200])
def test_tensors_on_a_gpu_are_summed_there_to_the_same_estimate(count, device):
    rows = np.random.default_rng(count).normal(0.3, 2, (count, 5)).astype(np.float32)
    here = feed(FrechetEstimator(5, count), rows, 1, 3, count // 2)
    there = FrechetEstimator(5, count)
    for part in np.split(rows, [1, 3, count // 2]):
        for block in to_sum([part], device):
            assert block.device == torch.empty(0, device=device).device
            there.update(block)
    assert all(group._on_devices for group in there.groups)
    expected, found = here.result(reference_of(5)), there.result(reference_of(5))
    assert found.value == pytest.approx(expected.value, rel=1e-12)
    assert found.interval == pytest.approx(expected.interval, rel=1e-9)
    again = FrechetEstimator(5, count)
    for block in to_sum(np.array_split(rows, 3), device):
        again.update(block)
    assert again.result(reference_of(5)).value == found.value  # to the bit, for other batches


def test_a_row_that_is_not_finite_is_named_on_a_gpu_too(device):
    rows = torch.zeros(1200, 5, device=device)
    rows[700, 2] = float("nan")
    with pytest.raises(InputError, match="features of sample 700 contain NaN or infinity"):
        FrechetEstimator(5, 1200).update(rows)
    assert next(iter(to_sum([np.zeros((3, 2))], None))).shape == (3, 2)
