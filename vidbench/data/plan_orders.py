"""Clip plans that follow a list instead of a hash: in its order, sorted, by Python's sample, or balanced over classes.

Some of them depend on the lengths of the videos: `windows_of_video` says how.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

import numpy as np

from vidbench.tasks.schema import ClipSpec


def windows_of_video(clips: ClipSpec, num_available: int | None) -> int:
    """Return how many clips the plan takes from a video.

    Args:
        clips: how clips are planned.
        num_available: frames of the video; may be None where the plan does not depend on it.
    """
    if not clips.depends_on_lengths:
        return clips.clips_per_video
    if num_available is None:
        raise ValueError("this plan depends on the lengths of videos")
    if clips.min_frames is not None and num_available < clips.min_frames:
        return 0
    if clips.starts == "disjoint":
        return num_available // (clips.num_frames * clips.stride)
    return clips.clips_per_video


def listed_plan(
    video_ids: Sequence[str], classes: Sequence[str | None], clips: ClipSpec, windows: Sequence[int]
) -> np.ndarray:
    """Return the clips of `ClipSpec.order` ``"list"``, ``"name"`` or ``"path"``, those of a video side by side.

    Args:
        video_ids: official names of the videos, each once, in the order of the list.
        classes: name of the class of each, or None.
        clips: how clips are planned.
        windows: how many clips each video gives.

    Returns:
        int64 ``[M, 2]``: (position in ``video_ids``, clip number) of each clip.
    """
    order = list(range(len(video_ids)))
    if clips.order == "name":
        order.sort(key=lambda video: video_ids[video])
    elif clips.order == "path":
        order.sort(key=lambda video: f"{classes[video]}/{video_ids[video]}")
    chosen = order[: len(order) // clips.every * clips.every : clips.every]
    return np.array([(video, number) for video in chosen for number in range(windows[video])], np.int64).reshape(-1, 2)


def spread_plan(plan: np.ndarray, limit: int | None) -> np.ndarray:
    """Return ``limit`` rows of a plan from the first to the last at equal distances.

    Where there are too few, a video comes again, with the next clip number: a window of its own.

    Args:
        plan: int64 ``[M, 2]``.
        limit: how many; None for the whole plan.
    """
    if limit is None or not len(plan):
        return plan
    # The arithmetic of Python, whose `round` takes a half to the even number.
    rows: list[tuple[int, int]] = []
    times: Counter[int] = Counter()
    for place in range(limit):
        video = int(plan[round(place / max(1, limit - 1) * (len(plan) - 1)), 0])
        rows.append((video, times[video]))
        times[video] += 1
    return np.array(rows, np.int64).reshape(-1, 2)


def python_sample(plan: np.ndarray, seed: int, limit: int | None) -> np.ndarray:
    """Return the rows of a plan that ``random.Random(seed).sample`` draws, in its order; all of them if there are too few.

    Args:
        plan: int64 ``[M, 2]``.
        seed: seed of the generator.
        limit: how many; None for all.
    """
    count = len(plan) if limit is None else min(limit, len(plan))
    generator = Random(seed)  # published code draws so, and nothing here is secret  # nosec B311
    return plan[generator.sample(range(len(plan)), count)]


def balanced_plan(plan: np.ndarray, classes: Sequence[str | None], limit: int | None) -> np.ndarray:
    """Return the start of a plan that takes equally many clips of each class, rounded up; the others never come.

    Args:
        plan: int64 ``[M, 2]``, in the order in which clips are taken.
        classes: name of the class of each video, by position.
        limit: how many clips in all; None for the whole plan.

    Returns:
        int64 ``[limit, 2]``, in the order of ``plan``; fewer if a class has too few clips.
    """
    if limit is None:
        return plan
    class_of_clip = np.array([str(classes[video]) for video in plan[:, 0].tolist()])
    each = -(-limit // max(1, len(set(classes))))
    kept = np.zeros(len(plan), bool)
    for name in np.unique(class_of_clip):
        kept[np.flatnonzero(class_of_clip == name)[:each]] = True
    return plan[kept][:limit]
