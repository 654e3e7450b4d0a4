"""Leaderboard files: finding, reading and extending them, and reporting faults by file, row and column."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from vidbench import version
from vidbench.errors import InputError, problem_text
from vidbench.files import write_bytes
from vidbench.leaderboard.rows import COLUMNS, BoardRow, problems
from vidbench.results.schema import MetricRecord, read_result
from vidbench.tasks import load_task, task_names
from vidmetrics.errors import unknown_name
from vidmetrics.regular_files import is_there, read_regular

RESULTS = "results"
"""Folder of stored result files inside a leaderboards folder."""

# Boards that show more than one task.
_TITLES = {
    "k600-gen": "Kinetics-600: class-conditional generation",
    "k600-pred": "Kinetics-600: prediction of 11 frames from 5 context frames",
    "ucf101-gen": "UCF-101: generation",
    "bair-pred": "BAIR robot pushing: prediction",
    "sky-gen": "SkyTimelapse: generation",
    "ffs-gen": "FaceForensics: generation",
    "taichi-gen": "TaiChi-HD: generation",
}


@dataclass(frozen=True)
class BoardFault:
    """A fault in a leaderboards folder.

    Attributes:
        file: path of the file.
        row: line number, the header being line 1; 0 for a fault of the whole file.
        column: the column, ``""`` for a fault of the whole row or file.
        message: what is wrong.
    """

    file: str
    row: int
    column: str
    message: str

    def __str__(self) -> str:
        place = [self.file]
        place += [f"row {self.row}"] if self.row else []
        place += [f"column '{self.column}'"] if self.column else []
        return f"{', '.join(place)}: {self.message}"


@dataclass(frozen=True)
class Board:
    """The rows of one file.

    Attributes:
        name: file name without suffix: a task, or the common prefix of its variants.
        path: the file.
        rows: the valid rows in the order of the file.
        lines: line of each row.
    """

    name: str
    path: Path
    rows: tuple[BoardRow, ...]
    lines: tuple[int, ...]


def packaged_folder() -> tuple[Path, bool]:
    """Return the leaderboards of this vidbench, and whether they are in a checkout, where rows may be added."""
    package = Path(version.__file__).parent
    inside = package / "leaderboards"
    return (inside, False) if inside.is_dir() else (package.parent / "leaderboards", True)


def leaderboards_folder(given: Path | None) -> Path:
    """Return the given folder, or the one that ships with vidbench."""
    folder = given or packaged_folder()[0]
    if not folder.is_dir():
        raise InputError(f"There is no leaderboards folder at {folder}: give one with --leaderboards DIR.")
    return folder


def board_names(folder: Path) -> list[str]:
    """Return the names of the boards in a folder, sorted."""
    return sorted(path.stem for path in folder.glob("*.csv"))


def stray_boards(folder: Path, tasks: Iterable[str]) -> list[BoardFault]:
    """Return the files that look like boards and are none: copies, backups, and names that are no task's."""
    known = list(tasks)
    found = []
    for path in sorted(folder.iterdir()):
        if ".csv" not in path.name.lower() or path.is_dir():
            continue
        of_a_task = any(task == path.stem or task.startswith(f"{path.stem}-") for task in known)
        if path.suffix != ".csv" or not of_a_task:
            found.append(BoardFault(str(path), 0, "", "is not the board of a shipped task: rename or remove it"))
    return found


def board_of_task(task: str, names: list[str]) -> str:
    """Return the board for a task's scores: its own, that of the task it is a variant of, or a new one of its name."""
    base = task.partition("@")[0]
    fitting = [name for name in names if base == name or base.startswith(f"{name}-")]
    return max(fitting, key=len, default=base)


def why_unranked(board: str) -> str:
    """Return why the results of a board's task are shown without ranks; ``""`` if they are ranked, or the board is no task's."""
    return load_task(board).task.unranked if board in task_names() else ""


def examine_board(path: Path) -> tuple[Board, list[BoardFault]]:
    """Read a board and list all its faults; faulty rows are not part of the board."""
    rows: list[BoardRow] = []
    lines: list[int] = []
    findings: list[BoardFault] = []
    seen: dict[str, int] = {}
    try:
        text = read_regular(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        return Board(path.stem, path, (), ()), [BoardFault(str(path), 0, "", "is not UTF-8")]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if tuple(header) != COLUMNS:
            return Board(path.stem, path, (), ()), [BoardFault(str(path), 1, *_header_fault(header))]
        end = reader.line_num
        for cells in reader:
            # A cell with a newline takes several lines; its row is named by the first.
            line, end = end + 1, reader.line_num
            row, faults = _parse(cells)
            findings += [BoardFault(str(path), line, column, message) for column, message in faults]
            if row is None:
                continue
            if row.id in seen:
                findings.append(BoardFault(str(path), line, "id", f"'{row.id}' is the id of row {seen[row.id]} too"))
            seen.setdefault(row.id, line)
            rows.append(row)
            lines.append(line)
    except csv.Error as error:
        findings.append(BoardFault(str(path), reader.line_num, "", f"is not CSV: {error}"))
    return Board(path.stem, path, tuple(rows), tuple(lines)), findings


def _header_fault(header: list[str]) -> tuple[str, str]:
    for name in header:
        if name not in COLUMNS:
            return name, unknown_name("column", name, COLUMNS).rstrip(".")
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        return missing[0], "the column is missing"
    return "", f"the columns are not in the order {', '.join(COLUMNS)}"


def _parse(cells: list[str]) -> tuple[BoardRow | None, list[tuple[str, str]]]:
    if len(cells) != len(COLUMNS):
        return None, [("", f"has {len(cells)} cells but the header has {len(COLUMNS)}")]
    try:
        row = BoardRow.model_validate(dict(zip(COLUMNS, cells, strict=True)))
    except ValidationError as error:
        return None, [
            (str(problem["loc"][0]), f"{problem_text(problem)} (it is '{problem['input']}')")
            for problem in error.errors()
        ]
    return row, problems(row)


def read_board(folder: Path, name: str) -> Board:
    """Read one board.

    Raises:
        InputError: there is no such board, or its file has a fault.
    """
    names = board_names(folder)
    board = board_of_task(name, names)
    if board not in names:
        raise InputError(unknown_name("leaderboard", name, names))
    found, findings = examine_board(folder / f"{board}.csv")
    if findings:
        raise InputError(f"{findings[0]} (`vidbench leaderboard check` lists every fault).")
    return found


def stored_metrics(folder: Path) -> Callable[[BoardRow], MetricRecord | None]:
    """Return a function that finds the metric of a measured row in its stored result.

    It returns None for a published row, and where the result is missing or has no such metric, which `leaderboard check` reports.
    """

    def found(row: BoardRow) -> MetricRecord | None:
        if not row.result_sha256:
            return None
        try:
            return read_result(folder / RESULTS / f"{row.result_sha256}.json").metrics.get(row.metric)
        except InputError:
            return None

    return found


def append_rows(path: Path, rows: list[BoardRow]) -> None:
    """Append rows to a board, creating it if needed; every byte of the file stays, and new lines end like its first."""
    content = read_regular(path) if is_there(path) else _line(COLUMNS, "\n")
    ending = _first_ending(content)
    if not content.endswith((b"\n", b"\r")):
        content += ending.encode()
    write_bytes(path, content + b"".join(_line(cells_of(row), ending) for row in rows))


def replace_cells(path: Path, changed: Mapping[str, Mapping[str, str]]) -> None:
    """Replace cells of some rows of a board; every byte of the other rows stays.

    Args:
        path: a board without faults.
        changed: the new cells, by id of the row and column.
    """
    text = read_regular(path).decode("utf-8")
    ending = _first_ending(text.encode())
    # A cell may contain a newline, so a row may have several lines.
    physical = list(io.StringIO(text, newline=""))
    reader = csv.reader(physical, strict=True)
    parts, start = [], 0
    for cells in reader:
        lines, start = physical[start : reader.line_num], reader.line_num
        cells_of_row = changed.get(cells[0]) if cells else None
        if cells_of_row is None:
            parts += [line.encode() for line in lines]
        else:
            parts.append(
                _line(tuple(cells_of_row.get(name, cell) for name, cell in zip(COLUMNS, cells, strict=True)), ending)
            )
    write_bytes(path, b"".join(parts))


def _first_ending(content: bytes) -> str:
    found = re.search(rb"\r\n|\n|\r", content)
    return found[0].decode() if found else "\n"


def cells_of(row: BoardRow) -> tuple[str, ...]:
    """Return the cells of a row as text; floats in the shortest form that round-trips."""
    return tuple("" if value is None else str(value) for value in row.model_dump(mode="json").values())


def _line(cells: tuple[str, ...], ending: str) -> bytes:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator=ending).writerow(cells)
    return buffer.getvalue().encode()


def board_title(name: str) -> str:
    """Return what a board is of; its name if nothing says it."""
    if name in _TITLES:
        return _TITLES[name]
    return load_task(name).task.title if name in task_names() else name
