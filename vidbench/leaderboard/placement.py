"""Where a result would rank on its leaderboard: the last lines of `evaluate` and `score`."""

from __future__ import annotations

from collections.abc import Sequence

from vidbench.errors import InputError
from vidbench.leaderboard.adding import Submission, result_rows
from vidbench.leaderboard.boards import board_names, board_of_task, leaderboards_folder, read_board, why_unranked
from vidbench.leaderboard.flags import FLAGS
from vidbench.leaderboard.ranking import Standing, nearest_papers, once_verified, standings
from vidbench.leaderboard.rows import BoardRow
from vidbench.leaderboard.shared_clips import beside_equals
from vidbench.leaderboard.tables import origin, score_cell
from vidbench.results.schema import Result
from vidbench.tasks.schema import Task


def placement_lines(result: Result, task: Task) -> list[str]:
    """Return lines that place a result among comparable rows, or say why there are none."""
    try:
        folder = leaderboards_folder(None)
        names = board_names(folder)
        if board_of_task(task.name, names) not in names:
            return [f"neighbours: none, the task '{task.name}' has no leaderboard yet."]
        if not result.official:
            return ["neighbours: none, unofficial results do not enter leaderboards."]
        if reason := why_unranked(task.name):
            return [f"neighbours: none, results of '{task.name}' are not ranked: {reason}."]
        board = read_board(folder, task.name)
    except InputError as error:
        return [f"neighbours: none, {error}"]
    lines = ["neighbours:"]
    for new in result_rows(result, task, "0" * 64, Submission()):
        row = beside_equals(new, result, board.rows, folder)
        lines += _of_metric(row, board.rows)
    return lines


def _of_metric(row: BoardRow, rows: Sequence[BoardRow]) -> list[str]:
    if row.open_flags:
        flagged = [
            f"  {row.metric}: no rank until a reviewer clears: {code} ({FLAGS[code]})" for code in row.open_flags
        ]
        near = nearest_papers(row, rows, limit=1)
        return [*flagged, *(f"    the nearest published row is {_named(each.row)}, which {each}" for each in near)]
    lines = []
    for each in standings(once_verified(row), rows):
        if each.num_ranked > 1:
            lines += [f"  {row.metric}: would {standing_words(each)}"]
            lines += [f"    {side}: {_named(other)}" for side, other in each.neighbours()]
    if lines:
        return lines
    nearest = nearest_papers(row, rows, limit=1)
    if nearest:
        return [f"  {row.metric}: no comparable row; the nearest is {_named(nearest[0].row)}, which {nearest[0]}"]
    return [f"  {row.metric}: no comparable row, and no published one with the same frames, size and metric"]


def standing_words(standing: Standing) -> str:
    """Return ``rank 2 of 3 once verified``, and what else must hold for it."""
    condition = f", if {standing.condition}" if standing.condition else ""
    return f"rank {standing.rank} of {standing.num_ranked} once verified{condition}"


def _named(row: BoardRow) -> str:
    return f"{row.model} {score_cell(row)} ({origin(row)}, {row.status})"
