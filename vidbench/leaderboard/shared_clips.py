"""Which rows of a board were measured against the same real clips, by the rule of `vidbench.results.comparability`.

The digest of the real clips is of their files. Two results of scans may have the same frames from other files: the later one then
takes the digest of the row that is there, so that both are in one group, as `vidbench compare` says of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from vidbench.errors import InputError
from vidbench.leaderboard.boards import RESULTS
from vidbench.leaderboard.rows import BoardRow, group_of
from vidbench.results.comparability import obstacles, real_clips_sha256
from vidbench.results.schema import Result, read_result


def beside_equals(row: BoardRow, result: Result, there: Iterable[BoardRow], folder: Path) -> BoardRow:
    """Return a new row in the group of those rows of its board that stand together with it.

    Args:
        row: a row of the result, with the result's own digest of the real clips.
        result: the result.
        there: the rows of the board.
        folder: the leaderboards folder, with the stored results.
    """
    for other in there:
        if _alike(row, other) and _equal(row, result, other, folder) is not None:
            moved = row.model_copy(update={"reference_sha256": other.reference_sha256})
            return moved.model_copy(update={"group": group_of(moved)})
    return row


def borrows_rightly(row: BoardRow, result: Result, there: Iterable[BoardRow], folder: Path) -> bool:
    """Return whether a row whose digest of the real clips is not its result's has that of another result with the same frames."""
    lenders = (
        _equal(row, result, other, folder)
        for other in there
        if (other.metric, other.reference_sha256) == (row.metric, row.reference_sha256)
        and other.result_sha256 not in ("", row.result_sha256)
    )
    # The digest must be somebody's own: two rows cannot lend each other one that neither has.
    return any(
        stored is not None and real_clips_sha256(stored, row.metric) == row.reference_sha256 for stored in lenders
    )


def _alike(row: BoardRow, other: BoardRow) -> bool:
    return (
        (other.metric, other.protocol) == (row.metric, row.protocol)
        and bool(other.result_sha256)
        and other.reference_sha256 not in ("", row.reference_sha256)
    )


def _equal(row: BoardRow, result: Result, other: BoardRow, folder: Path) -> Result | None:
    """Return the stored result of another row if the two stand together, else None."""
    # Without a scan the digests alone decide, and they differ.
    if result.data.manifest != "scan":
        return None
    try:
        stored = read_result(folder / RESULTS / f"{other.result_sha256}.json")
    except InputError:
        return None  # `check` reports it
    return None if row.metric not in stored.metrics or obstacles(stored, result, row.metric) else stored
