"""Ranks within comparability groups, never across them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from vidbench.errors import InputError
from vidbench.leaderboard.group_notes import group_notes, is_earlier
from vidbench.leaderboard.rows import RANKED_TIERS, BoardRow, family, group_of, group_parts, not_stated, training_words
from vidbench.results.schema import MetricRecord
from vidbench.results.tie_groups import Resolution, Ties, resolution, ties_among

_MOST_UNRANKED = 3
_PRINTED_DIGITS = 4
# Values that decide comparability and that whoever adds a result has to state, with their columns.
_NOT_IN_A_RESULT = {"training data": "training", "extra data": "extra_data"}
# Results that differ in one of these measure something else; they are not worth showing next to each other.
_SAME_KIND = ("context frames", "frames", "resolution", "conditioning", "camera")


@dataclass(frozen=True)
class RankedRow:
    """A row in its group.

    Attributes:
        row: the row.
        rank: rank in the group, ties sharing the better one; None for a row that cannot be ranked.
        unranked: why it has no rank.
        ties: letters of its groups of ties; ``""`` if it is compared with no other, or no stored result tells.
    """

    row: BoardRow
    rank: int | None
    unranked: str = ""
    ties: str = ""


@dataclass(frozen=True)
class Standing:
    """A row among the rows that it may be compared with.

    Attributes:
        entries: the group with the row in it, ranked.
        place: index of the row in `entries`.
        condition: what must hold for the row to belong to the group, because the row does not say; ``""`` if it says all.
    """

    entries: tuple[RankedRow, ...]
    place: int
    condition: str

    @property
    def rank(self) -> int | None:
        """Rank of the row."""
        return self.entries[self.place].rank

    @property
    def num_ranked(self) -> int:
        """Number of ranked rows."""
        return sum(entry.rank is not None for entry in self.entries)

    def neighbours(self) -> list[tuple[str, BoardRow]]:
        """Return the next better and the next worse row, each with ``better``, ``worse`` or ``tied``."""
        found = []
        for side, i in (("better", self.place - 1), ("worse", self.place + 1)):
            if 0 <= i < len(self.entries) and self.entries[i].rank is not None:
                found.append(("tied" if self.entries[i].rank == self.rank else side, self.entries[i].row))
        return found


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
        notes: why the group is one of its own, where its name alone does not tell.
        no_ranks: why none of its rows has a rank; ``""`` if they may have one.
        ties: what the letters of its rows say; None if they have none.
        resolution: the smallest difference that results like its rows are told apart by; None if no stored result tells.
    """

    name: str
    entries: tuple[RankedRow, ...]
    open: tuple[str, ...]
    unranked: tuple[UnrankedRow, ...]
    notes: tuple[str, ...] = ()
    no_ranks: str = ""
    ties: Ties | None = None
    resolution: Resolution | None = None

    @property
    def metric(self) -> str:
        """The metric of all its rows."""
        return self.entries[0].row.metric


def rank_groups(
    rows: Sequence[BoardRow],
    wanted: Sequence[str] = (),
    no_ranks: str = "",
    stored: Callable[[BoardRow], MetricRecord | None] = lambda row: None,
) -> list[RankedGroup]:
    """Divide rows into groups and rank within each.

    Groups of an earlier version of their task come last. Of the others those with measured rows come first, then those with ranks, then those that leave the least open and state the
    most, then the largest.

    Args:
        rows: the rows of a board.
        wanted: keep only groups whose key contains one of these, ignoring case; empty for all.
        no_ranks: why the board has no ranks, see `vidbench.tasks.schema.Task.unranked`; rows keep their order.
        stored: returns the metric of a measured row in its stored result, for ties and what the group resolves; None for another row.

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
    groups = [_group(name, members, rows, by_name) for name, members in kept.items()]
    return [_with_noise(_without_ranks(group, no_ranks), stored) for group in sorted(groups, key=_order)]


def _without_ranks(group: RankedGroup, reason: str) -> RankedGroup:
    if not reason:
        return group
    entries = tuple(replace(entry, rank=None, unranked=entry.unranked or reason) for entry in group.entries)
    return replace(group, entries=entries, no_ranks=reason)


def _with_noise(group: RankedGroup, stored: Callable[[BoardRow], MetricRecord | None]) -> RankedGroup:
    """Add the ties of the ranked rows, and what the rows resolve, ranked or not; a retracted row says nothing."""
    members = [entry.row for entry in group.entries if entry.row.role == "method" and not entry.row.retracted]
    found = {row.id: record for row in members if (record := stored(row)) is not None}
    ranked = [entry.row.id for entry in group.entries if entry.rank is not None]
    ties = ties_among([found[id] for id in ranked]) if all(id in found for id in ranked) else None
    letters = {} if ties is None else dict(zip(ranked, ties.letters, strict=True))
    entries = tuple(replace(entry, ties=letters.get(entry.row.id, "")) for entry in group.entries)
    return replace(group, entries=entries, ties=ties, resolution=resolution(list(found.values())))


def rank_rows(rows: Iterable[BoardRow]) -> tuple[RankedRow, ...]:
    """Rank the rows of one group, best first, after the real data; rows without a rank come last.

    A retracted or flagged row is not ranked, nor is a measured one that nobody has made again or that does not state its training
    data, nor is a published row that is alone in a group with values that are not stated: nothing is known to be comparable with it.
    """
    members = list(rows)
    methods = [row for row in members if row.role == "method"]
    methods.sort(key=lambda row: (-row.value if row.higher_is_better else row.value, row.year, row.id))
    others = [RankedRow(row, None, "real data") for row in members if row.role != "method"]
    ranked: list[RankedRow] = []
    last: list[RankedRow] = []
    first, rank = None, 0
    for row in methods:
        reason = _no_rank(row, alone=sum(not row.retracted for row in methods) == 1)
        if reason:
            last.append(RankedRow(row, None, reason))
            continue
        if first is None or not tied(first, row):
            first, rank = row, len(ranked) + 1
        ranked.append(RankedRow(row, rank))
    return (*others, *ranked, *last)


def _no_rank(row: BoardRow, alone: bool) -> str:
    if row.retracted:
        return f"retracted {row.retracted}"
    if row.open_flags:
        return f"flagged {', '.join(row.open_flags)}"
    if row.status != "reported" and row.status not in RANKED_TIERS:
        return row.status
    open_values = not_stated(row)
    if not open_values or (row.status == "reported" and not alone):
        return ""
    names = f"{', '.join(open_values)} not stated"
    return names if row.status != "reported" else f"alone in its group; {names}"


def tied(one: BoardRow, other: BoardRow) -> bool:
    """Return whether two scores are equal as far as they are exact.

    Published scores are as exact as they are printed. Scores measured here are printed with four digits, and the same model on
    another machine may differ by a unit of the last: float32 sums depend on the processor.
    """
    if one.value == other.value or "reported" in (one.status, other.status):
        return one.value == other.value
    return printed_alike(one.value, other.value)


def printed_alike(one: float, other: float) -> bool:
    """Return whether two measured values differ by at most a unit of the last printed digit."""
    if one == other:
        return True
    unit = 10.0 ** (math.floor(math.log10(max(abs(one), abs(other)))) - _PRINTED_DIGITS + 1)
    return abs(one - other) <= unit


def once_verified(row: BoardRow) -> BoardRow:
    """Return a measured row as it will stand when `vidbench leaderboard verify` has made it again."""
    return row.model_copy(update={"status": "verified"})


def standings(row: BoardRow, rows: Iterable[BoardRow]) -> list[Standing]:
    """Return the groups that a measured row belongs to, with its rank in each: the one rule for `evaluate`, `add` and the boards.

    A row that states everything belongs to one group. A result does not say what its model was trained on: it belongs to each
    group of measured rows that agree in everything else, under the condition that its model was trained like theirs.

    Args:
        row: a row measured here; it need not be among ``rows``.
        rows: the rows of its board.
    """
    others = [other for other in rows if other.id != row.id]
    if not set(_NOT_IN_A_RESULT) & set(not_stated(row)):
        return [_standing(row, others, condition="")]
    found: dict[str, Standing] = {}
    for other in others:
        complete = _trained_like(row, other)
        if other.status != "reported" and complete.group == other.group and not not_stated(other):
            words = [text for name, text in training_words(other).items() if name in not_stated(row)]
            found.setdefault(other.group, _standing(complete, others, ", ".join(words)))
    return [found[group] for group in sorted(found)]


def _trained_like(row: BoardRow, other: BoardRow) -> BoardRow:
    theirs = group_parts(other)
    update = {column: theirs[name] for name, column in _NOT_IN_A_RESULT.items() if name in not_stated(row)}
    complete = row.model_copy(update=update)
    return complete.model_copy(update={"group": group_of(complete)})


def _standing(row: BoardRow, others: Iterable[BoardRow], condition: str) -> Standing:
    entries = rank_rows([*(other for other in others if other.group == row.group), row])
    place = next(i for i, entry in enumerate(entries) if entry.row is row)
    return Standing(entries, place, condition)


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


def _group(name: str, members: list[BoardRow], rows: Sequence[BoardRow], groups: Iterable[str]) -> RankedGroup:
    entries = rank_rows(members)
    measured = [entry.row for entry in entries if entry.row.status != "reported"]
    papers = any(entry.row.status == "reported" for entry in entries)
    unranked = nearest_papers(measured[0], rows) if measured and not papers else ()
    return RankedGroup(name, entries, not_stated(entries[0].row), unranked, group_notes(name, members, groups))


def _order(group: RankedGroup) -> tuple[bool, bool, bool, int, int, int]:
    ranked = any(entry.rank is not None for entry in group.entries)
    # A score without a reference set has a value less to state. Equals stay in the order of the file.
    stated = sum(bool(value) and (name, value) != ("reference", "none") for name, value in _parts(group).items())
    earlier = is_earlier(entry.row for entry in group.entries)
    return earlier, not _measured(group), not ranked, len(group.open), -stated, -len(group.entries)


def _parts(group: RankedGroup) -> dict[str, str]:
    return group_parts(group.entries[0].row)


def _measured(group: RankedGroup) -> bool:
    return any(entry.row.status != "reported" for entry in group.entries)
