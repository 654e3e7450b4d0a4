"""The mean score of predicted frames over clips, with its interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.facts import statistic_facts
from vidmetrics.estimators.base import Estimate
from vidmetrics.statistics.intervals import cut, mean_interval


def estimate_mean(statistic: str, scores_N: npt.NDArray[Any], num_samples: int) -> Estimate:
    """Return the mean score of clips with its interval over clips, which ends where PSNR or SSIM does.

    Args:
        statistic: name of a statistic of frames, e.g. ``"psnr"``.
        scores_N: one score for each true clip, real ``[N]``; where one is infinite there is no interval.
        num_samples: predicted clips behind them.
    """
    interval = mean_interval(scores_N) if np.isfinite(scores_N).all() else None
    interval = cut(interval, *statistic_facts(statistic).attainable_range())
    return Estimate(float(scores_N.mean()), interval, num_samples, len(scores_N))
