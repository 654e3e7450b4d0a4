"""Real clips: `open_dataset` for scoring, `open_training` for learning."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vidbench.data.base import ClipDataset
from vidbench.errors import InputError
from vidbench.models.interface import TrainingClips
from vidbench.tasks.schema import Task

if TYPE_CHECKING:
    from vidbench.data.videos import VideoDataset

__all__ = ["ClipDataset", "open_dataset", "open_training", "reads_folder"]


def reads_folder(task: Task) -> bool:
    """Whether the task's clips lie in a folder of the user's, and are not embedded."""
    return task.data.dataset != "shapes"


def open_dataset(task: Task, split: str, data: Path | None, num_clips: int | None = None) -> ClipDataset:
    """Open one split of a task's data under the task's clip plan.

    Args:
        task: the protocol.
        split: which split.
        data: the data folder; None for embedded data.
        num_clips: how many clips are wanted, the first of the plan; None for all that a folder gives. Where videos are
            missing there are fewer: later clips of the plan do not take their place.

    Raises:
        InputError: the folder is needed and absent, empty, or not laid out as the task needs.
    """
    if task.data.dataset == "shapes":
        from vidbench.data.shapes import ShapesDataset

        _refuse_folder(task, data)
        clips = task.clips
        return ShapesDataset(
            split, num_clips or task.evaluation.num_samples, clips.num_frames, clips.height, clips.width
        )
    return _open_videos(task, split, data, num_clips)


def open_training(task: Task, data: Path | None, seed: int) -> TrainingClips:
    """Open the training clips of a task; see `open_dataset` for errors."""
    clips = task.clips
    if task.data.dataset == "shapes":
        from vidbench.data.shapes import ShapesTrainingClips

        _refuse_folder(task, data)
        return ShapesTrainingClips(
            task.data.train_split, num_frames=clips.num_frames, height=clips.height, width=clips.width, seed=seed
        )
    from vidbench.data.video_training import VideoTrainingClips

    return VideoTrainingClips(_open_videos(task, task.data.train_split, data, None), seed)


def _open_videos(task: Task, split: str, data: Path | None, num_clips: int | None) -> VideoDataset:
    from vidbench.data.layouts import find_listing
    from vidbench.data.videos import VideoDataset

    return VideoDataset(find_listing(task.data.dataset, _need_folder(task, data), split), task.clips, num_clips)


def _need_folder(task: Task, data: Path | None) -> Path:
    if data is None:
        raise InputError(f"The task '{task.name}' reads videos from a folder: name it with --data DIR.")
    if not data.is_dir():
        raise InputError(f"The data folder {data} does not exist: name an existing folder with --data DIR.")
    return data


def _refuse_folder(task: Task, data: Path | None) -> None:
    if data is not None:
        raise InputError(f"The task '{task.name}' uses embedded data and reads no folder: leave out --data {data}.")
