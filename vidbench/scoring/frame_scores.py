"""PSNR, SSIM and LPIPS of a task, from the scores of single frames computed by `vidbench.scoring.frame_comparison`.

If a task has several samples per context, `psnr`, `ssim` and `lpips` are their mean and `psnr-best`, `ssim-best` and `lpips-best` the
best of them, within each context (docs/metrics.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from vidbench.errors import InputError
from vidbench.scoring.features import FeatureStore
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.estimators.base import Estimate
from vidmetrics.estimators.frames import estimate_mean
from vidmetrics.estimators.jackknife_groups import ClipKeys
from vidmetrics.statistics.frames import best_of_k, mean_of_k


def estimate_frames(
    definition: MetricDefinition,
    store: FeatureStore,
    clips: range,
    per_context: int,
    frames: slice = slice(None),
) -> Estimate:
    """Compute a frame metric from complete shards; its interval is over contexts.

    Args:
        definition: the metric.
        store: complete shards of a `FrameComparison`.
        clips: range of samples; covers complete contexts.
        per_context: samples per context, which are adjacent.
        frames: which of the predicted frames; by default all.
    """
    score = definition.frame_score
    scores = np.concatenate([of_frames[:, frames].mean(axis=1) for of_frames in store.read(score, clips)])
    scores_KN = scores.reshape(-1, per_context).T
    if not definition.facts.best_of_several:
        scores_N = mean_of_k(scores_KN)
    else:  # of a distance, the lowest
        scores_N = best_of_k(scores_KN) if definition.higher_is_better else -best_of_k(-scores_KN)
    keys = ClipKeys(store.keys(clips)[::per_context])
    return estimate_mean(definition.statistic, scores_N, len(clips), keys)


def refuse_infinite(definition: MetricDefinition, store: FeatureStore, values: Iterable[float]) -> None:
    """Refuse a mean PSNR that is infinite because one frame is exact.

    Raises:
        InputError: a value is infinite; names the first sample with such a frame.
    """
    if any(map(math.isinf, values)):
        infinite_NT = np.isinf(np.concatenate(list(store.read(definition.frame_score))))
        sample, frame = (int(place) for place in np.argwhere(infinite_NT)[0])
        raise InputError(
            f"The value of '{definition.id}' is infinite, because predicted frame {frame} of sample {sample} equals the "
            f"true one in every pixel: remove '{definition.id}' from the task and use 'ssim'."
        )
