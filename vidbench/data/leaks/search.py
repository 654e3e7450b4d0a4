"""The search: which videos of one side are on the other, too, and by what they were recognised.

The second side is held in memory as thumbnails; the first passes by, one video at a time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from vidbench.data.layouts.listing import FrameSource
from vidbench.data.leaks.alignment import Match, best_match, probes
from vidbench.data.leaks.sides import Side
from vidbench.data.leaks.thumbnails import Thumbnails, thumbnails_of
from vidbench.data.scan.worker_pool import map_processes
from vidbench.errors import InputError
from vidbench.progress import Progress

Depth = Literal["names", "bytes", "frames"]
"""How far a search goes, each with those before it."""
Kind = Literal["same name", "same recording", "same bytes", "same frames", "mirrored frames"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# Copies differ by up to half a step between two probes, which pictures survive unless the scene is cut there.
_EVERY = 8
_PROBE_PICTURES = 0.9


class Shared(NamedTuple):
    """A video of the first side and one of the second that are one.

    Attributes:
        a: name on the first side.
        b: name on the second side.
        kinds: by what they were recognised.
        seconds: of one recording, how many seconds are in both; None if the names do not say.
        match: how well the frames agree; None if they were not compared or do not.
    """

    a: str
    b: str
    kinds: tuple[Kind, ...]
    seconds: int | None
    match: Match | None


class NotCompared(NamedTuple):
    """A video whose frames or bytes could not be read."""

    side: str
    name: str
    reason: str


@dataclass(frozen=True)
class SharedBetween:
    """What two sides share.

    Attributes:
        sides: what they are, in words.
        counts: number of videos on each.
        depth: how far the search went.
        shared: the pairs, by name.
        not_compared: videos that could not be read.
    """

    sides: tuple[str, str]
    counts: tuple[int, int]
    depth: Depth
    shared: tuple[Shared, ...]
    not_compared: tuple[NotCompared, ...]

    def counted(self) -> dict[Kind, int]:
        """Return the number of pairs by what they were recognised by, in the order of `KINDS`."""
        found = Counter(kind for pair in self.shared for kind in pair.kinds)
        return {kind: found[kind] for kind in KINDS if found[kind]}

    @property
    def num_shared(self) -> tuple[int, int]:
        """Number of videos of each side that are on the other."""
        return len({pair.a for pair in self.shared}), len({pair.b for pair in self.shared})


class _Reading(NamedTuple):
    """A video to read, in another process."""

    name: str
    source: FrameSource
    sha256: str
    with_frames: bool


class _Read(NamedTuple):
    name: str
    sha256: str
    thumbnails: Thumbnails | None
    reason: str


def find_shared(a: Side, b: Side, depth: Depth, workers: int, progress: Progress) -> SharedBetween:
    """Compare every video of one side with every video of the other.

    Args:
        a: the first side.
        b: the second side.
        depth: how far to go; lists have names only.
        workers: number of processes that decode.
        progress: where progress is shown.
    """
    kinds: dict[tuple[str, str], list[Kind]] = defaultdict(list)
    matches: dict[tuple[str, str], Match] = {}
    unread: list[NotCompared] = []
    for pair, kind in _by_name(a, b):
        kinds[pair].append(kind)
    if depth != "names":
        _refuse_list(a, b, depth)
        # The smaller side is the one that stays in memory.
        swapped = len(a.sources) < len(b.sources)
        passing, kept = (b, a) if swapped else (a, b)
        held: list[_Read] = []
        for read in _readings(kept, depth, workers, progress):
            if read.reason:
                unread.append(NotCompared(kept.what, read.name, read.reason))
            else:
                held.append(read)
        by_bytes: dict[str, list[str]] = defaultdict(list)
        for read in held:
            by_bytes[read.sha256].append(read.name)
        shelf = _Shelf([read for read in held if read.thumbnails is not None])
        for read in _readings(passing, depth, workers, progress):
            if read.reason:
                unread.append(NotCompared(passing.what, read.name, read.reason))
                continue
            for name in by_bytes.get(read.sha256, ()):
                kinds[_ordered(read.name, name, swapped)].append("same bytes")
            for name, kind, match in shelf.matches(read, swapped):
                pair = _ordered(read.name, name, swapped)
                kinds[pair].append(kind)
                matches[pair] = match
    shared = [
        Shared(x, y, tuple(found), a.names[x].seconds_in_common(b.names[y]), matches.get((x, y)))
        for (x, y), found in sorted(kinds.items())
    ]
    return SharedBetween((a.what, b.what), (len(a.names), len(b.names)), depth, tuple(shared), tuple(sorted(unread)))


def _by_name(a: Side, b: Side) -> Iterator[tuple[tuple[str, str], Kind]]:
    names: dict[str, list[str]] = defaultdict(list)
    recordings: dict[str, list[str]] = defaultdict(list)
    for key, name in b.names.items():
        names[name.name].append(key)
        if name.source is not None:
            recordings[name.source].append(key)
    for key, name in a.names.items():
        same = names.get(name.name, [])
        yield from (((key, other), "same name") for other in same)
        if name.source is not None:
            yield from (
                ((key, other), "same recording") for other in recordings.get(name.source, []) if other not in same
            )


def _refuse_list(a: Side, b: Side, depth: Depth) -> None:
    for side in (a, b):
        if not side.sources:
            raise InputError(
                f"The {side.what} has names but no videos, so {depth} cannot be compared: add --by names, or give a folder."
            )


def _readings(side: Side, depth: Depth, workers: int, progress: Progress) -> Iterator[_Read]:
    items = [
        _Reading(name, source, side.sha256.get(name, ""), depth == "frames") for name, source in side.sources.items()
    ]
    with progress.stage(f"Reading {side.what}", len(items), "videos") as advance:
        for read in map_processes(_read, items, min(workers, len(items)), _crashed):
            advance(1)
            yield read


def _read(item: _Reading) -> _Read:
    try:
        sha256 = item.sha256 or item.source.sha256()
        return _Read(item.name, sha256, thumbnails_of(item.source) if item.with_frames else None, "")
    except InputError as error:
        return _Read(item.name, "", None, str(error))
    except OSError as error:
        reason = f"The file '{item.source.path}' cannot be read ({error.strerror}); check its permissions."
        return _Read(item.name, "", None, reason)


def _crashed(item: _Reading) -> _Read:
    reason = f"Decoding '{item.source.path}' killed the process: the decoder crashed or ran out of memory; remove it."
    return _Read(item.name, "", None, reason)


def _ordered(passing: str, kept: str, swapped: bool) -> tuple[str, str]:
    return (kept, passing) if swapped else (passing, kept)


class _Shelf:
    """The videos of one side, for quick search: probes of all of them in one array."""

    def __init__(self, held: Sequence[_Read]) -> None:
        self._names = [read.name for read in held]
        self._thumbnails = [read.thumbnails for read in held if read.thumbnails is not None]
        rows = [probes(each, _EVERY) for each in self._thumbnails]
        self._rows_PC = np.concatenate(rows) if rows else np.empty((0, 0), np.float32)
        self._first = np.cumsum([0, *(len(each) for each in rows[:-1])]) if rows else np.empty(0, np.int64)

    def matches(self, read: _Read, swapped: bool) -> Iterator[tuple[str, Kind, Match]]:
        """Yield the videos here that show the same as one of the other side, as it is or in a mirror."""
        if read.thumbnails is None or not self._names:
            return
        found: Mapping[int, tuple[Kind, Match]] = {}
        views: tuple[tuple[Kind, Thumbnails], ...] = (
            ("same frames", read.thumbnails),
            ("mirrored frames", read.thumbnails.mirrored()),
        )
        found = {}
        for kind, view in views:
            nearest = (self._rows_PC @ probes(view, _EVERY).T).max(axis=1)
            for place in np.flatnonzero(np.maximum.reduceat(nearest, self._first) >= _PROBE_PICTURES).tolist():
                here = self._thumbnails[place]
                match = best_match(here, view) if swapped else best_match(view, here)
                # What is symmetric matches in both views.
                if match.same and place not in found:
                    found[place] = (kind, match)
        for place, (kind, match) in found.items():
            yield self._names[place], kind, match
