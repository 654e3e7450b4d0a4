"""Groups of ties among several scores, and the smallest difference that a task resolves."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.special import nctdtr, stdtrit

from vidbench.results.schema import MetricRecord
from vidbench.results.tie_groups import (
    resolution,
    resolution_sentence,
    tie_groups,
    ties_among,
    ties_sentence,
)

ROOT = Path(__file__).resolve().parents[3]


def _record(value, half=None, **more):
    interval = None if half is None else (value - half, value + half)
    fields = {"num_samples": 100, "num_reference": 100, "network": "", "floor": None, "ceiling": None}
    return MetricRecord(value=value, interval=interval, higher_is_better=False, **fields, **more)


def _with_groups(value, errors, groups="a" * 64):
    return _record(value, 1.0, leave_one_out=tuple(value + each for each in errors), groups_sha256=groups)


def test_groups_are_the_largest_without_a_difference():
    assert tie_groups(4, set()) == [(0, 1, 2, 3)]
    assert tie_groups(4, {(0, 2), (0, 3), (1, 3)}) == [(0, 1), (1, 2), (2, 3)]
    assert tie_groups(3, {(0, 1), (0, 2), (1, 2)}) == [(0,), (1,), (2,)]
    # Noise differs, so the best may be tied with the last and not with the second.
    assert tie_groups(3, {(0, 1)}) == [(0, 2), (1, 2)]


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_those_of_an_exhaustive_search(seed):
    rng = np.random.default_rng(seed)
    differing = {pair for pair in itertools.combinations(range(6), 2) if rng.random() < 0.5}
    free = [
        members
        for size in range(1, 7)
        for members in itertools.combinations(range(6), size)
        if not differing & set(itertools.combinations(members, 2))
    ]
    largest = sorted(each for each in free if not any(set(each) < set(other) for other in free))
    assert tie_groups(6, differing) == largest


def test_letters_allow_for_the_number_of_comparisons():
    # 56 ± 4 and 62 ± 4 differ alone, 6 against 5.66, and not as one of three comparisons, 6.91.
    assert ties_among([_record(56.0, 4.0), _record(62.0, 4.0)]).letters == ("a", "b")
    found = ties_among([_record(56.0, 4.0), _record(62.0, 4.0), _record(90.0, 4.0)])
    assert (found.letters, found.comparisons) == (("a", "a", "b"), 3)
    assert found.level == pytest.approx(1 - 0.05 / 3)
    assert ties_sentence(found).endswith("beyond the noise of 3 comparisons (95 % together, Bonferroni).")
    chain = ties_among([_record(value, 4.0) for value in (50.0, 56.0, 62.0)])
    assert chain.letters == ("a", "ab", "b")


def test_pairs_tell_what_independent_results_do_not():
    errors = np.linspace(-1, 1, 20)
    a, b = _with_groups(5.0, errors), _with_groups(5.2, errors + 0.01 * np.cos(np.arange(20)))
    assert ties_among([a, b]).letters == ("a", "b")
    assert ties_among([a, b.model_copy(update={"groups_sha256": "b" * 64})]).letters == ("a", "a")


def test_no_letters_without_an_interval():
    assert ties_among([_record(56.0, 4.0)]) is None
    assert ties_among([_record(56.0, 4.0), _record(62.0)]) is None
    assert resolution([_record(62.0)]) is None


def test_the_noise_of_repeats_has_the_degrees_of_freedom_of_the_runs():
    # Student's 1 - 0.05 / 6 and 0.975 quantiles with 3 degrees of freedom are 4.857 and 3.182, from a table.
    reach = 32**0.5 * 4.857 / 3.182
    for second, letters in ((56 + 0.99 * reach, ("a", "a", "b")), (56 + 1.01 * reach, ("a", "b", "c"))):
        records = [_record(value, 4.0, runs=(value,) * 4) for value in (56.0, second, 90.0)]
        assert ties_among(records).letters == letters


def test_the_smallest_difference_is_found_with_the_stated_power():
    errors = np.cos(np.arange(20))
    noisy = np.sin(np.arange(20))
    pair = [_with_groups(5.0, errors), _with_groups(5.2, errors + 0.1 * noisy)]
    found = resolution(pair)
    assert (found.paired, found.of_pairs) == (True, 1)
    error = (19 / 20 * np.square(0.1 * (noisy - noisy.mean())).sum()) ** 0.5
    # The noncentral t distribution is exact where the formula of two quantiles is not.
    power = 1 - nctdtr(19, found.difference / error, stdtrit(19, 0.975))
    assert power == pytest.approx(0.80, abs=0.01)
    alone = resolution([_record(10.0, 1.96)])
    assert (alone.paired, alone.of_pairs) == (False, 0)
    assert alone.difference == pytest.approx(2**0.5 * (1.95996 + 0.84162), rel=1e-3)
    assert resolution_sentence(alone, 10.0, 100) == (
        "Smallest difference resolved at N = 100: 3.96 (40 % of 10.00), found with 80 % power by one comparison at the 5 % level; "
        "two independent results as noisy as this one."
    )


def test_simulated_errors_are_within_the_rate_and_the_smallest_difference_is_found():
    spec = importlib.util.spec_from_file_location("tie_errors", ROOT / "tools" / "tie_errors.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    corrected, naive = tool.false_differences(5, 60, shared=True, repetitions=60)
    assert corrected <= 0.05 + 2 * (0.05 * 0.95 / 60) ** 0.5
    assert naive > corrected + 0.05
    ratio, power = tool.found_differences(0.046, 100, shared=True, repetitions=60)
    assert 0.85 < ratio < 1.15
    assert 0.6 < power < 0.95
