"""A score that is too good among drawn seeds is an outlier, and an honest one is so as rarely as said."""

from __future__ import annotations

import numpy as np
import pytest

from vidbench.leaderboard.drawn_seeds import DRAWN_SEEDS, LEVEL, draw_seeds, draw_test


def test_seeds_differ_from_each_other_and_from_the_task():
    first, second = draw_seeds(0), draw_seeds(0)
    assert len({*first, *second, 0}) == 2 * DRAWN_SEEDS + 1
    assert all(0 <= seed < 2**53 for seed in first)


@pytest.mark.parametrize("higher", [False, True])
def test_an_honest_score_is_an_outlier_as_rarely_as_the_level_says(higher):
    rng = np.random.default_rng(21)
    scores = 0.6 + 0.05 * rng.standard_normal((4000, DRAWN_SEEDS + 1))
    outliers = sum(draw_test(row[0], tuple(row[1:]), higher, num_metrics=1).outlier for row in scores)
    # 40 are expected of 4,000; three standard deviations of the binomial distribution are 19.
    assert abs(outliers - 4000 * LEVEL) < 19


def test_the_probability_is_that_of_the_distribution_of_student():
    # By hand: mean 0, standard deviation 1, a score of 3 standard errors of a further draw; t with 1 degree of freedom is Cauchy's.
    drawn = (-(0.5**0.5), 0.5**0.5)
    test = draw_test(3 * 1.5**0.5, drawn, higher_is_better=True, num_metrics=2)
    assert test.statistic == pytest.approx(3)
    assert test.probability == pytest.approx(0.5 - np.arctan(3) / np.pi)
    assert test.level == LEVEL / 2


def test_only_what_is_too_good_is_an_outlier():
    drawn = tuple(0.6 + 0.01 * i for i in range(8))
    assert draw_test(0.3, drawn, higher_is_better=False, num_metrics=3).outlier
    assert not draw_test(0.3, drawn, higher_is_better=True, num_metrics=3).outlier
    assert not draw_test(0.6, drawn, higher_is_better=False, num_metrics=3).outlier
    # A model without noise: its seeds give one score.
    assert draw_test(0.3, (0.6,) * 8, higher_is_better=False, num_metrics=1).outlier
    assert not draw_test(0.6, (0.6,) * 8, higher_is_better=False, num_metrics=1).outlier
