"""The rehearsal of a task: the same protocol at counts that take minutes, under a name that enters no leaderboard."""

from __future__ import annotations

from collections.abc import Sequence

from vidbench.tasks.schema import Task

PREFIX = "rehearsal-"
"""Begins the name of every rehearsal; no shipped task has it."""

REASON = "This is a rehearsal: its videos are made up and its networks random, so no number in it means anything."


def rehearsal_of(task: Task, num_samples: int) -> Task:
    """Return a task with the protocol of another and small counts.

    Clips, splits, metrics and bounds stay. The reference set has as many clips as there are samples, or contexts if it is theirs; a
    context is used twice if it is used more than once, and at most two of several runs remain.

    Args:
        task: the task to rehearse.
        num_samples: samples per run, an even number.
    """
    evaluation, each = task.evaluation, min(task.evaluation.samples_per_context, 2)
    changes = {"num_samples": num_samples, "samples_per_context": each, "repeats": min(evaluation.repeats, 2)}
    num_clips = num_samples // each if task.reference.paired else num_samples
    return task.model_copy(
        update={
            "name": PREFIX + task.name,
            "title": f"Rehearsal of {task.name}: made-up videos, random networks",
            "description": REASON,
            # The made-up videos are on no list.
            "data": task.data.model_copy(update={"frozen": "", "frozen_sha256": ""}),
            "reference": task.reference.model_copy(update={"num_clips": num_clips}),
            "evaluation": evaluation.model_copy(update=changes),
            "notes": (),
            # `vidbench rehearse` says what the task is; its rehearsal is never official anyway.
            "status": "active",
            "successor": "",
            "reason": "",
        }
    )


def is_rehearsal(task_name: str) -> bool:
    """Return whether a task is a rehearsal, by its name."""
    return task_name.startswith(PREFIX)


def rehearsed(task_name: str, reasons: Sequence[str]) -> bool:
    """Return whether a result is that of a rehearsal, by its task or by its reasons to be unofficial."""
    return is_rehearsal(task_name) or REASON in reasons
