"""Flags: what is remarkable about a row, so that it is not ranked until a reviewer clears it.

A flag never refuses a result: what it points at can be honest. What is impossible by arithmetic is refused (admission.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from vidbench.leaderboard.better_than_real import real_clip_flags
from vidbench.results.schema import Result
from vidbench.results.trained_on import saw_held_out
from vidbench.tasks import load_task, task_names
from vidbench.validity.checks import CHECKS

FLAGS = {
    "partial-clips": "Official clips were missing, and which ones can be worth more than a model; on a frozen list (TASK@YEAR) none is.",
    "below-floor": "A distance is less than that of held-out real clips by more than chance, on a board, once in a hundred boards.",
    "near-reference": "The real clips nearest to the samples are more often reference clips than of a model that has copied none.",
    "near-held-out": "The real clips nearest to the samples are more often held-out clips than of a model that has copied none.",
    "seen-held-out": "The model declares training data that has held-out clips of the task.",
    "seed-ignored": "The clips of the model are the same for every sampling seed, so its score is of one chosen draw.",
    "seed-outlier": "The score with the task's seed is better than that of each seed drawn by `vidbench leaderboard verify`, and "
    "by more than their scatter.",
    **{check.id: f"Validity panel: it seems that {check.tells}." for check in CHECKS.values()},
}
"""Codes of the column ``flags``, with what each says."""

_CLEARED = re.compile(r"([a-z0-9-]+): (\S.*)")


def row_flags(result: Result) -> tuple[str, ...]:
    """Return the flags that a result brings to each of its rows, in the order of `FLAGS`.

    Args:
        result: an admissible result.
    """
    found = {*real_clip_flags(result), *(record.check for record in result.validity if record.flagged)}
    # Whoever lacks 5 % of the clips may have chosen which: 2.04 becomes 0.55, where random ones give 1.94 to 2.17.
    if min(result.data.reference.coverage, result.data.evaluation.coverage) < 1:
        found.add("partial-clips")
    if result.task.name in task_names() and saw_held_out(result, load_task(result.task.name).task):
        found.add("seen-held-out")
    return ordered_codes(found)


def ordered_codes(codes: Iterable[str]) -> tuple[str, ...]:
    """Return codes once each, in the order of `FLAGS`."""
    wanted = set(codes)
    return tuple(code for code in FLAGS if code in wanted)


def flag_cell(codes: Iterable[str]) -> str:
    """Return the cell of the column ``flags``."""
    return "; ".join(ordered_codes(codes))


def codes_of(cell: str) -> tuple[str, ...]:
    """Return the codes of a cell of the column ``flags``."""
    return tuple(code.strip() for code in cell.split(";") if code.strip())


def reasons_of(cell: str) -> dict[str, str]:
    """Return why each flag was cleared, by code, from a cell of the column ``cleared``: ``CODE: reason; CODE: reason``.

    Raises:
        ValueError: a part of the cell is not a code with a reason.
    """
    found = {}
    for part in (part.strip() for part in cell.split(";") if part.strip()):
        match = _CLEARED.fullmatch(part)
        if match is None:
            raise ValueError(f"'{part}' is not a flag and the reason for clearing it, e.g. seed-ignored: why")
        found[match[1]] = match[2]
    return found
