"""Kinetics-600 in the layouts that people have on disk.

::

    root/annotations/val.txt  train.txt  test.csv  kinetics600_holdout_test.csv           the CVDF mirror's lists
    root/annotations/val.csv  train.csv                                                   its incomplete lists
    root/annotations/kinetics-600_val.csv …, root/kinetics600/validate.csv …              ActivityNet's, DeepMind's
    root/val/ID_SSSSSS_EEEEEE.mp4           flat, as the mirror's archives unpack
    root/val/LABEL/ID_SSSSSS_EEEEEE.mp4     one folder per class, the label as published, with underscores for spaces,
                                            or as torchvision writes it (also without ``'``, ``(`` and ``)``)

A list decides which videos are official and what they are; without one the class folders do. The order of the classes
is that of the 600 published names, always: a list or a set of folders that lacks a class is refused, because class
numbers taken from what happens to be there would all be shifted after the gap.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from pathlib import Path

from vidbench.data.layouts.kinetics import lengths
from vidbench.data.layouts.kinetics600_lists import ListedVideo, read_list
from vidbench.data.layouts.listing import Listing, as_sources, by_name, split_folder, videos_below, visible
from vidbench.errors import InputError

SPLITS = ("train", "val", "test")
HOLDOUT = "kinetics600_holdout_test.csv"
DATASET = "kinetics-600"
# So many files beside the list are litter; more of them say that the list is not the whole.
_UNLISTED_SHARE = 0.01
_FOLDERS = ("annotations", "kinetics600", ".")
_DROPPED = re.compile(r"['\"’()]")


@cache
def class_names() -> tuple[str, ...]:
    """The 600 names in their official order; see ``kinetics600_labels.origin.md``."""
    text = (resources.files("vidbench.data.layouts") / "kinetics600_labels.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


def class_number(label: str) -> int | None:
    """Official number of a label in any of its spellings, or None for a label that is none.

    Spellings that differ in capitals, in underscores for spaces, or lack parentheses and apostrophes are one label; the
    600 names stay apart under this, also the two of "passing American football", one of which has a small letter.
    """
    return _numbers().get(_plain(label))


@cache
def _numbers() -> dict[str, int]:
    return {_plain(name): number for number, name in enumerate(class_names())}


def _plain(label: str) -> str:
    return " ".join(_DROPPED.sub("", label.replace("_", " ")).casefold().split())


def find_kinetics600(root: Path, split: str) -> Listing:
    """Read the list of a split, or take the class folders for it, and find its files.

    Args:
        root: the folder that holds the splits.
        split: ``"train"``, ``"val"`` or ``"test"``; test is without the held-out videos where their list is there.

    Raises:
        InputError: the folder holds no such split, its list is unreadable, incomplete, or lacks a class, or none of its
            videos is on disk.
    """
    if split not in SPLITS:
        raise InputError(f"Kinetics-600 has no split '{split}': name one of {', '.join(SPLITS)}.")
    folder = split_folder(root, split)
    videos = videos_below(folder)
    path = _choose_list(root, split)
    return _from_folders(root, folder, videos) if path is None else _from_list(path, split, folder, videos)


def _choose_list(root: Path, split: str) -> Path | None:
    """The most complete list there is: the mirror's ``.txt`` before ActivityNet's and DeepMind's before its ``.csv``."""
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
            if (root / folder / name).is_file():
                return root / folder / name
    return None


def _from_list(path: Path, split: str, folder: Path, videos: list[Path]) -> Listing:
    remarks = []
    entries: dict[str, ListedVideo] = {}
    again = 0
    for entry in read_list(path):
        again += entry.name in entries
        entries.setdefault(entry.name, entry)
    if again:
        remarks.append(f"The list '{path}' has {again} more lines for videos that it named before; the first counts.")
    held_out: set[str] = set()
    holdout = path.parent / HOLDOUT
    if split == "test" and holdout.is_file():
        held_out = {entry.name for entry in read_list(holdout)}
        remarks.append(f"{len(held_out & set(entries))} videos of '{path}' are held out by '{holdout}' and left out.")
    labels = {name: _label_of(entry, path) for name, entry in entries.items() if name not in held_out}
    unlabelled = [name for name, label in labels.items() if label is None]
    if len(unlabelled) not in (0, len(labels)):
        raise InputError(
            f"The list '{path}' gives no class for '{unlabelled[0]}' but for others; fetch the official list."
        )
    if not unlabelled:
        _refuse_missing_class(labels, f"The list '{path}'")
    files, duplicates = by_name((video.stem, video) for video in videos if video.stem in labels)
    if not files:
        raise InputError(
            f"None of the {len(labels)} videos listed in '{path}' is in '{folder}'; files must be named like "
            f"'{next(iter(labels), 'ID_SSSSSS_EEEEEE')}.mp4', so check --data."
        )
    unlisted = sum(video.stem not in entries and video.stem not in held_out for video in videos)
    if unlisted > _UNLISTED_SHARE * len(videos):
        raise InputError(
            f"The list '{path}' is incomplete: {unlisted} of the {len(videos)} videos in '{folder}' are not on it (the "
            f"mirror's .csv lists are known for that); put the complete '{split}.txt' beside it."
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
    )


def _from_folders(root: Path, folder: Path, videos: list[Path]) -> Listing:
    number_of: dict[Path, int] = {}
    for sub in visible(folder):
        if not sub.is_dir():
            continue
        number = class_number(sub.name)
        if number is None:
            raise InputError(f"The folder '{sub}' has the name of no class of Kinetics-600; rename or remove it.")
        number_of[sub] = number
    for video in videos:
        if video.parent == folder:
            raise InputError(
                f"The video '{video}' is in no class folder and there is no list '{root}/annotations/{folder.name}.txt', "
                "so its class is unknown; add the list or put videos into one folder per class."
            )
    files, duplicates = by_name((video.stem, video) for video in videos)
    labels: dict[str, int | None] = {name: number_of[files[name].parent] for name in sorted(files)}
    _refuse_missing_class(labels, f"There is no list, and the folder '{folder}'")
    remark = f"There is no list for '{folder}', so what is there counts as the whole and the coverage says nothing."
    return Listing(
        DATASET,
        class_names(),
        labels,
        as_sources(files),
        f"class folders of '{folder}'",
        seconds=lengths(labels),
        duplicates=duplicates,
        remarks=(remark,),
    )


def _label_of(entry: ListedVideo, path: Path) -> int | None:
    if entry.label is None:
        return None
    number = class_number(entry.label)
    if number is None:
        raise InputError(
            f"The list '{path}' has '{entry.label}' in line {entry.line}, which is no class of Kinetics-600; "
            "fetch the official list."
        )
    return number


def _refuse_missing_class(labels: dict[str, int | None], subject: str) -> None:
    missing = sorted(set(range(len(class_names()))) - set(labels.values()))
    if missing:
        names = ", ".join(f"'{class_names()[number]}'" for number in missing[:3])
        rest = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise InputError(
            f"{subject} has no video of the class {names}{rest}; class numbers follow the 600 official names, so complete "
            "it, or use the data set 'kinetics' for a subset of classes."
        )
