"""The numbers in the names of samples, where sample i must belong to clip i."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from vidbench.data.folders.frame_names import natural_key
from vidbench.errors import InputError


def refuse_holes(folder: Path, names: Sequence[str]) -> None:
    """Refuse samples whose numbers do not count from 0 or 1: a later sample would take the place of a missing one.

    Names without a number, unlike names, and names in which several numbers change are not checked: their order is all
    that is known.

    Args:
        folder: where the samples are, for error messages.
        names: their names without suffix.

    Raises:
        InputError: a number is missing, or there twice (``1`` and ``01``).
    """
    ordered = sorted(names, key=lambda name: natural_key(Path(name)))
    rows = [natural_key(Path(name))[0] for name in ordered]
    if len({tuple(row[::2]) for row in rows}) != 1:
        return
    numbers = list(zip(*(row[1::2] for row in rows), strict=True))
    varying = [column for column in numbers if len(set(column)) > 1]
    if len(varying) != 1:
        if len(set(map(tuple, rows))) < len(rows):
            raise InputError(f"Samples in '{folder}' have the same number: {_quoted(ordered[:2])}; rename one.")
        return
    values = [int(value) for value in varying[0]]
    if values[0] not in (0, 1):
        raise InputError(
            f"The samples in '{folder}' start with '{ordered[0]}', so it is unclear which clip each belongs to; number them from 0 "
            "without a gap."
        )
    for place, (before, after) in enumerate(pairwise(values)):
        if after != before + 1:
            what = "have the same number" if after == before else "have a gap between their numbers"
            raise InputError(
                f"The samples {_quoted(ordered[place : place + 2])} in '{folder}' {what}, so it is unclear which clip each "
                "belongs to; number them from 0 without a gap."
            )


def _quoted(names: Sequence[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)
