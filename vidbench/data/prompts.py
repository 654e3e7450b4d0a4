"""The text that each sample of a task is generated from: a caption of the held-out clip that the sample belongs to."""

from __future__ import annotations

import numpy as np

from vidbench.data.clip_dataset import ClipDataset
from vidbench.errors import InputError
from vidbench.files import digest
from vidbench.tasks.schema import Task


def sample_prompts(task: Task, indices: np.ndarray, evaluation: ClipDataset) -> tuple[str, ...] | None:
    """Return the prompts of samples, ``N`` strings, or None if the task gives no text.

    A drawn caption is decided by the task's seed and the name of the clip, so that it is the same in every batch and on every
    machine, however many samples are requested.

    Args:
        task: the protocol.
        indices: int64 ``[N]``, the samples.
        evaluation: the held-out clips, sample i belonging to clip i.

    Raises:
        InputError: the data says nothing of one of these videos.
    """
    if task.evaluation.prompts == "none":
        return None
    captions, names = evaluation.captions(indices), evaluation.clip_ids(indices)
    silent = next((name for name, of_clip in zip(names, captions, strict=True) if not of_clip), None)
    if silent is not None:
        raise InputError(
            f"The task '{task.name}' generates from captions, and the data of the split '{task.data.evaluation_split}' has none "
            f"for the clip '{silent}': fetch the captions of the dataset again."
        )
    if task.evaluation.prompts == "first":
        return tuple(of_clip[0] for of_clip in captions)
    seed = task.evaluation.seed
    return tuple(
        of_clip[int(digest([seed, name])[:16], 16) % len(of_clip)]
        for name, of_clip in zip(names, captions, strict=True)
    )
