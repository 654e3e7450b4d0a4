"""Facts about each statistic: range, direction, input, estimator. Stated here and nowhere else.

A metric is a statistic of the output of a feature extractor (`vidmetrics.catalog.definitions`). Estimators, harness and
leaderboards read these records; tests/vidmetrics/catalog/test_facts.py changes each one and checks every consumer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from vidmetrics.catalog.conventions import Root

Needs = Literal["none", "moments", "features", "frames"]


@dataclass(frozen=True, kw_only=True)
class StatisticFacts:
    """Facts about one statistic.

    Attributes:
        name: the name in `MetricDefinition.statistic`.
        needs_reference: input from the real clips: nothing, their moments, their features, or the true frames of each
            predicted clip.
        higher_is_better: direction.
        lowest: lower end of the attainable range.
        highest: upper end of the attainable range.
        at_most_classes: whether the number of classes of the feature extractor is the upper end of the range.
        is_distance: whether it is a distance to the reference set; then a value better than that of held-out real clips is
            implausible.
        unbiased: whether its expectation is the same at every number of samples; an extrapolated statistic counts.
        has_growth_curve: whether it is reported against the number of samples, see `vidmetrics.estimators.growth`.
        estimator: its class in `vidmetrics.estimators`, as ``file:class``; ``""`` for a score of frames.
        frame_score: the score of single frames that it averages, a name in
            `vidmetrics.statistics.frames.FRAME_SCORES` unless a network compares the frames; ``""`` for a statistic of features.
        best_of_several: whether only the best of several predictions of a clip counts.
    """

    name: str
    needs_reference: Needs
    higher_is_better: bool
    lowest: float = -math.inf
    highest: float = math.inf
    at_most_classes: bool = False
    is_distance: bool = False
    unbiased: bool = False
    has_growth_curve: bool = False
    estimator: str = ""
    frame_score: str = ""
    best_of_several: bool = False

    def attainable_range(self, root: Root = "frechet-exact", num_classes: int | None = None) -> tuple[float, float]:
        """Return the attainable range; intervals are clipped to it.

        Args:
            root: method of the matrix square root; only the exact distance cannot be negative.
            num_classes: number of classes of the feature extractor, if known.
        """
        lowest = self.lowest if root == "frechet-exact" else -math.inf
        if self.at_most_classes and num_classes is not None:
            return lowest, min(self.highest, float(num_classes))
        return lowest, self.highest


_FACTS = (
    StatisticFacts(
        name="frechet",
        needs_reference="moments",
        higher_is_better=False,
        lowest=0.0,
        is_distance=True,
        has_growth_curve=True,
        estimator="frechet:FrechetEstimator",
    ),
    StatisticFacts(
        name="frechet-inf",
        needs_reference="moments",
        higher_is_better=False,
        is_distance=True,
        unbiased=True,
        estimator="extrapolation:FrechetInfinityEstimator",
    ),
    StatisticFacts(
        name="inception-score",
        needs_reference="none",
        higher_is_better=True,
        lowest=1.0,
        at_most_classes=True,
        has_growth_curve=True,
        estimator="inception_score:InceptionScoreEstimator",
    ),
    StatisticFacts(
        name="kernel",
        needs_reference="features",
        higher_is_better=False,
        is_distance=True,
        unbiased=True,
        has_growth_curve=True,
        estimator="kernel:KernelEstimator",
    ),
    StatisticFacts(
        name="second-moments",
        needs_reference="moments",
        higher_is_better=False,
        lowest=0.0,
        is_distance=True,
        estimator="second_moments:SecondMomentsEstimator",
    ),
    StatisticFacts(
        name="kernel-subsets",
        needs_reference="features",
        higher_is_better=False,
        is_distance=True,
        unbiased=True,
        estimator="kernel:KernelSubsetsEstimator",
    ),
    StatisticFacts(
        name="precision",
        needs_reference="features",
        higher_is_better=True,
        lowest=0.0,
        highest=1.0,
        unbiased=True,
        estimator="manifold:PrecisionEstimator",
    ),
    StatisticFacts(
        name="recall",
        needs_reference="features",
        higher_is_better=True,
        lowest=0.0,
        highest=1.0,
        estimator="manifold:RecallEstimator",
    ),
    StatisticFacts(
        name="density",
        needs_reference="features",
        higher_is_better=True,
        lowest=0.0,
        unbiased=True,
        estimator="manifold:DensityEstimator",
    ),
    StatisticFacts(
        name="coverage",
        needs_reference="features",
        higher_is_better=True,
        lowest=0.0,
        highest=1.0,
        estimator="manifold:CoverageEstimator",
    ),
    StatisticFacts(
        name="psnr",
        needs_reference="frames",
        higher_is_better=True,
        lowest=0.0,
        unbiased=True,
        frame_score="psnr",
    ),
    StatisticFacts(
        name="ssim",
        needs_reference="frames",
        higher_is_better=True,
        lowest=-1.0,
        highest=1.0,
        unbiased=True,
        frame_score="ssim",
    ),
    StatisticFacts(
        name="lpips",
        needs_reference="frames",
        higher_is_better=False,
        lowest=0.0,
        unbiased=True,
        frame_score="lpips",
    ),
    StatisticFacts(
        name="lpips-best",
        needs_reference="frames",
        higher_is_better=False,
        lowest=0.0,
        unbiased=True,
        frame_score="lpips",
        best_of_several=True,
    ),
    StatisticFacts(
        name="psnr-best",
        needs_reference="frames",
        higher_is_better=True,
        lowest=0.0,
        unbiased=True,
        frame_score="psnr",
        best_of_several=True,
    ),
    StatisticFacts(
        name="ssim-best",
        needs_reference="frames",
        higher_is_better=True,
        lowest=-1.0,
        highest=1.0,
        unbiased=True,
        frame_score="ssim",
        best_of_several=True,
    ),
)

STATISTICS: Mapping[str, StatisticFacts] = MappingProxyType({facts.name: facts for facts in _FACTS})
"""Every statistic by its name."""


def statistic_facts(name: str) -> StatisticFacts:
    """Return the facts about a statistic. Raises KeyError for an unknown one."""
    return STATISTICS[name]
