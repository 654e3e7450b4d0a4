"""Whether the score of a task's seed is one of those that other seeds of the same model give."""

from __future__ import annotations

import math
import os
import statistics
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

DRAWN_SEEDS = 8
LEVEL = 0.01
"""Probability that an honest result is flagged, over all metrics of its task."""

_SEED_BYTES = 6  # every reader of JSON keeps such an integer


class DrawTest(BaseModel):
    """One metric: the score of the task's seed against those of the drawn ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    statistic: float | None = Field(
        description="How much better the score is than the mean of the drawn ones, in standard errors of a further draw; null if "
        "the drawn ones are all alike."
    )
    probability: float = Field(
        description="Probability that an honest score is at least so much better: Student's t with n - 1 degrees of freedom."
    )
    level: float = Field(description="Below this probability the score is an outlier.")

    @property
    def outlier(self) -> bool:
        """Whether the score is better than chance explains."""
        return self.probability < self.level


def draw_seeds(official: int, count: int = DRAWN_SEEDS) -> tuple[int, ...]:
    """Return distinct seeds from the randomness of the operating system, none of them the task's."""
    found: dict[int, None] = {}
    while len(found) < count:
        seed = int.from_bytes(os.urandom(_SEED_BYTES), "big")
        if seed != official:
            found[seed] = None
    return tuple(found)


def draw_test(score: float, drawn: Sequence[float], higher_is_better: bool, num_metrics: int) -> DrawTest:
    """Test whether a score is a draw like the others: Student's prediction interval for one further draw, one-sided.

    The scores of one model differ by its sampling alone, and a score over many samples is near a normal distribution. Only a score
    that is too good is an outlier: a worse one gains nothing. No ranks are compared, since the best of nine is the best by chance
    once in nine.

    Args:
        score: with the task's seed.
        drawn: with the drawn seeds, at least two.
        higher_is_better: direction of the metric.
        num_metrics: metrics of the task, which share the level.
    """
    from scipy.stats import t

    level = LEVEL / num_metrics
    gain = (score - statistics.fmean(drawn)) * (1 if higher_is_better else -1)
    scatter = statistics.stdev(drawn) * math.sqrt(1 + 1 / len(drawn))
    if scatter == 0:
        return DrawTest(statistic=None, probability=0.0 if gain > 0 else 1.0, level=level)
    statistic = gain / scatter
    return DrawTest(statistic=statistic, probability=float(t.sf(statistic, len(drawn) - 1)), level=level)
