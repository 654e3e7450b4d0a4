"""Lists of Kinetics-600: CSV tables, and text files of paths.

A text file contains the rows of a table, with or without the header, or one path per line, with or without folders and
suffix, with slashes or Windows' backslashes; the folder above the file is then the class. A number after the path is refused: lists that lack a class number
all later ones wrongly, without showing it.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from vidbench.data.folders.suffixes import VIDEO_SUFFIXES
from vidbench.data.layouts.kinetics import official_name, read_csv_list
from vidbench.data.layouts.listing import refuse_cell
from vidbench.errors import InputError
from vidmetrics.regular_files import read_regular

_TIMES = ("youtube_id", "time_start", "time_end")
_NAME = re.compile(r"[\w-]+_\d{6}_\d{6}")
_ROW = re.compile(r"(?P<label>[^,/]+,)?(?P<id>[\w-]{11}),(?P<start>\d+(\.0*)?),(?P<end>\d+(\.0*)?)(,[^,/]*)*")
_NUMBERED = re.compile(r"(?P<path>.*\S)[\s,]+(?P<number>\d{1,4})")
_SPLIT_FOLDERS = frozenset({"", "train", "val", "validate", "test", "."})


class ListedVideo(NamedTuple):
    """A line of a list.

    Attributes:
        name: official name, ``ID_SSSSSS_EEEEEE``.
        label: its class as spelled in the list, None if the list has no classes.
        line: line number, from 1.
    """

    name: str
    label: str | None
    line: int


def read_list(path: Path) -> list[ListedVideo]:
    """Read a list in any of its forms.

    Raises:
        InputError: it is unreadable, empty, in an unknown form, or a list of archives; names the file and the line.
    """
    try:
        lines = read_regular(path).decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The list '{path}' cannot be read ({error}); fetch it again.") from error
    first = next((line for line in lines if line.strip()), "")
    if "youtube_id" in first:
        entries = _from_table(path)
    elif _ROW.fullmatch(first.strip()):
        entries = _from_rows(path, lines)
    else:
        entries = _from_paths(path, lines)
    for entry in entries:
        refuse_cell(entry.label or "", f"Line {entry.line} of the list '{path}'")
        refuse_cell(entry.name, f"Line {entry.line} of the list '{path}'")
    if not entries:
        raise InputError(f"The list '{path}' names no video; fetch the official list.")
    return entries


def _from_table(path: Path) -> list[ListedVideo]:
    table = read_csv_list(path)
    for column in _TIMES:
        if column not in table.columns:
            raise InputError(f"The list '{path}' has no column '{column}'; fetch the official list.")
    labels = table["label"] if "label" in table.columns else [None] * len(table)
    rows = zip(labels, *(table[column] for column in _TIMES), strict=True)
    entries = []
    for line, (label, youtube_id, start, end) in enumerate(rows, start=2):
        if not youtube_id or label == "":
            raise InputError(f"The list '{path}' has no label or no youtube_id in line {line}; complete the line.")
        entries.append(ListedVideo(official_name(youtube_id, start, end, path, line), label, line))
    return entries


def _from_rows(path: Path, lines: list[str]) -> list[ListedVideo]:
    """Read rows without a header: ``label,id,start,end,…``, or without the label."""
    entries = []
    for line, text in enumerate(lines, start=1):
        if not text.strip():
            continue
        row = _ROW.fullmatch(text.strip())
        if row is None:
            raise InputError(
                f"Line {line} of '{path}' is not 'label,youtube_id,time_start,time_end,…'; fetch the official list."
            )
        label = None if row["label"] is None else row["label"].rstrip(",").strip('"')
        entries.append(ListedVideo(official_name(row["id"], row["start"], row["end"], path, line), label, line))
    return entries


def _from_paths(path: Path, lines: list[str]) -> list[ListedVideo]:
    entries = []
    for line, text in enumerate(lines, start=1):
        place = PurePosixPath(text.strip().replace("\\", "/"))
        if not text.strip():
            continue
        if place.name.endswith((".tar.gz", ".tgz", ".tar", ".zip")):
            raise InputError(
                f"The list '{path}' lists archives, not videos (line {line}); use the annotation list of the split."
            )
        if numbered := _NUMBERED.fullmatch(text.strip()):
            raise InputError(
                f"Line {line} of '{path}' has the class number {numbered['number']} after the path: numbers shift where a list "
                "lacks a class, so remove that column; classes come from the folders in the paths, or from the list of CVDF."
            )
        name = place.stem if place.suffix.lower() in VIDEO_SUFFIXES else place.name
        if not _NAME.fullmatch(name):
            raise InputError(
                f"Line {line} of '{path}' does not end in ID_SSSSSS_EEEEEE, with or without a video suffix; "
                "fetch the official list."
            )
        folder = place.parent.name
        entries.append(ListedVideo(name, None if folder in _SPLIT_FOLDERS else folder, line))
    return entries
