"""Kinetics-600 in its common layouts on disk.

::

    root/annotations/val.txt  train.txt  test.csv  kinetics600_holdout_test.csv           the CVDF mirror's lists
    root/annotations/val.csv  train.csv                                                   its incomplete lists
    root/annotations/kinetics-600_val.csv …, root/kinetics600/validate.csv …              ActivityNet's, DeepMind's
    root/val/ID_SSSSSS_EEEEEE.mp4           flat, as the mirror's archives unpack
    root/val/LABEL/ID_SSSSSS_EEEEEE.mp4     one folder per class, the label as published, with underscores for spaces,
                                            or as torchvision writes it (also without ``'``, ``(`` and ``)``)

A list decides which videos are official and how they are labelled; without one the class folders do. Classes are always
in the order of the 600 published names: a list or a set of folders that lacks a class is refused, because numbering the
classes that happen to be present would shift every class after the gap.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

from vidbench.data.folders.inventory import Inventory, composed, is_present
from vidbench.data.layouts.kinetics import lengths
from vidbench.data.layouts.kinetics600_lists import ListedVideo, read_list
from vidbench.data.layouts.listing import Listing, as_sources, by_name, not_listed, split_folder, videos_below
from vidbench.errors import InputError

SPLITS = ("train", "val", "test")
HOLDOUT = "kinetics600_holdout_test.csv"
DATASET = "kinetics-600"
# A few unlisted files are litter; more of them mean that the list is incomplete.
_UNLISTED_SHARE = 0.01
_FOLDERS = ("annotations", "kinetics600", ".")
_DROPPED = re.compile(r"['\"’()]")


@cache
def class_names() -> tuple[str, ...]:
    """Return the 600 names in their official order; see ``kinetics600_labels.origin.md``."""
    text = (resources.files("vidbench.data.layouts") / "kinetics600_labels.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def class_number(label: str) -> int | None:
    """Return the official number of a label in any of its spellings, or None for an unknown label.

    Spellings may differ in capitals, use underscores for spaces, or lack parentheses and apostrophes. The 600 names remain
    distinct under this, even the two for "passing American football", one in lower case.
    """
    return _numbers().get(_plain(label))


@cache
def _numbers() -> dict[str, int]:
    return {_plain(name): number for number, name in enumerate(class_names())}


def _plain(label: str) -> str:
    return " ".join(_DROPPED.sub("", label.replace("_", " ")).casefold().split())


def find_kinetics600(root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """Read the list of a split, or use the class folders as the list, and find its files.

    Args:
        root: the folder that contains the splits.
        split: ``"train"``, ``"val"`` or ``"test"``; test excludes the held-out videos if their list is present.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder has no such split, its list is unreadable, incomplete or lacks a class, none of its
            videos is on disk, or an entry should be read and cannot be.
    """
    if split not in SPLITS:
        raise InputError(f"Kinetics-600 has no split '{split}': use one of {', '.join(SPLITS)}.")
    folder = split_folder(root, split)
    videos = videos_below(folder, ignore=ignore)
    path = _choose_list(root, split)
    return _from_folders(root, folder, videos) if path is None else _from_list(path, split, folder, videos)


def _choose_list(root: Path, split: str) -> Path | None:
    """Choose the most complete list: the mirror's ``.txt``, then ActivityNet's and DeepMind's, then the mirror's ``.csv``."""
    published = "validate" if split == "val" else split
    names = [
        f"{split}.txt",
        f"kinetics-600_{split}.csv",
        f"kinetics600_{split}.csv",
        f"{published}.csv",
        f"{split}.csv",
    ]
    for name in names:
        for folder in _FOLDERS:
            if is_present(root / folder / name):
                return root / folder / name
    return None


def _from_list(path: Path, split: str, folder: Path, videos: Inventory) -> Listing:
    remarks = []
    entries: dict[str, ListedVideo] = {}
    again = 0
    for entry in read_list(path):
        again += entry.name in entries
        entries.setdefault(entry.name, entry)
    if again:
        remarks.append(f"The list '{path}' repeats videos in {again} lines; the first line of each counts.")
    held_out: set[str] = set()
    holdout = path.parent / HOLDOUT
    if split == "test" and is_present(holdout):
        held_out = {entry.name for entry in read_list(holdout)}
        remarks.append(f"{len(held_out & set(entries))} videos of '{path}' are held out by '{holdout}' and excluded.")
    labels = {name: _label_of(entry, path) for name, entry in entries.items() if name not in held_out}
    unlabelled = [name for name, label in labels.items() if label is None]
    if len(unlabelled) not in (0, len(labels)):
        raise InputError(
            f"The list '{path}' gives no class for '{unlabelled[0]}' but does for others; fetch the official list."
        )
    if not unlabelled:
        _refuse_missing_class(labels, f"The list '{path}'")
    files, duplicates = by_name((video.stem, video) for video in videos.files if video.stem in labels)
    if not files:
        raise InputError(
            f"None of the {len(labels)} videos listed in '{path}' is in '{folder}'; files must be named like "
            f"'{next(iter(labels), 'ID_SSSSSS_EEEEEE')}.mp4', so check --data."
        )
    unlisted = sum(video.stem not in entries and video.stem not in held_out for video in videos.files)
    if unlisted > _UNLISTED_SHARE * len(videos.files):
        raise InputError(
            f"The list '{path}' is incomplete: it lacks {unlisted} of the {len(videos.files)} videos in '{folder}' (as the "
            f"mirror's .csv lists do); put the complete '{split}.txt' next to it."
        )
    return Listing(
        DATASET,
        () if unlabelled else class_names(),
        labels,
        as_sources(files),
        f"list '{path}'",
        seconds=lengths(labels),
        duplicates=duplicates,
        remarks=tuple(remarks),
        unused=not_listed(videos, sum(video.stem not in labels for video in videos.files)),
    )


def _from_folders(root: Path, folder: Path, videos: Inventory) -> Listing:
    number_of: dict[Path, int] = {}
    for sub in (path for path in videos.folders if path.parent == folder):
        number = class_number(composed(sub.name))
        if number is None:
            raise InputError(f"The folder '{sub}' is not named after a class of Kinetics-600; rename or remove it.")
        number_of[sub] = number
    for video in videos.files:
        if video.parent == folder:
            raise InputError(
                f"The video '{video}' is not in a class folder and there is no list '{root}/annotations/{folder.name}.txt', "
                "so its class is unknown; add the list or put videos into one folder per class."
            )
    files, duplicates = by_name((video.stem, video) for video in videos.files)
    labels: dict[str, int | None] = {name: number_of[files[name].parent] for name in sorted(files)}
    _refuse_missing_class(labels, f"There is no list, and the folder '{folder}'")
    remark = f"There is no list for '{folder}': the files present count as the whole split, so coverage means nothing."
    return Listing(
        DATASET,
        class_names(),
        labels,
        as_sources(files),
        f"class folders of '{folder}'",
        seconds=lengths(labels),
        duplicates=duplicates,
        remarks=(remark,),
        unused=videos.unused,
    )


def _label_of(entry: ListedVideo, path: Path) -> int | None:
    if entry.label is None:
        return None
    number = class_number(entry.label)
    if number is None:
        raise InputError(
            f"The list '{path}' has '{entry.label}' in line {entry.line}, which is not a class of Kinetics-600; "
            "fetch the official list."
        )
    return number


def _refuse_missing_class(labels: dict[str, int | None], subject: str) -> None:
    missing = sorted(set(range(len(class_names()))) - set(labels.values()))
    if missing:
        names = ", ".join(f"'{class_names()[number]}'" for number in missing[:3])
        rest = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise InputError(
            f"{subject} has no video of the class {names}{rest}; class numbers follow the 600 official names, so add the "
            "missing ones, or use the dataset 'kinetics' for a subset of classes."
        )
