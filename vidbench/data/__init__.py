"""Real clips: `open_reference` and `open_evaluation` for scoring, `open_training` for training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vidbench.data.clip_dataset import ClipDataset
from vidbench.data.contexts import SampleContexts
from vidbench.errors import InputError, MissingSplitError
from vidbench.models.interface import TrainingClips
from vidbench.tasks.schema import ClipSpec, Task

if TYPE_CHECKING:
    from vidbench.data.videos import VideoDataset

__all__ = ["ClipDataset", "check_data_folder", "open_evaluation", "open_reference", "open_split", "open_training"]


def open_reference(task: Task, data: Path | None, ignore: Sequence[str] = ()) -> ClipDataset:
    """Open the reference set of a task, under its own clip plan.

    Args:
        task: the protocol.
        data: the data folder; None for embedded data.
        ignore: patterns of entries of the folder to leave out; see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder is required and missing, empty, or not in the task's layout, or an entry of it should be
            read and cannot be.
    """
    wanted = task.reference.num_clips
    limit = None if wanted == "all" else wanted
    try:
        return _open_clips(task, task.data.reference_split, data, limit, task.reference_clips, ignore)
    except MissingSplitError as error:
        instead = (
            "or give its statistics with --reference FILE, which `vidbench data statistics` writes where the videos are"
        )
        raise InputError(_in_the_words_of(task, "from which it takes the reference set", error, instead)) from None


def open_evaluation(
    task: Task, data: Path | None, num_samples: int | None = None, ignore: Sequence[str] = ()
) -> ClipDataset:
    """Open the held-out clips of a task, one entry per sample.

    Args:
        task: the protocol.
        data: the data folder; None for embedded data.
        num_samples: samples of one run; None for the task's number. Missing videos may leave fewer entries.
        ignore: patterns of entries of the folder to leave out; see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: as `open_reference`.
    """
    count = task.evaluation.num_samples if num_samples is None else num_samples
    per_context, repeats = task.evaluation.samples_per_context, task.evaluation.repeats
    clips = open_split(task, task.data.evaluation_split, data, -(-count // per_context), ignore)
    if per_context == repeats == 1:
        return clips
    return SampleContexts(clips, count, per_context, repeats)


def open_split(
    task: Task, split: str, data: Path | None, num_clips: int | None = None, ignore: Sequence[str] = ()
) -> ClipDataset:
    """Open any split of a task's data under the clip plan of `clips`, each clip once.

    Args:
        task: the protocol.
        split: which split.
        data: the data folder; None for embedded data.
        num_clips: how many clips to take from the start of the plan; None for all. Missing videos leave fewer: later
            clips of the plan do not replace theirs.
        ignore: patterns of entries of the folder to leave out; see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder is required and missing, empty, or not in the task's layout, or its files changed since
            it was scanned.
    """
    try:
        return _open_clips(task, split, data, num_clips, task.clips, ignore)
    except MissingSplitError as error:
        trains = split != task.data.evaluation_split
        role = "on whose clips models train" if trains else "from which it takes the held-out clips"
        raise InputError(_in_the_words_of(task, role, error)) from None


def check_data_folder(task: Task, data: Path | None) -> None:
    """Refuse a data folder that is required and missing, or named for embedded data, without looking into it.

    Raises:
        InputError: says which.
    """
    if task.data.embedded:
        _refuse_folder(task, data)
    else:
        _need_folder(task, data)


def open_training(
    task: Task, data: Path | None, seed: int, ignore: Sequence[str] = (), *, split: ClipDataset | None = None
) -> TrainingClips:
    """Open the training clips of a task.

    Args:
        task: the protocol.
        data: the data folder; None for embedded data.
        seed: seed of the training run.
        ignore: patterns of entries of the folder to leave out; see `vidbench.data.folders.inventory.matching_patterns`.
        split: the training split as `open_split` returned it, so that a file which changed since it was hashed is refused;
            None opens it here.

    Raises:
        InputError: as `open_reference`, or a file has changed.
    """
    clips = task.clips
    if task.data.embedded:
        from vidbench.data.shapes.dataset import ShapesTrainingClips

        _refuse_folder(task, data)
        return ShapesTrainingClips(
            task.data.train_split, num_frames=clips.num_frames, height=clips.height, width=clips.width, seed=seed,
            dataset=task.data.dataset,
        )  # fmt: skip
    from vidbench.data.video_training import VideoTrainingClips
    from vidbench.data.videos import VideoDataset

    # Training uses whole videos of the split, not its clip plan.
    opened = (
        split if isinstance(split, VideoDataset) else _open_videos(task, task.data.train_split, data, 1, clips, ignore)
    )
    return VideoTrainingClips(opened, seed)


def _open_clips(
    task: Task, split: str, data: Path | None, num_clips: int | None, clips: ClipSpec, ignore: Sequence[str]
) -> ClipDataset:
    if not task.data.embedded:
        return _open_videos(task, split, data, num_clips, clips, ignore)
    from vidbench.data.shapes.dataset import ShapesDataset

    _refuse_folder(task, data)
    count = num_clips or task.evaluation.num_samples
    return ShapesDataset(split, count, clips.num_frames, clips.height, clips.width, task.data.dataset)


def _open_videos(
    task: Task, split: str, data: Path | None, num_clips: int | None, clips: ClipSpec, ignore: Sequence[str]
) -> VideoDataset:
    from vidbench.data.frozen import frames_of, held_listing, with_frames_of
    from vidbench.data.layouts import find_listing
    from vidbench.data.layouts.listing import with_pixels
    from vidbench.data.scan.scanned import last_scan
    from vidbench.data.videos import VideoDataset
    from vidbench.tasks.frozen_lists import list_of

    root = _need_folder(task, data)
    frozen = list_of(task.data)
    listing = held_listing(find_listing(task.data.dataset, root, split, ignore), split, frozen)
    listing = with_pixels(listing, clips.pixels)
    scan = last_scan(root, task)
    sources = listing.sources
    if frozen is not None and split in frozen.splits:
        if scan is None:
            raise InputError(
                f"The task '{task.name}' is held to the frames on a list, and only a scan compares them with those of '{root}': run "
                f"`vidbench data scan {root} --task TASK` first, with the --output of an earlier scan to decode nothing again."
            )
        listing = with_frames_of(listing, split, frozen, scan.frames())
    dataset = VideoDataset(listing if scan is None else scan.indexed(split, listing), clips, num_clips)
    dataset.advise(f"like every other that `vidbench data scan {root} --task TASK` lists in problems.csv")
    if scan is not None:
        dataset.vouch(scan.manifest_sha256, scan.unchanged(split, sources))
    if frozen is not None and split in frozen.splits:
        dataset.hold_to(frames_of(frozen, split))
    return dataset


def _in_the_words_of(task: Task, role: str, error: MissingSplitError, instead: str = "") -> str:
    """Return the sentence about a missing split, with what the task takes from it and what else would do."""
    more = f", {instead}" if instead else ""
    return (
        f"{error.fact}, the split of the task '{task.name}' {role}: put its videos in '{error.folder}', name another folder "
        f"with --data DIR{more}."
    )


def _need_folder(task: Task, data: Path | None) -> Path:
    if data is None:
        raise InputError(f"The task '{task.name}' reads videos from a folder: name it with --data DIR.")
    if not data.is_dir():
        raise InputError(f"The data folder {data} does not exist: name an existing folder with --data DIR.")
    return data


def _refuse_folder(task: Task, data: Path | None) -> None:
    if data is not None:
        raise InputError(f"The task '{task.name}' uses embedded data and reads no folder: omit --data {data}.")
