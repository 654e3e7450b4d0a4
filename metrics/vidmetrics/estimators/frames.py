"""The mean score of predicted frames over clips, with its interval."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.estimators.base import Estimate
from vidmetrics.statistics.intervals import cut, mean_interval


def estimate_mean(score: str, scores_N: npt.NDArray[Any], num_samples: int) -> Estimate:
    """Return the mean score of clips with its interval over clips, which ends where PSNR or SSIM does.

    Args:
        score: ``"psnr"`` or ``"ssim"``.
        scores_N: one score for each true clip, real ``[N]``; where one is infinite there is no interval.
        num_samples: predicted clips behind them.
    """
    interval = mean_interval(scores_N) if np.isfinite(scores_N).all() else None
    highest = math.inf if score == "psnr" else 1.0
    return Estimate(float(scores_N.mean()), cut(interval, highest=highest), num_samples, len(scores_N))
