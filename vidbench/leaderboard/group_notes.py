"""What a group of measured rows is, where the key alone does not tell: other real clips, an earlier version, a task that is not active."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from vidbench.leaderboard.rows import BoardRow, without_clips
from vidbench.rendering.numbers import counted
from vidbench.tasks import load_task, task_names
from vidbench.tasks.words import status_sentence


def group_notes(name: str, members: Sequence[BoardRow], groups: Iterable[str]) -> tuple[str, ...]:
    """Return the notes of a group, one sentence each.

    Args:
        name: key of the group.
        members: its rows.
        groups: the keys of all groups of the board.
    """
    found = []
    protocol = without_clips(name)
    others = sum(other != name and without_clips(other) == protocol for other in groups)
    if protocol != name and others:
        found.append(
            f"Other real clips than in {counted(others, 'other group')} of the same protocol, hence ranked apart: rows stand together only "
            "if the digests of their real clips are equal (docs/data.md, frozen lists)."
        )
    measured = next((row for row in members if row.task), None)
    if measured is None or measured.task not in task_names():
        return tuple(found)
    task = load_task(measured.task).task
    if measured.task_version is not None and measured.task_version < task.version:
        found.append(
            f"Version {measured.task_version} of '{task.name}', which is now in version {task.version}: ranked among rows of its own version."
        )
    if task.status != "active":
        found.append(status_sentence(task))
    return tuple(found)


def is_earlier(members: Iterable[BoardRow]) -> bool:
    """Return whether the rows are of an earlier version of their task than the one that ships."""
    known = task_names()
    return any(
        row.task in known and row.task_version is not None and row.task_version < load_task(row.task).task.version
        for row in members
    )
