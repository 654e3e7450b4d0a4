"""Ranks within comparability groups, never across them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from vidbench.errors import InputError
from vidbench.leaderboard.rows import BoardRow, family, group_parts, not_stated

_MOST_UNRANKED = 3
# Results that differ in one of these measure something else; they are not worth showing next to each other.
_SAME_KIND = ("context frames", "frames", "resolution", "conditioning", "camera")


@dataclass(frozen=True)
class RankedRow:
    """A row in its group.

    Attributes:
        row: the row.
        rank: rank in the group, ties sharing the better one; None for real data, which is a bound.
    """

    row: BoardRow
    rank: int | None


@dataclass(frozen=True)
class UnrankedRow:
    """A published row shown next to a measured one of another group, without a rank.

    Attributes:
        row: the published row.
        differs: names of the comparability values that are known for both and unequal.
        unknown: names of the comparability values that the paper does not state.
    """

    row: BoardRow
    differs: tuple[str, ...]
    unknown: tuple[str, ...]

    def __str__(self) -> str:
        """Say why the two are not comparable."""
        theirs = group_parts(self.row)
        differing = ", ".join(f"{name} ({theirs[name]})" for name in self.differs)
        parts = [f"differs in {differing}"] if differing else []
        parts += [f"does not state {', '.join(self.unknown)}"] if self.unknown else []
        return "; ".join(parts)


@dataclass(frozen=True)
class RankedGroup:
    """The rows that may be compared with each other, best first, real data above them.

    Attributes:
        name: key of the group.
        entries: the rows with their ranks.
        open: comparability values that none of its papers states.
        unranked: the nearest published rows, if the group has measured rows only.
    """

    name: str
    entries: tuple[RankedRow, ...]
    open: tuple[str, ...]
    unranked: tuple[UnrankedRow, ...]

    @property
    def metric(self) -> str:
        """The metric of all its rows."""
        return self.entries[0].row.metric


def rank_groups(rows: Sequence[BoardRow], wanted: Sequence[str] = ()) -> list[RankedGroup]:
    """Divide rows into groups, groups with measured rows first, then the largest, and rank within each.

    Args:
        rows: the rows of a board.
        wanted: keep only groups whose key contains one of these, ignoring case; empty for all.

    Raises:
        InputError: no group key contains any of ``wanted``, or there are no rows.
    """
    by_name: dict[str, list[BoardRow]] = {}
    for row in rows:
        by_name.setdefault(row.group, []).append(row)
    kept = {
        name: members
        for name, members in by_name.items()
        if not wanted or any(each.lower() in name.lower() for each in wanted)
    }
    if not kept:
        raise InputError(
            f"No group of the board contains '{wanted[0]}': `vidbench leaderboard show` without --group lists the groups."
            if wanted
            else "The board has no rows yet: `vidbench leaderboard add RESULT` adds one."
        )
    groups = [_group(name, members, rows) for name, members in kept.items()]
    return sorted(groups, key=lambda group: (not _measured(group), -len(group.entries), group.name))


def rank_rows(rows: Iterable[BoardRow]) -> tuple[RankedRow, ...]:
    """Rank the rows of one group, best first, after the real data."""
    members = list(rows)
    methods = [row for row in members if row.role == "method"]
    methods.sort(key=lambda row: (-row.value if row.higher_is_better else row.value, row.year, row.id))
    entries: list[RankedRow] = [RankedRow(row, None) for row in members if row.role != "method"]
    for place, row in enumerate(methods):
        tied = place > 0 and methods[place - 1].value == row.value
        entries.append(RankedRow(row, entries[-1].rank if tied else place + 1))
    return tuple(entries)


def nearest_papers(row: BoardRow, rows: Iterable[BoardRow], limit: int = _MOST_UNRANKED) -> tuple[UnrankedRow, ...]:
    """Return the published rows nearest to a measured row: same family of metrics, same kind of task.

    Rows of the protocol that the task is named after come first (``k600-pred-magvit``: ``magvit``), then those that agree
    in most values (unstated values never agree), differ in fewest, and have the best scores.
    """
    own = group_parts(row)
    found = []
    for other in rows:
        theirs = group_parts(other)
        if other.status != "reported" or other.role != "method" or family(other.metric) != family(row.metric):
            continue
        if any(own[name] != theirs[name] for name in _SAME_KIND) or other.errors == ("synthesis-as-prediction",):
            continue
        differs = tuple(name for name in own if own[name] and theirs[name] and own[name] != theirs[name])
        if other.sampling.startswith("truncated") and not row.sampling:
            # `evaluate` scores a model's default sampling, not a truncation selected for its score.
            differs += ("sampling",)
        unknown = tuple(name for name in own if own[name] and not theirs[name])
        found.append(UnrankedRow(other, differs, unknown))
    better = -1 if row.higher_is_better else 1
    # Values that neither differ nor are unknown agree, so the smallest sum of both means the most agreements.
    found.sort(
        key=lambda each: (
            not _follows(row, each.row),
            len(each.differs) + len(each.unknown),
            len(each.differs),
            better * each.row.value,
        )
    )
    return tuple(found[:limit])


def _follows(row: BoardRow, paper: BoardRow) -> bool:
    return bool(paper.protocol) and f"-{paper.protocol}-" in f"-{row.protocol}-"


def _group(name: str, members: list[BoardRow], rows: Sequence[BoardRow]) -> RankedGroup:
    entries = rank_rows(members)
    measured = [entry.row for entry in entries if entry.row.status != "reported"]
    papers = any(entry.row.status == "reported" for entry in entries)
    unranked = nearest_papers(measured[0], rows) if measured and not papers else ()
    return RankedGroup(name, entries, () if measured else not_stated(entries[0].row), unranked)


def _measured(group: RankedGroup) -> bool:
    return any(entry.row.status != "reported" for entry in group.entries)
