"""Where a result would rank on its leaderboard: the last lines of `evaluate` and `score`."""

from __future__ import annotations

from collections.abc import Sequence

from vidbench.errors import InputError
from vidbench.leaderboard.adding import Submission, result_rows
from vidbench.leaderboard.boards import board_names, board_of_task, leaderboards_folder, read_board
from vidbench.leaderboard.ranking import nearest_papers, rank_rows
from vidbench.leaderboard.rows import BoardRow, group_parts
from vidbench.leaderboard.tables import origin, score_cell
from vidbench.results.schema import Result
from vidbench.tasks.schema import Task

# A result does not say what its model was trained on, so it is placed among rows with any training data.
_UNKNOWN_OF_A_RESULT = ("training data", "extra data")


def placement_lines(result: Result, task: Task) -> list[str]:
    """Return lines that place a result among comparable rows, or say why there are none."""
    try:
        folder = leaderboards_folder(None)
        names = board_names(folder)
        if board_of_task(task.name, names) not in names:
            return [f"neighbours: none, the task '{task.name}' has no leaderboard yet."]
        if not result.official:
            return ["neighbours: none, unofficial results do not enter leaderboards."]
        board = read_board(folder, task.name)
    except InputError as error:
        return [f"neighbours: none, {error}"]
    lines = ["neighbours:"]
    for row in result_rows(result, task, "0" * 64, Submission()):
        lines += _of_metric(row, board.rows)
    return lines


def _of_metric(row: BoardRow, rows: Sequence[BoardRow]) -> list[str]:
    group = [other for other in rows if other.role == "method" and _comparable(row, other)]
    if group:
        entries = rank_rows([*group, row])
        place = next(i for i, entry in enumerate(entries) if entry.row is row)
        lines = [f"  {row.metric}: would rank {entries[place].rank} of {len(entries)}"]
        for side, i in (("better", place - 1), ("worse", place + 1)):
            if 0 <= i < len(entries):
                tied = entries[i].rank == entries[place].rank
                lines.append(f"    {'tied' if tied else side}: {_named(entries[i].row)}")
        return lines
    nearest = nearest_papers(row, rows, limit=1)
    if nearest:
        return [f"  {row.metric}: no comparable row; the nearest is {_named(nearest[0].row)}, which {nearest[0]}"]
    return [f"  {row.metric}: no comparable row, and no published one with the same frames, size and metric"]


def _comparable(row: BoardRow, other: BoardRow) -> bool:
    own, theirs = group_parts(row), group_parts(other)
    return all(own[name] == theirs[name] for name in own if name not in _UNKNOWN_OF_A_RESULT)


def _named(row: BoardRow) -> str:
    return f"{row.model} {score_cell(row)} ({origin(row)}, {row.status})"
