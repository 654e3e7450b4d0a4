"""Folders in the layout of Kinetics: the official list of a split, the class order, and the files present.

::

    root/annotations/SPLIT.csv                      the official list: label,youtube_id,time_start,time_end,split,...
    root/SPLIT/LABEL/ID_SSSSSS_EEEEEE.mp4           one folder per class, or
    root/SPLIT/ID_SSSSSS_EEEEEE.mp4                 all in one folder (the CVDF mirror)

``SSSSSS`` and ``EEEEEE`` are the first and last second in six digits. If there is a list, it alone decides which videos
are official and how they are labelled: unlisted files are counted and not used, and videos missing on disk lower the coverage and are
not replaced. Without a list the class folders are the list, and the coverage is 1 by definition.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vidbench.data.folders.inventory import (
    Inventory,
    UnusedEntries,
    composed,
    is_present,
    matching_patterns,
    merged,
    refuse_unprintable,
)
from vidbench.data.folders.suffixes import VIDEO_SUFFIXES, suffix_of
from vidbench.data.layouts.listing import (
    Listing,
    as_sources,
    by_name,
    not_listed,
    quoted,
    refuse_cell,
    split_folder,
    videos_below,
    visible,
)
from vidbench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

DATASET = "kinetics"
_TIMES = re.compile(r"_(?P<start>\d{6})_(?P<end>\d{6})$")
_COLUMNS = ("label", "youtube_id", "time_start", "time_end")


def find_kinetics(root: Path, split: str, ignore: Sequence[str] = ()) -> Listing:
    """Read the list of a split (or use the class folders as the list) and find its files.

    Args:
        root: the folder that contains ``annotations`` and the splits.
        split: name of the split.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: the folder, the split, its list or a required column is missing, a video is listed or found twice,
            a split has two lists, no listed video is on disk, or an entry should be read and cannot be.
    """
    folder = split_folder(root, split)
    videos = videos_below(folder, ignore=ignore)
    annotations = root / "annotations"
    if not annotations.is_dir() and os.path.lexists(annotations):
        raise InputError(f"'{annotations}' is a link that leads nowhere or a file; make it the folder of the lists.")
    lists = sorted(path for path in visible(annotations) if path.suffix.lower() == ".csv" and is_present(path))
    return _from_lists(lists, split, folder, videos) if lists else _from_folders(root, folder, videos, ignore)


def _from_lists(lists: list[Path], split: str, folder: Path, videos: Inventory) -> Listing:
    annotations, of_split = lists[0].parent, {path.stem: path for path in lists}
    for path in lists:
        if (other := of_split[path.stem]) != path:
            raise InputError(f"The lists '{path}' and '{other}' are both those of split '{path.stem}'; keep one.")
    tables = {name: read_csv_list(path) for name, path in of_split.items()}
    if split not in tables:
        raise InputError(
            f"The folder '{annotations}' has no list '{split}.csv' (found: {quoted(path.name for path in lists)}); "
            "add it or use the name of a list as split."
        )
    source, table = of_split[split], tables[split]
    for column in _COLUMNS:
        if column not in table.columns:
            raise InputError(f"The list '{source}' has no column '{column}'; it requires {', '.join(_COLUMNS)}.")
    for name, other in tables.items():
        for label in set(other.get("label", ())):
            refuse_cell(label, f"The list '{of_split[name]}'")
    # Published test lists have no labels; classes come from the others.
    labelled = [other["label"] for other in tables.values() if "label" in other.columns]
    class_names = tuple(sorted({composed(str(label)) for column in labelled for label in column}))
    number_of = {name: number for number, name in enumerate(class_names)}
    labels: dict[str, int | None] = {}
    rows = zip(*(table[column] for column in _COLUMNS), strict=True)
    for line, (label, youtube_id, start, end) in enumerate(rows, start=2):
        if not label or not youtube_id:
            raise InputError(f"The list '{source}' has no label or no youtube_id in line {line}; complete the line.")
        name = official_name(youtube_id, start, end, source, line)
        if name in labels:
            raise InputError(f"The list '{source}' names the video '{name}' twice, again in line {line}; keep one.")
        labels[name] = number_of[composed(label)]
    if not labels:
        raise InputError(f"The list '{source}' names no video; replace it with the official list.")
    named = [(composed(path.stem), path) for path in videos.files]
    files, duplicates = by_name((name, path) for name, path in named if name in labels)
    if not files:
        raise InputError(
            f"None of the {len(labels)} videos listed in '{source}' is in '{folder}'; files must be named like "
            f"'{next(iter(labels))}.mp4', so check --data."
        )
    return Listing(
        DATASET,
        class_names,
        labels,
        as_sources(files),
        f"list '{source}'",
        seconds=lengths(labels),
        duplicates=duplicates,
        unused=not_listed(videos, sum(name not in labels for name, _ in named)),
    )


def _from_folders(root: Path, folder: Path, videos: Inventory, ignore: Sequence[str]) -> Listing:
    for path in videos.files:
        if path.parent == folder:
            raise InputError(
                f"The video '{path}' is not in a class folder and there is no list '{root / 'annotations'}/{folder.name}.csv', "
                "so its class is unknown; add the list or put videos into one folder per class."
            )
    matched: set[str] = set()
    splits = {folder, *(path for path in _read(root, root, ignore, matched) if path.is_dir())} - {root / "annotations"}
    named = (path for split in splits for path in _class_folders(split, ignore, matched))
    class_names = tuple(sorted({composed(path.name) for path in named}))
    number_of = {name: number for number, name in enumerate(class_names)}
    files, duplicates = by_name((composed(path.stem), path) for path in videos.files)
    labels: dict[str, int | None] = {name: number_of[composed(files[name].parent.name)] for name in sorted(files)}
    origin = f"class folders of '{folder}'"
    return Listing(
        DATASET,
        class_names,
        labels,
        as_sources(files),
        origin,
        seconds=lengths(labels),
        duplicates=duplicates,
        unused=merged(videos.unused, UnusedEntries({}, matched)),
    )


def _class_folders(split: Path, ignore: Sequence[str], matched: set[str]) -> list[Path]:
    """Return the sub-folders of a split that hold a video.

    Nothing else in them is judged: a split that is not in use may hold what could not be read.

    Raises:
        InputError: one cannot be looked into, so that its class would be missing, or has a name that no result can hold.
    """
    found = []
    try:
        for folder in _read(split, split, ignore, matched):
            if folder.is_dir() and any(
                suffix_of(path.name) in VIDEO_SUFFIXES and path.is_file()
                for path in _read(folder, split, ignore, matched)
            ):
                refuse_unprintable(folder)
                found.append(folder)
    except OSError as error:
        raise InputError(
            f"'{error.filename}' cannot be looked into ({error.strerror}), and class folders number the classes; check its "
            "permissions or leave it out with --ignore."
        ) from error
    return found


def _read(folder: Path, root: Path, ignore: Sequence[str], matched: set[str]) -> Iterator[Path]:
    """Yield the entries of a folder that no pattern leaves out; ``matched`` collects the patterns of the others."""
    for path in visible(folder):
        if patterns := matching_patterns(path, root, ignore):
            matched.update(patterns)
        else:
            yield path


def read_csv_list(path: Path) -> pd.DataFrame:
    """Read a CSV list, every cell as text.

    Raises:
        InputError: it is not a readable CSV file, or its lines have more cells than its header.
    """
    import pandas as pd

    try:
        # As text: an id may look like a number, and a label like a missing value.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"The list '{path}' is not a readable CSV file ({reason}); replace it.") from error
    # pandas takes the first cells of such lines for names of rows, so that every column would have those of the next one.
    if not isinstance(table.index, pd.RangeIndex):
        raise InputError(
            f"The list '{path}' has lines with more cells than the {len(table.columns)} of its header; replace it."
        )
    return table


def official_name(youtube_id: str, start: str, end: str, source: Path, line: int) -> str:
    """Return the name of a clip, ``ID_SSSSSS_EEEEEE``, from a row of a list.

    Raises:
        InputError: a time is not a number of whole seconds, or the id is no name; names the list and the line.
    """
    refuse_cell(youtube_id, f"Line {line} of the list '{source}'")
    return f"{composed(youtube_id)}_{_seconds(start, source, line)}_{_seconds(end, source, line)}"


def lengths(names: Iterable[str]) -> dict[str, float]:
    """Return the length in seconds of each video whose name ends in ``_SSSSSS_EEEEEE``."""
    matches = {name: _TIMES.search(name) for name in names}
    return {name: float(int(found["end"]) - int(found["start"])) for name, found in matches.items() if found}


def _seconds(text: str, source: Path, line: int) -> str:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not (0 <= seconds < 1e6 and seconds == int(seconds)):
        raise InputError(f"The list '{source}' has {text[:50]!r} for a time in line {line}; times are whole seconds.")
    return f"{int(seconds):06d}"
