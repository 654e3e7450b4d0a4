"""The mean score of predicted frames over clips, with its interval."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.facts import statistic_facts
from vidmetrics.estimators.base import Estimate, estimate_with
from vidmetrics.estimators.jackknife_groups import ClipKeys, Groups
from vidmetrics.statistics.intervals import cut, mean_interval


def estimate_mean(
    statistic: str, scores_N: npt.NDArray[Any], num_samples: int, keys: ClipKeys | None = None
) -> Estimate:
    """Return the mean score with its interval over clips, clipped to the attainable range.

    Args:
        statistic: name of a statistic of frames, e.g. ``"psnr"``.
        scores_N: one score per true clip, real ``[N]``; no interval if one is infinite.
        num_samples: number of predicted clips.
        keys: keys of the true clips, from which the groups of `Estimate.leave_one_out` are drawn; None to draw them by place.
    """
    finite = bool(np.isfinite(scores_N).all())
    interval = mean_interval(scores_N) if finite else None
    interval = cut(interval, *statistic_facts(statistic).attainable_range())
    groups = Groups.drawn(keys, len(scores_N), 20)
    left = groups.means_without(scores_N) if finite else None
    return estimate_with(groups, float(scores_N.mean()), interval, num_samples, len(scores_N), left)
