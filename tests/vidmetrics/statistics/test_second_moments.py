"""JEDi's distance against its authors' function on scikit-learn, against sums over all pairs, and what it cannot see."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.oracles import jedi_cases
from vidmetrics import InputError, Moments, second_moment_distance

TESTS = Path(__file__).resolve().parents[2]
GOLDEN = json.loads((TESTS / "golden" / "jedi_kernel.json").read_text(encoding="utf-8"))


def moments_of(rows):
    moments = Moments(rows.shape[1])
    moments.update(rows)
    return moments


def distance(first, second):
    return second_moment_distance(moments_of(first), moments_of(second))


def all_pairs(first, second):
    """The definition: every row with every row, itself included."""

    def mean(a, b):
        return np.mean([[(np.dot(x, y) / len(x)) ** 2 for y in b] for x in a])

    return 100 * (mean(first, first) + mean(second, second) - 2 * mean(first, second))


@pytest.mark.parametrize("name", GOLDEN["answers"])
def test_equals_the_authors_function(name):
    case = jedi_cases.KERNEL_CASES[name]
    assert case.seed == GOLDEN["seeds"][name]
    found, answers = distance(*jedi_cases.kernel_rows(case)), GOLDEN["answers"][name]
    # In fractions it is exact; the authors' means of products near 1e12 lose digits where features have a large offset.
    assert found == pytest.approx(answers["scikit-learn"], rel=1e-9 if name == "offset" else 1e-12)
    if answers["fractions"] is not None:
        assert found == pytest.approx(answers["fractions"], rel=1e-12)


def test_equals_the_sum_over_all_pairs():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(13, 5)), rng.normal(0.4, 1.5, (9, 5))
    assert distance(first, second) == pytest.approx(all_pairs(first, second), rel=1e-12)
    # The mistakes that a port may make, each far outside that tolerance.
    unscaled, with_constant = (
        25 * distance(first, second),
        all_pairs(np.c_[first, np.ones(13)], np.c_[second, np.ones(9)]),
    )
    assert abs(unscaled / distance(first, second) - 1) > 0.1
    assert abs(with_constant / distance(first, second) - 1) > 0.1


def test_sees_second_moments_alone():
    rng = np.random.default_rng(1)
    rows = rng.normal(0.5, 1, (60, 4))
    assert distance(rows, -rows) == 0  # the Fréchet distance of these is about 4
    # A mean of 0.6 with a standard deviation of 0.8 has the second moment of a mean of 0 with one of 1.
    standard = rng.normal(size=(4000, 1))
    standard = (standard - standard.mean()) / standard.std()
    assert distance(standard, 0.6 + 0.8 * standard) == pytest.approx(0, abs=1e-25)
    assert distance(standard, 0.6 + standard) == pytest.approx(100 * 0.36**2, rel=1e-12)


def test_merged_moments_have_the_same_distance():
    rng = np.random.default_rng(2)
    first, second = rng.normal(size=(50, 6)), moments_of(rng.normal(0.1, 1, (40, 6)))
    merged = moments_of(first[:20])
    merged.merge(moments_of(first[20:]))
    assert second_moment_distance(merged, second) == pytest.approx(
        second_moment_distance(moments_of(first), second), rel=1e-12
    )


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="of 2 and of 3 features"):
        distance(np.zeros((4, 2)), np.zeros((4, 3)))
    with pytest.raises(InputError, match="at least 2 samples, not 1"):
        distance(np.zeros((1, 2)), np.zeros((4, 2)))
