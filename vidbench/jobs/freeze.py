"""Write the frozen list of a year from a scanned data folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidbench.data.scan.scanned import last_scan
from vidbench.data.scan.subjects import listings_of
from vidbench.errors import InputError
from vidbench.jobs.sample import refuse_existing
from vidbench.tasks import load_task
from vidbench.tasks.frozen_lists import DIGITS, FrozenList, FrozenSplit, FrozenTask, refuse_lengths, write_frozen_list
from vidbench.tasks.schema import Task


def freeze_folder(root: Path, task_name: str, year: int, path: Path, ignore: Sequence[str] = ()) -> FrozenList:
    """Write the usable videos of a folder, as its last scan found them, to a list.

    Args:
        root: the data folder.
        task_name: task name or path of a task file.
        year: year of the list.
        path: the file to write; it must not exist.
        ignore: patterns of entries of the folder to leave out, as for the scan.

    Raises:
        InputError: the task is embedded or held to a list already, the folder was not scanned for it or changed since, or less of a
            split is usable than the task requires.
    """
    refuse_existing(path, "file")
    task = load_task(task_name).task
    if task.data.frozen:
        raise InputError(f"The task '{task.name}' is held to a list already: freeze for the task before the '@'.")
    refuse_lengths(task)
    listings = listings_of(root, task, (), ignore)
    scan = last_scan(root, task)
    if scan is None:
        raise InputError(
            f"The folder '{root}' was not scanned for the task '{task.name}', and only a scan knows which videos are usable: run "
            f"`vidbench data scan {root} --task {task_name}` first."
        )
    frames = scan.frames()
    splits: dict[str, FrozenSplit] = {}
    for split, listing in listings.items():
        scan.unchanged(split, listing.sources)
        usable = {name: frames[split, name] for name in sorted(listing.sources) if (split, name) in frames}
        official = max(listing.num_official or 0, len(listing.labels))
        _refuse_incomplete(task, split, len(usable), official)
        videos = {name: (listing.labels[name], sha256[:DIGITS]) for name, sha256 in usable.items()}
        splits[split] = FrozenSplit(official=official, class_names=listing.class_names, videos=videos)
    named = FrozenTask(name=task.name, version=task.version, fingerprint=task.fingerprint)
    return write_frozen_list(
        path, FrozenList(year=year, task=named, manifest_sha256=scan.manifest_sha256, splits=splits)
    )


def _refuse_incomplete(task: Task, split: str, usable: int, official: int) -> None:
    if usable < max(1, task.data.min_coverage * official):
        raise InputError(
            f"Of split '{split}' {usable:,} of {official:,} videos are usable, and the task '{task.name}' requires "
            f"{task.data.min_coverage:.2%}: a list of fewer would be another dataset."
        )
