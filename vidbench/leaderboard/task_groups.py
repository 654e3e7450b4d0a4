"""What a task says about a row of its board before there is a result: its comparability columns, and the group."""

from __future__ import annotations

import re
from typing import Any

from vidbench.leaderboard.rows import BoardRow, group_of
from vidbench.tasks.schema import Task
from vidmetrics.catalog.definitions import METRICS


def protocol_columns(task: Task, metric: str, num_samples: int, num_reference: int | None) -> dict[str, Any]:
    """Return the columns from `metric` to `protocol` that a task decides; those of the model's training are not among them.

    Args:
        task: the protocol.
        metric: a metric id.
        num_samples: samples of one run.
        num_reference: real clips behind the score; None for a metric that needs none.
    """
    return {
        "metric": metric,
        "frames": task.clips.num_frames,
        "context_frames": task.clips.context_frames,
        "resolution": f"{task.clips.width}x{task.clips.height}",
        "conditioning": conditioning(task),
        "reference": _reference(task, metric, num_reference),
        "camera": task.data.dataset.removeprefix("bair-") if task.data.dataset.startswith("bair-") else "",
        "samples": num_samples,
        "sampling": "",
        "protocol": f"{task.name}-v{task.version}",
    }


def task_group(task: Task, metric: str) -> str:
    """Return the key of the group of an official score of a task, without what only a result or its model decides.

    Missing are the training data of the model and the digest of the real clips.
    """
    needs = METRICS[metric].needs_reference
    wanted = task.reference.num_clips
    count: int | None = 0 if wanted == "all" else wanted
    if needs == "frames":
        count = task.evaluation.num_samples // task.evaluation.samples_per_context
    if needs == "none":
        count = None
    return group_of_columns(protocol_columns(task, metric, task.evaluation.num_samples, count))


def group_of_columns(columns: dict[str, Any]) -> str:
    """Return the key of the group of a row of which only some columns are known; the others count as not stated."""
    empty: dict[str, Any] = dict.fromkeys(BoardRow.model_fields, "")
    numbers = dict.fromkeys(("frames", "context_frames", "samples"), None)
    return group_of(BoardRow.model_construct(**{**empty, **numbers, **columns}))


def conditioning(task: Task) -> str:
    """Return what models are conditioned on, in the terms of the column ``conditioning``."""
    if task.does.conditioning:
        return task.does.conditioning
    if task.evaluation.prompts != "none":
        return "text"
    return "none" if task.evaluation.labels == "none" else "class"


def slug(text: str) -> str:
    """Return lower-case words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _reference(task: Task, metric: str, num_reference: int | None) -> str:
    if num_reference is None:
        return "none"
    if metric in METRICS and METRICS[metric].needs_reference == "frames":
        # Frames are compared with the true ones of the held-out clips, whatever the reference set is.
        return slug(f"{task.data.evaluation_split}-{num_reference}")
    if task.reference.num_clips == "all":
        # Their number varies with the coverage, which suffices in every official result.
        return slug(task.data.reference_split)
    return slug(f"{task.data.reference_split}-{num_reference}")
