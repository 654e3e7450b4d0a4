"""The videos that a scan examines: those of the official lists that are on disk, each with the clips a task cuts from it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidbench.data.frozen import held_listing
from vidbench.data.layouts import find_listing
from vidbench.data.layouts.frame_files import source_state
from vidbench.data.layouts.listing import Listing, with_pixels
from vidbench.data.scan.examination import Subject
from vidbench.errors import InputError, MissingSplitError
from vidbench.tasks.frozen_lists import list_of
from vidbench.tasks.schema import ClipSpec, Task

_UNORDERED = {"draw": "once", "order": "seed", "every": 1, "spread": False}


def task_splits(task: Task) -> tuple[str, ...]:
    """Return the splits that a task uses, each once."""
    data = task.data
    return tuple(dict.fromkeys((data.train_split, data.reference_split, data.evaluation_split)))


def listings_of(root: Path, task: Task | None, splits: Sequence[str], ignore: Sequence[str] = ()) -> dict[str, Listing]:
    """List the splits of a data folder: the given ones, or all that the task uses.

    Args:
        root: the data folder.
        task: decides the layout; None for any folder of videos.
        splits: names of splits, or none.
        ignore: patterns of entries of the folder to leave out; see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder is not in the layout of the task, the task reads no folder, or an entry should be read and
            cannot be.
    """
    if task is None:
        return {split: find_listing("folder", root, split, ignore) for split in splits or ("all",)}
    if task.data.embedded:
        raise InputError(f"The task '{task.name}' uses embedded data: there is no folder to scan.")
    frozen = list_of(task.data)
    try:
        return {
            split: with_pixels(
                held_listing(find_listing(task.data.dataset, root, split, ignore), split, frozen), task.clips.pixels
            )
            for split in splits or task_splits(task)
        }
    except MissingSplitError as error:
        there = [split for split in task_splits(task) if (root / split).is_dir()]
        if splits or not there:
            raise
        chosen = " ".join(f"--split {split}" for split in there)
        raise InputError(
            f"{error.fact}, which the task '{task.name}' reads: put its videos in '{error.folder}', or scan what is there with {chosen}."
        ) from None


def subjects_of(split: str, listing: Listing, task: Task | None) -> list[Subject]:
    """Return the listed videos that are on disk, by name."""
    subjects, plans = [], clip_plans(split, task)
    for name in sorted(listing.sources):
        source, label = listing.sources[name], listing.labels[name]
        size, date, _ = source_state(source)
        subject = Subject(
            split=split,
            video_id=name,
            label=None if label is None else listing.class_names[label],
            source=source,
            seconds=(listing.seconds or {}).get(name),
            plans=plans,
            file_bytes=size,
            file_time=date,
            actions=listing.actions.get(name),
        )
        subjects.append(subject)
    return subjects


def clip_plans(split: str, task: Task | None) -> tuple[ClipSpec, ...]:
    """Return the clip plans of a split: the one of `clips`, and that of the reference set where it differs."""
    if task is None:
        return ()
    # How often a plan draws a video, and in which order, is no property of the file.
    clips, own = (plan.model_copy(update=_UNORDERED) for plan in (task.clips, task.reference_clips))
    fewer = clips.starts == "uniform" and clips.crop != "three" and own.clips_per_video <= clips.clips_per_video
    same = own == clips or (fewer and own.model_copy(update={"clips_per_video": clips.clips_per_video}) == clips)
    return (clips,) if same or split != task.data.reference_split else (clips, own)
