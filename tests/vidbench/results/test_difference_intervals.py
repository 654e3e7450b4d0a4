"""Intervals of a difference: of pairs over the same contexts, and of independent results."""

from __future__ import annotations

import copy
import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from vidbench.results.comparison import compare_results
from vidbench.results.difference_intervals import difference_interval, interval_of_difference
from vidbench.results.schema import Result

ROOT = Path(__file__).resolve().parents[3]


def _result(document):
    return Result.model_validate(document)


def test_symmetric_intervals_combine_as_variances_do():
    low, high = difference_interval(10.0, (7.0, 13.0), 20.0, (16.0, 24.0))
    assert (low, high) == pytest.approx((5.0, 15.0))


def test_a_lopsided_interval_gives_its_own_arm_to_each_side():
    # The interval of a is 0 (the end of the metric's range) to 5 and b is exact: b - a extends 1 up and 4 down.
    assert difference_interval(1.0, (0.0, 5.0), 10.0, (10.0, 10.0)) == pytest.approx((5.0, 10.0))
    assert difference_interval(10.0, (10.0, 10.0), 1.0, (0.0, 5.0)) == pytest.approx((-10.0, -5.0))


def test_the_interval_covers_the_true_difference():
    rng = np.random.default_rng(0)
    # Means of 40 draws from skewed and from normal data, each with its own 95 % confidence interval.
    a = rng.exponential(3.0, (4000, 40))
    b = rng.normal(5.0, 2.0, (4000, 40))

    def interval(x):
        half = 1.96 * x.std(1, ddof=1) / np.sqrt(x.shape[1])
        return x.mean(1) - half, x.mean(1) + half

    (a_low, a_high), (b_low, b_high) = interval(a), interval(b)
    covered = 0
    for i in range(len(a)):
        low, high = difference_interval(a[i].mean(), (a_low[i], a_high[i]), b[i].mean(), (b_low[i], b_high[i]))
        covered += low <= 2.0 <= high
    assert 0.93 < covered / len(a) < 0.965


def _with_groups(document, values, groups, value):
    document["metrics"]["fvd-shapes"] |= {"value": value, "leave_one_out": values, "groups_sha256": groups}
    return document


def test_the_same_contexts_are_compared_in_pairs(result_document):
    other = copy.deepcopy(result_document)
    # Both go up and down together by 9; their difference is 1, 0.9 or 1.1.
    a = _with_groups(result_document, [47.0, 56.0, 65.0], "a" * 64, 56.0)
    b = _with_groups(other, [48.0, 56.9, 66.1], "a" * 64, 57.0)
    (fvd, fid, _) = compare_results(_result(a), _result(b)).differences
    half = 4.302652729911275 * (2 / 3 * (0.1**2 + 0.1**2)) ** 0.5  # Student's 0.975 quantile with 2 degrees of freedom
    assert fvd.paired
    assert fvd.interval == pytest.approx((1 - half, 1 + half))
    assert (fvd.exceeds_noise, fvd.better) == (True, "a")
    assert not fid.paired


@pytest.mark.parametrize(
    ("values", "groups"),
    [([48.0, 56.9, 66.1], "b" * 64), ([48.0, 66.1], "a" * 64), (None, "a" * 64), ([1.0] * 3, None)],
)
def test_other_contexts_make_no_pairs(result_document, values, groups):
    other = copy.deepcopy(result_document)
    a = _with_groups(result_document, [47.0, 56.0, 65.0], "a" * 64, 56.0)
    b = _with_groups(other, values, groups, 57.0)
    fvd = compare_results(_result(a), _result(b)).differences[0]
    assert not fvd.paired
    assert fvd.interval == pytest.approx((1 - 41**0.5, 1 + 25**0.5))  # that of independent results


def test_pairs_cover_the_true_difference_at_less_than_half_the_width():
    spec = importlib.util.spec_from_file_location("difference_coverage", ROOT / "tools" / "difference_coverage.py")
    tool = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = tool  # dataclasses look their module up
    spec.loader.exec_module(tool)
    shared = tool.simulate(100, shared=True, repetitions=60)
    assert shared["paired"].coverage >= 0.95 - 3 * (0.95 * 0.05 / 60) ** 0.5
    assert shared["paired"].width < 0.5 * shared["independent"].width
    assert set(tool.simulate(100, shared=False, repetitions=3)) == {"independent"}


def test_a_higher_level_stretches_each_kind_of_interval_by_students_quantiles(result_document):
    other = copy.deepcopy(result_document)
    a = _result(_with_groups(result_document, [47.0, 56.0, 65.0], "a" * 64, 56.0)).metrics["fvd-shapes"]
    b = _result(_with_groups(other, [48.0, 56.9, 66.1], "a" * 64, 57.0)).metrics["fvd-shapes"]
    usual, paired = interval_of_difference(a, b)
    wide, _ = interval_of_difference(a, b, 0.99)
    # Student's quantiles with 2 degrees of freedom for 99 % and 95 %, from a table.
    assert paired
    assert (wide[1] - wide[0]) / (usual[1] - usual[0]) == pytest.approx(9.925 / 4.303, rel=1e-3)
    lone = b.model_copy(update={"leave_one_out": None, "groups_sha256": None})
    usual, paired = interval_of_difference(lone, lone)
    wide, _ = interval_of_difference(lone, lone, 0.99)
    assert not paired
    assert (wide[1] - wide[0]) / (usual[1] - usual[0]) == pytest.approx(2.5758 / 1.9600, rel=1e-4)
