"""The mean score of predicted frames over clips, with its interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.facts import statistic_facts
from vidmetrics.estimators.base import Estimate
from vidmetrics.statistics.intervals import cut, mean_interval


def estimate_mean(statistic: str, scores_N: npt.NDArray[Any], num_samples: int) -> Estimate:
    """Return the mean score with its interval over clips, clipped to the attainable range.

    Args:
        statistic: name of a statistic of frames, e.g. ``"psnr"``.
        scores_N: one score per true clip, real ``[N]``; no interval if one is infinite.
        num_samples: number of predicted clips.
    """
    interval = mean_interval(scores_N) if np.isfinite(scores_N).all() else None
    interval = cut(interval, *statistic_facts(statistic).attainable_range())
    return Estimate(float(scores_N.mean()), interval, num_samples, len(scores_N))
