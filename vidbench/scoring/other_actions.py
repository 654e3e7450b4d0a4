"""The same samples with the actions of other clips: a model that ignores its actions scores the same with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from vidbench.kinds import BOUND_NAMES
from vidbench.scoring.clip_sources import ClipSource, ModelSource
from vidbench.scoring.run import Run
from vidbench.scoring.seeds import sample_seeds


def with_other_actions(run: Run, source: ClipSource, name: str) -> ModelSource | None:
    """Return the samples of a model with the actions of other clips.

    None for clips on disk, for tasks without actions, and for the trivial models, which look at no action. Sample i has the
    same seed, label and context frames as in the score, so only its actions differ.

    Args:
        run: the run.
        source: its samples.
        name: name of the model.
    """
    if not run.task.data.actions or not isinstance(source, ModelSource) or name in BOUND_NAMES:
        return None
    per_context = run.task.evaluation.samples_per_context
    return replace(source, actions_of=other_clips(run.num_samples, per_context, run.task.evaluation.repeats))


def other_clips(num_samples: int, per_context: int, repeats: int) -> np.ndarray:
    """Return for each sample one of another clip, int64 ``[num_samples * repeats]``: the clips are handed on around a ring.

    The order of the ring is hashed and the same everywhere; with a single clip, samples keep their own actions.

    Args:
        num_samples: samples of one run.
        per_context: consecutive samples of one clip.
        repeats: number of runs, which have the same clips.
    """
    clips = num_samples // per_context
    ring = np.argsort(sample_seeds(clips, np.arange(clips)), kind="stable")
    other = np.empty(clips, dtype=np.int64)
    other[ring] = np.roll(ring, 1)
    of_run = other.repeat(per_context) * per_context + np.tile(np.arange(per_context), clips)
    return np.concatenate([of_run + run * num_samples for run in range(repeats)])
