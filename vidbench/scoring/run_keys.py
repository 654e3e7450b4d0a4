"""The keys of the samples of a run, with what its task fixes about them: samples of one context, and labels."""

from __future__ import annotations

import numpy as np

from vidbench.scoring.features import FeatureStore
from vidbench.scoring.run import Run
from vidmetrics.estimators.jackknife_groups import ClipKeys


def run_keys(run: Run, store: FeatureStore, clips: range | None = None) -> ClipKeys:
    """Return the keys of samples of a run, from which the groups of intervals are drawn.

    Args:
        run: the run.
        store: complete shards of the samples.
        clips: range of samples, with a step for one of each context; None for all of the store.
    """
    indices = np.arange(store.num_clips) if clips is None else np.array(clips)
    # With a step, one sample of each context is there.
    together = run.task.evaluation.samples_per_context if clips is None or clips.step == 1 else 1
    return ClipKeys(store.keys(clips), together, _labels(run, indices))


def _labels(run: Run, indices: np.ndarray) -> np.ndarray | None:
    """Return the labels that the task gives samples, int64 ``[n]``; None without any, or where the data that has them is not there."""
    task, evaluation = run.task.evaluation, run.evaluation
    if task.labels == "none" or not evaluation.class_names:
        return None
    if task.labels == "balanced":
        return indices % len(evaluation.class_names)
    labels = evaluation.labels
    return None if labels is None or len(labels) <= indices.max(initial=0) else labels[indices]
