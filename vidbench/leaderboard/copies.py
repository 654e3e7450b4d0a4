"""Rows that are copies of others: in a second board, or under another name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

from vidbench.leaderboard.boards import Board, BoardFault
from vidbench.leaderboard.rows import BoardRow


def copied_rows(boards: Sequence[Board]) -> list[BoardFault]:
    """Return a fault for every row that repeats an earlier one of any board."""
    placed = [(board, row, line) for board in boards for row, line in zip(board.rows, board.lines, strict=True)]
    first: dict[Hashable, tuple[Board, BoardRow, int]] = {}
    found = []
    for board, row, line in placed:
        for key in _keys(row):
            other_board, other, other_line = first.setdefault(key, (board, row, line))
            if other is not row:
                place = f"'{other.id}', row {other_line} of {other_board.path}"
                found.append(BoardFault(str(board.path), line, "value", f"repeats the numbers of {place}"))
                break
    earliest: dict[Hashable, str] = {}
    scores = _scores((board.name, row) for board, row, _ in placed)
    lines = {row.result_sha256: (board, line) for board, row, line in reversed(placed) if row.result_sha256}
    for sha256, key in scores.items():
        other_sha256 = earliest.setdefault(key, sha256)
        if other_sha256 != sha256:
            board, line = lines[sha256]
            message = f"repeats every score of the result {other_sha256[:12]}"
            found.append(BoardFault(str(board.path), line, "result_sha256", message))
    return found


def repeated_result(rows: Iterable[BoardRow], there: Iterable[BoardRow]) -> BoardRow | None:
    """Return a row whose result has the same scores as new rows; None without one."""
    there = list(there)
    (new,) = _scores(("", row) for row in rows).values()
    for sha256, key in _scores(("", row) for row in there).items():
        if key == new:
            return next(row for row in there if row.result_sha256 == sha256)
    return None


def _keys(row: BoardRow) -> list[Hashable]:
    """Return what no two rows share.

    Of a measured row, the result and the metric; of a published one, numbers and name, or numbers and all that is said about them.
    """
    if row.result_sha256:
        return [("result", row.result_sha256, row.metric)]
    if row.status != "reported":
        return []
    numbers = (row.role, row.group, row.value, row.spread)
    keys: list[Hashable] = [("name", *numbers, row.model.casefold())]
    # Two methods of one paper may tie at two digits; at three, or with one spread, they are one.
    if row.spread is not None or _digits(row.value) >= 3:
        keys.append(("source", *numbers, row.paper, row.table, row.source, row.setting))
    return keys


def _digits(value: float) -> int:
    """Return the number of significant digits, up to 10."""
    return len(f"{abs(value):.9e}".partition("e")[0].replace(".", "").rstrip("0"))


def _scores(rows: Iterable[tuple[str, BoardRow]]) -> dict[str, Hashable]:
    """Return all scores of each measured result, by its digest."""
    found: dict[str, dict[str, tuple[str, str, float, float | None]]] = defaultdict(dict)
    for board, row in rows:
        if row.result_sha256:
            found[row.result_sha256][row.metric] = (board, row.task, row.value, row.spread)
    return {sha256: tuple(sorted(values.items(), key=lambda item: item[0])) for sha256, values in found.items()}
