"""`vidbench leaderboard check`: all faults in a leaderboards folder, by file, row and column."""

from __future__ import annotations

from pathlib import Path

from vidbench.errors import InputError
from vidbench.files import file_sha256
from vidbench.leaderboard.adding import Submission, result_rows
from vidbench.leaderboard.admission import objections
from vidbench.leaderboard.boards import RESULTS, Board, BoardFault, board_of_task, examine_board, stray_boards
from vidbench.leaderboard.copies import copied_rows
from vidbench.leaderboard.flags import row_flags
from vidbench.leaderboard.rows import BoardRow
from vidbench.leaderboard.shared_clips import borrows_rightly
from vidbench.leaderboard.training_logs import training_faults
from vidbench.leaderboard.verification import log_faults, stray_logs
from vidbench.results.schema import read_result
from vidbench.tasks import task_names
from vidbench.tasks.loading import measured_task

# Columns that a measured row copies from its result file; whoever adds the row provides the others.
_FROM_RESULT = (
    "metric",
    "value",
    "spread",
    "spread_kind",
    "frames",
    "context_frames",
    "resolution",
    "conditioning",
    "reference",
    "camera",
    "samples",
    "protocol",
    "source",
    "task",
    "task_version",
    "fingerprint",
    "reference_sha256",
)


def check_folder(folder: Path) -> tuple[list[Board], list[BoardFault]]:
    """Check every board of a folder and every stored result.

    Returns:
        The boards, and the faults by file; no faults if everything is in order.

    Raises:
        InputError: the folder has no board at all.
    """
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise InputError(f"There is no leaderboard in {folder}: boards are files named TASK.csv.")
    boards: list[Board] = []
    findings: list[BoardFault] = []
    for path in paths:
        board, found = examine_board(path)
        boards.append(board)
        findings += found
        for row, line in zip(board.rows, board.lines, strict=True):
            findings += _board_faults(board, row, line)
            if row.status != "reported" and row.result_sha256:
                findings += _result_faults(folder, board, row, line)
                findings += log_faults(folder, board, row, line)
    findings += stray_boards(folder, task_names())
    findings += training_faults(folder)
    return boards, findings + copied_rows(boards) + _orphans(folder, boards) + stray_logs(folder, boards)


def _board_faults(board: Board, row: BoardRow, line: int) -> list[BoardFault]:
    found = []
    if row.task and board_of_task(row.task, [board.name]) != board.name:
        found.append(BoardFault(str(board.path), line, "task", f"'{row.task}' does not belong on this board"))
    if row.camera and not board.name.startswith("bair"):
        found.append(BoardFault(str(board.path), line, "camera", "only BAIR has cameras"))
    if board.name.startswith("bair") and not row.camera:
        found.append(BoardFault(str(board.path), line, "camera", "a BAIR score is for one of the two cameras"))
    return found


def _result_faults(folder: Path, board: Board, row: BoardRow, line: int) -> list[BoardFault]:
    def fault(column: str, message: str) -> BoardFault:
        return BoardFault(str(board.path), line, column, message)

    stored = folder / RESULTS / f"{row.result_sha256}.json"
    if not stored.is_file():
        return [fault("result_sha256", f"the stored result {stored} is missing")]
    digest = file_sha256(stored)
    if digest != row.result_sha256:
        return [fault("result_sha256", f"the stored result {stored} was modified: its SHA-256 is now {digest}")]
    try:
        result = read_result(stored)
    except InputError as error:
        return [fault("result_sha256", str(error).rstrip("."))]
    against = [
        fault("result_sha256", f"the stored result cannot be on a board: {reason}")
        for reason in objections(result, there=True)
    ]
    if against:
        return against
    task = measured_task(result.task.name, result.task.version).task
    expected = {each.metric: each for each in result_rows(result, task, row.result_sha256, Submission())}.get(
        row.metric
    )
    if expected is None:
        return [fault("metric", f"the stored result has no metric '{row.metric}'")]
    lost = [code for code in row_flags(result) if code not in row.flags_raised]
    unflagged = [
        fault("flags", f"the stored result has the flag '{code}', which the row does not show") for code in lost
    ]
    return unflagged + [
        fault(name, f"is '{getattr(row, name)}' but the stored result says '{getattr(expected, name)}'")
        for name in _FROM_RESULT
        if getattr(row, name) != getattr(expected, name)
        and not (name == "reference_sha256" and borrows_rightly(row, result, board.rows, folder))
    ]


def _orphans(folder: Path, boards: list[Board]) -> list[BoardFault]:
    known = {row.result_sha256 for board in boards for row in board.rows if row.result_sha256}
    return [
        BoardFault(str(path), 0, "", "no row of any board refers to this result")
        for path in sorted((folder / RESULTS).glob("*"))
        if path.stem not in known or path.suffix != ".json"
    ]
