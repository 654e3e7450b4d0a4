"""What a Kinetics-like folder holds: the official list of a split, the class order, and the files present."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from vidbench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

VIDEO_SUFFIXES = frozenset({".mp4", ".mkv", ".webm", ".avi"})
_COLUMNS = ("label", "youtube_id", "time_start", "time_end")


class Listing(NamedTuple):
    """One split, as listed and as found.

    Attributes:
        class_names: sorted names of the classes of all splits.
        labels: official video name (``ID_SSSSSS_EEEEEE``) to position of its class, in the order of the list.
        files: official video name to file, for those on disk.
    """

    class_names: tuple[str, ...]
    labels: Mapping[str, int]
    files: Mapping[str, Path]


def find_listing(root: Path, split: str) -> Listing:
    """Read the list of a split (or take the class folders for it) and find its files.

    Args:
        root: the folder that holds ``annotations`` and the splits.
        split: name of the split.

    Raises:
        InputError: see `vidbench.data.kinetics.KineticsDataset`.
    """
    if not root.is_dir():
        raise InputError(f"The data folder '{root}' does not exist; give the folder that holds the splits with --data.")
    folder = root / split
    if not folder.is_dir():
        present = _quoted(path.name for path in _visible(root) if path.is_dir() and path.name != "annotations")
        raise InputError(f"The data folder '{root}' has no split '{split}' (found: {present}); check --data.")
    videos = _videos(folder)
    if not videos:
        suffixes = ", ".join(sorted(VIDEO_SUFFIXES))
        raise InputError(f"The split folder '{folder}' holds no videos ({suffixes}); check --data or fetch the data.")
    lists = sorted(path for path in _visible(root / "annotations") if path.suffix == ".csv")
    return _from_lists(lists, split, folder, videos) if lists else _from_folders(root, split, folder, videos)


def _from_lists(lists: list[Path], split: str, folder: Path, videos: list[Path]) -> Listing:
    tables = {path.stem: _read_table(path) for path in lists}
    annotations = lists[0].parent
    if split not in tables:
        raise InputError(
            f"The folder '{annotations}' has no list '{split}.csv' (found: {_quoted(path.name for path in lists)}); "
            "add it or name the split as its list is named."
        )
    source = annotations / f"{split}.csv"
    table = tables[split]
    for column in _COLUMNS:
        if column not in table.columns:
            raise InputError(f"The list '{source}' has no column '{column}'; it needs {', '.join(_COLUMNS)}.")
    # A published test list carries no labels; it says nothing about the classes.
    labelled = [other["label"] for other in tables.values() if "label" in other.columns]
    class_names = tuple(sorted({str(label) for column in labelled for label in column}))
    number_of = {name: number for number, name in enumerate(class_names)}
    labels: dict[str, int] = {}
    rows = zip(*(table[column] for column in _COLUMNS), strict=True)
    for line, (label, youtube_id, start, end) in enumerate(rows, start=2):
        if not label or not youtube_id:
            raise InputError(f"The list '{source}' has no label or no youtube_id in line {line}; complete the line.")
        name = f"{youtube_id}_{_seconds(start, source, line)}_{_seconds(end, source, line)}"
        if name in labels:
            raise InputError(f"The list '{source}' names the video '{name}' twice, again in line {line}; keep one.")
        labels[name] = number_of[label]
    if not labels:
        raise InputError(f"The list '{source}' names no video; replace it by the official list.")
    files = _by_name((path for path in videos if path.stem in labels), folder)
    if not files:
        raise InputError(
            f"None of the {len(labels)} videos listed in '{source}' is in '{folder}'; files must be named like "
            f"'{next(iter(labels))}.mp4', so check --data."
        )
    return Listing(class_names, labels, files)


def _from_folders(root: Path, split: str, folder: Path, videos: list[Path]) -> Listing:
    for path in videos:
        if path.parent == folder:
            raise InputError(
                f"The video '{path}' is in no class folder and there is no list '{root / 'annotations'}/{split}.csv', "
                "so its class is unknown; add the list or put videos into one folder per class."
            )
    splits = [path for path in _visible(root) if path.is_dir() and path.name != "annotations"]
    class_names = tuple(
        sorted({path.parent.name for other in splits for path in _videos(other) if path.parent != other})
    )
    number_of = {name: number for number, name in enumerate(class_names)}
    files = _by_name(videos, folder)
    labels = {name: number_of[files[name].parent.name] for name in sorted(files)}
    return Listing(class_names, labels, files)


def _read_table(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        # As text: an id may look like a number and a label like a missing value.
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"The list '{path}' is not a readable CSV file ({reason}); replace it.") from error


def _seconds(text: str, source: Path, line: int) -> str:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not (0 <= seconds < 1e6 and seconds == int(seconds)):
        raise InputError(f"The list '{source}' has '{text}' for a time in line {line}; times are whole seconds.")
    return f"{int(seconds):06d}"


def _by_name(paths: Iterator[Path] | list[Path], folder: Path) -> dict[str, Path]:
    """Files by official name; the same name in two class folders or with two extensions is refused."""
    files: dict[str, Path] = {}
    for path in paths:
        other = files.setdefault(path.stem, path)
        if other is not path:
            raise InputError(
                f"The video '{path.stem}' is twice in '{folder}': '{other.relative_to(folder)}' and "
                f"'{path.relative_to(folder)}'; keep one."
            )
    return files


def _videos(folder: Path) -> list[Path]:
    """Video files in a folder and in its sub-folders, sorted; hidden ones (also macOS ``._`` files) left out."""
    level = _visible(folder)
    files = [path for path in level if path.is_file()]
    files += [path for sub in level if sub.is_dir() for path in _visible(sub) if path.is_file()]
    return sorted(path for path in files if path.suffix.lower() in VIDEO_SUFFIXES)


def _visible(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _quoted(names: Iterator[str]) -> str:
    return ", ".join(f"'{name}'" for name in sorted(names)) or "nothing"
