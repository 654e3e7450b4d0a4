"""What is recorded of each statistic against what its definition says."""

from __future__ import annotations

import math

import pytest

from vidmetrics.catalog.facts import statistic_facts

INF = math.inf
# Whether more is better, the range, and whether it is a distance, unbiased at every N, and has a curve over N.
FACTS = {
    "frechet": (False, 0, INF, "distance curve"),
    "frechet-inf": (False, -INF, INF, "distance unbiased"),
    "inception-score": (True, 1, INF, "curve"),
    "kernel": (False, -INF, INF, "distance unbiased curve"),
    "kernel-subsets": (False, -INF, INF, "distance unbiased"),
    "precision": (True, 0, 1, "unbiased"),
    "recall": (True, 0, 1, ""),
    "density": (True, 0, INF, "unbiased"),
    "coverage": (True, 0, 1, ""),
    "psnr": (True, 0, INF, "unbiased"),
    "ssim": (True, -1, 1, "unbiased"),
    "lpips": (False, 0, INF, "unbiased"),
    "lpips-best": (False, 0, INF, "unbiased best"),
    "psnr-best": (True, 0, INF, "unbiased best"),
    "ssim-best": (True, -1, 1, "unbiased best"),
}


@pytest.mark.parametrize("name", FACTS)
def test_facts(name):
    higher_is_better, lowest, highest, words = FACTS[name]
    facts = statistic_facts(name)
    assert facts.higher_is_better is higher_is_better
    assert facts.attainable_range() == (lowest, highest)
    said = {
        "distance": facts.is_distance, "unbiased": facts.unbiased, "curve": facts.has_growth_curve,
        "best": facts.best_of_several,
    }  # fmt: skip
    assert {word for word, holds in said.items() if holds} == set(words.split())
    assert set(said.values()) <= {True, False}


def test_an_inception_score_is_at_most_the_number_of_classes():
    assert statistic_facts("inception-score").attainable_range(num_classes=24) == (1, 24)
    assert statistic_facts("frechet").attainable_range(num_classes=24) == (0, INF)
    assert statistic_facts("precision").attainable_range(num_classes=24) == (0, 1)


def test_only_the_exact_root_bounds_a_distance():
    assert statistic_facts("frechet").attainable_range("float32-svd") == (-INF, INF)
