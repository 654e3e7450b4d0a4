"""UCF-101 as published.

::

    root/…/classInd.txt                          "1 ApplyEyeMakeup": class numbers start at 1 here, at 0 in vidbench
    root/…/trainlist01.txt … trainlist03.txt     "ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi 1"
    root/…/testlist01.txt … testlist03.txt       "ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi", without a number
    root/…/ApplyEyeMakeup/v_ApplyEyeMakeup_g08_c01.avi

The splits are ``train01`` to ``test03``, and ``all`` for train and test list 01 together, which name every video once. The
class is the folder in the list: some file names spell their class with other capitals.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from vidbench.data.folders.inventory import composed, is_present
from vidbench.data.layouts.listing import (
    Listing,
    as_sources,
    by_name,
    find_videos,
    not_listed,
    quoted,
    refuse_cell,
    visible,
)
from vidbench.errors import InputError
from vidmetrics.regular_files import read_regular

NUM_CLASSES = 101
SPLITS = ("all", *(f"{part}{number:02d}" for part in ("train", "test") for number in (1, 2, 3)))
_ENTRY = re.compile(r"(?P<label>[^/\\\s]+)[/\\](?P<name>v_[^/\\\s]+_g\d+_c\d+)\.\w+(\s+(?P<number>[0-9]{1,9}))?")
_DEPTH = 3
_LISTS = frozenset(
    {"classInd.txt", *(f"{part}list{number:02d}.txt" for part in ("train", "test") for number in (1, 2, 3))}
)


def find_ucf101(root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """Read the lists of a split and find its videos, with any video suffix.

    Args:
        root: the folder that contains the lists and the class folders, directly or in sub-folders.
        split: one of `SPLITS`.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: there is no such split, a list is missing or contradicts another, none of its videos is on disk, or an entry
            should be read and cannot be.
    """
    if split not in SPLITS:
        raise InputError(f"UCF-101 has no split '{split}': use one of {', '.join(SPLITS)}.")
    if not root.is_dir():
        raise InputError(
            f"The data folder '{root}' does not exist: name that of UCF-101, with --data DIR when running a task."
        )
    lists = _folder_of_lists(root)
    class_names = _read_classes(lists / "classInd.txt")
    stems = ("trainlist01", "testlist01") if split == "all" else (f"{split[:-2]}list{split[-2:]}",)
    labels: dict[str, int | None] = {}
    for stem in stems:
        for name, label in _read_list(lists / f"{stem}.txt", class_names).items():
            if name in labels:
                raise InputError(
                    f"The lists '{stems[0]}.txt' and '{stem}.txt' in '{lists}' both name '{name}'; fetch them again."
                )
            labels[name] = label
    # Some copies of the dataset and the lists differ in capitals ("HandStandPushups").
    official = {name.casefold(): name for name in labels}
    found = find_videos(root, _DEPTH, ignore, known=_LISTS)
    videos = [(official.get(composed(path.stem).casefold()), path) for path in found.files]
    files, duplicates = by_name((name, path) for name, path in videos if name is not None)
    origin = " and ".join(f"'{lists / stem}.txt'" for stem in stems)
    if not files:
        raise InputError(
            f"None of the {len(labels)} videos of {origin} is below '{root}'; files must be named like "
            f"'{next(iter(labels))}.avi', so check --data."
        )
    unused = not_listed(found, sum(name is None for name, _ in videos))
    return Listing(
        "ucf101", class_names, labels, as_sources(files), f"list {origin}", duplicates=duplicates, unused=unused
    )


def _folder_of_lists(root: Path) -> Path:
    level = [root, *(path for path in visible(root) if path.is_dir())]
    deeper = [path for folder in level[1:] for path in visible(folder) if path.is_dir()]
    for folder in (*level, *deeper):
        if is_present(folder / "classInd.txt"):
            return folder
    raise InputError(
        f"There is no 'classInd.txt' in '{root}' or below; put the official lists "
        "(UCF101TrainTestSplits-RecognitionTask.zip) there."
    )


def _read_classes(path: Path) -> tuple[str, ...]:
    names: dict[int, str] = {}
    for line, text in _lines(path):
        number, _, name = text.partition(" ")
        if not re.fullmatch("[0-9]{1,9}", number) or not name.strip() or int(number) in names:
            raise InputError(
                f"Line {line} of '{path}' is not a new class number followed by a name; fetch the official list."
            )
        refuse_cell(name.strip(), f"Line {line} of the list '{path}'")
        names[int(number)] = name.strip()
    expected = range(1, NUM_CLASSES + 1)
    if sorted(names) != list(expected) or len(set(names.values())) != NUM_CLASSES:
        odd = sorted(set(expected) ^ set(names))
        raise InputError(
            f"The list '{path}' does not number {NUM_CLASSES} classes from 1 to {NUM_CLASSES} "
            f"({'wrong numbers: ' + ', '.join(map(str, odd[:5])) if odd else 'a name appears twice'}); fetch the official list."
        )
    return tuple(names[number] for number in expected)


def _read_list(path: Path, class_names: tuple[str, ...]) -> dict[str, int]:
    """Return official names to labels, counted from 0."""
    if not is_present(path):
        present = quoted(other.name for other in visible(path.parent) if other.suffix == ".txt")
        raise InputError(f"There is no list '{path}' (found: {present}); put the official lists there.")
    number_of = {name: number for number, name in enumerate(class_names)}
    labels: dict[str, int] = {}
    for line, text in _lines(path):
        entry = _ENTRY.fullmatch(text)
        if entry is None:
            raise InputError(f"Line {line} of '{path}' is not CLASS/v_CLASS_gXX_cYY.avi; fetch the official list.")
        label, name = entry["label"], entry["name"]
        for cell in (label, name):
            refuse_cell(cell, f"Line {line} of the list '{path}'")
        if label not in number_of:
            raise InputError(
                f"Line {line} of '{path}' names the class '{label}', which is not in 'classInd.txt'; fetch both lists again."
            )
        if entry["number"] is not None and int(entry["number"]) != number_of[label] + 1:
            raise InputError(
                f"Line {line} of '{path}' gives '{label}' the number {entry['number']} but 'classInd.txt' has "
                f"{number_of[label] + 1}; fetch both lists again."
            )
        if name in labels:
            raise InputError(f"The list '{path}' names '{name}' twice, again in line {line}; fetch the official list.")
        labels[name] = number_of[label]
    if not labels:
        raise InputError(f"The list '{path}' names no video; fetch the official list.")
    return labels


def _lines(path: Path) -> list[tuple[int, str]]:
    try:
        text = read_regular(path).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The list '{path}' cannot be read ({error}); fetch it again.") from error
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), start=1) if line.strip()]
