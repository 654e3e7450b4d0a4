"""Find the videos that two sides share, and note it for the results of a scanned task."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vidbench.ahead import num_cores
from vidbench.data.leaks.overlap_notes import remember_overlap
from vidbench.data.leaks.search import Depth, SharedBetween, find_shared
from vidbench.data.leaks.sides import Side, side_of_path, side_of_split
from vidbench.data.scan.scanned import last_scan
from vidbench.data.scan.subjects import listings_of
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.results.schema import OverlapRecord
from vidbench.tasks import load_task
from vidbench.tasks.schema import Task


@dataclass(frozen=True)
class SharedVideos:
    """The outcome of a search.

    Attributes:
        overlap: what was found.
        manifest_sha256: hash of the scan's manifest under which results find it; None if it was not noted.
        why_not_noted: why, as a sentence; None if it was, or without a task.
    """

    overlap: SharedBetween
    manifest_sha256: str | None = None
    why_not_noted: str | None = None


def shared_of_paths(
    a: Path, b: Path, depth: Depth, workers: int | None, progress: Progress, ignore: Sequence[str] = ()
) -> SharedVideos:
    """Compare two folders of videos, or lists of names.

    Raises:
        InputError: one is neither, or both are the same folder.
    """
    if os.path.realpath(a) == os.path.realpath(b):
        raise InputError(f"'{a}' and '{b}' are the same: give two, or the splits of a task with --task.")
    sides = side_of_path(a, ignore), side_of_path(b, ignore)
    return SharedVideos(find_shared(*sides, depth, workers or num_cores(), progress))


def shared_of_task(
    task_name: str,
    a: Path,
    b: Path | None,
    depth: Depth,
    workers: int | None,
    progress: Progress,
    ignore: Sequence[str] = (),
) -> SharedVideos:
    """Compare the training split of a task with the split of its held-out clips.

    Args:
        task_name: task name or path of a task file.
        a: data folder of the training split.
        b: data folder of the held-out clips; None for the same one, whose scan lets results say what was found.
        depth: how far to go.
        workers: number of processes that decode; None for one per core.
        progress: where progress is shown.
        ignore: patterns of entries of the folders to leave out.

    Raises:
        InputError: the folder is not in the layout of the task, or both splits are one.
    """
    task = load_task(task_name).task
    training, held_out = task.data.train_split, task.data.evaluation_split
    if b is None and training == held_out:
        raise InputError(
            f"The task '{task.name}' trains and holds out clips of one split, '{training}', so that every video is on both sides: "
            "choose a task with two, or give a second folder."
        )
    if task.data.embedded:
        raise InputError(
            f"The task '{task.name}' uses embedded data: there are no folders to compare, and its splits have nothing in common."
        )
    scan = last_scan(a, task) if b is None else None
    sides: list[Side] = []
    for root, split in ((a, training), (b or a, held_out)):
        listing = listings_of(root, task, (split,), ignore)[split]
        sides.append(side_of_split(split, listing, scan))
    overlap = find_shared(sides[0], sides[1], depth, workers or num_cores(), progress)
    if scan is None:
        return SharedVideos(overlap, None, _not_noted(task, a, b))
    record = OverlapRecord(
        searched=depth,
        training=overlap.counts[0],
        held_out=overlap.counts[1],
        shared=overlap.num_shared[1],
        kinds={str(kind): count for kind, count in overlap.counted().items()},
        not_compared=len(overlap.not_compared),
    )
    remember_overlap(scan.manifest_sha256, record)
    return SharedVideos(overlap, scan.manifest_sha256)


def _not_noted(task: Task, a: Path, b: Path | None) -> str:
    if b is not None:
        return "Results do not say that this was checked: the splits are in two folders, and a scan is of one."
    return (
        f"Results do not say that this was checked: the folder '{a}' was not scanned for the task '{task.name}', and only a scan names "
        "both splits by their frames (`vidbench data scan`)."
    )
