"""The two sides of a search for shared videos: folders, splits of a task, or lists of names."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vidbench.data.layouts import find_listing
from vidbench.data.layouts.kinetics import official_name
from vidbench.data.layouts.listing import FrameSource, Listing, refuse_cell
from vidbench.data.leaks.video_names import VideoName, video_name
from vidbench.data.scan.scanned import LastScan
from vidbench.errors import InputError
from vidmetrics.regular_files import read_regular

LISTS = frozenset({".csv", ".txt"})
_TIMES = ("youtube_id", "time_start", "time_end")
_PATHS = ("path", "video_path", "video", "id", "youtube_id", "name")


@dataclass(frozen=True)
class Side:
    """One side.

    Attributes:
        what: what it is, in words.
        names: its videos, with their names taken apart.
        sources: frames by name; none for a list.
        sha256: digests of files that a scan knows, by name.
    """

    what: str
    names: Mapping[str, VideoName]
    sources: Mapping[str, FrameSource] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)


def side_of_path(path: Path, ignore: Sequence[str] = ()) -> Side:
    """Return the side that a path is: all videos below a folder, or the names in a list.

    Raises:
        InputError: it is neither, or empty.
    """
    if path.suffix.lower() in LISTS and not path.is_dir():
        names = _listed(path)
        return Side(f"list '{path}'", {name: video_name(name) for name in names})
    listing = find_listing("folder", path, "all", ignore)
    return Side(f"folder '{path}'", {name: video_name(name) for name in listing.sources}, listing.sources)


def side_of_split(split: str, listing: Listing, scan: LastScan | None) -> Side:
    """Return the videos of a split that are on disk.

    Args:
        split: its name.
        listing: its videos.
        scan: the last scan of the folder, whose digests spare reading the files.

    Raises:
        InputError: the files are not those that were scanned.
    """
    known = {} if scan is None else scan.unchanged(split, listing.sources)
    return Side(f"split '{split}'", {name: video_name(name) for name in listing.sources}, listing.sources, known)


def _listed(path: Path) -> list[str]:
    """Return the names in a list: a table with a column of names, or one path per line, before any number or comma.

    Raises:
        InputError: it cannot be read, or names nothing; names the file and the line.
    """
    try:
        lines = read_regular(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The list '{path}' cannot be read ({error}): give a text file, or a folder of videos."
        ) from error
    rows = list(csv.reader(line for line in lines if line.strip() and not line.startswith("#")))
    header = [cell.strip() for cell in rows[0]] if rows else []
    column = next((header.index(name) for name in _PATHS if name in header), None)
    names: list[str] = []
    for number, row in enumerate(rows if column is None else rows[1:], start=1 if column is None else 2):
        if all(name in header for name in _TIMES):
            cells = [row[header.index(name)] if header.index(name) < len(row) else "" for name in _TIMES]
            names.append(official_name(cells[0], cells[1], cells[2], path, number))
            continue
        cell = row[column or 0].strip() if len(row) > (column or 0) else ""
        if column is None:
            head, _, last = cell.rpartition(" ")
            cell = head.rstrip() if head and last.isdigit() else cell
        refuse_cell(cell, f"Line {number} of the list '{path}'")
        names.append(cell)
    if not any(names):
        raise InputError(
            f"The list '{path}' names no video: give one path per line, or a table with a column 'youtube_id' or 'path'."
        )
    return list(dict.fromkeys(name for name in names if name))
