"""What a real run will take here, from the times of its rehearsal: hours, memory, disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from vidbench.data.published import PUBLISHED, gigabytes_of
from vidbench.progress import duration_text, seconds_text
from vidbench.tasks.schema import Task
from vidmetrics.formats.memory import gigabytes

BYTES_PER_LISTED_VIDEO = 1_100
"""Names, paths, classes and clip plan: 400 MiB for 392,622 videos (docs/scale.md)."""


class StageTime(NamedTuple):
    """What a stage of the rehearsal took.

    Attributes:
        title: as progress shows it.
        units: clips, videos or steps.
        seconds: wall-clock time of all of them.
    """

    title: str
    units: int
    seconds: float


@dataclass(frozen=True)
class RehearsalFacts:
    """What a rehearsal measured besides times.

    Attributes:
        stages: its stages, in order.
        peak_memory: most memory that the process has used, in bytes.
        feature_bytes: bytes of features on disk per clip.
        checkpoint_bytes: bytes of the training run's folder; 0 without training.
        training_scale: how many times as many clips a real training step has.
        training_steps: steps of a real training run; None if the model does not say or is not trained here.
        video_frames: frames of a video, for training, which keeps all of them in memory; 0 for embedded data.
    """

    stages: Sequence[StageTime]
    peak_memory: int
    feature_bytes: float
    checkpoint_bytes: int
    training_steps: int | None
    video_frames: int
    training_scale: float = 1.0


class ForecastLine(NamedTuple):
    """One line of a forecast: what, how much, and from what it follows."""

    what: str
    amount: str
    basis: str


def forecast(task: Task, facts: RehearsalFacts) -> list[ForecastLine]:
    """Return what the real run of a task will take on this machine.

    Args:
        task: the real task, not the rehearsal.
        facts: what the rehearsal measured.
    """
    lines, total = [], 0.0
    for title, units, seconds in facts.stages:
        count = _real_count(task, title, facts)
        if not units or count is None:
            continue
        scale = facts.training_scale if title == "Training" else 1.0
        each = seconds / units * scale
        total += each * count
        unit = {"Training": "step", "Scanning": "video"}.get(title, "clip")
        took = "as" if scale == 1 else f"{scale:g} times what"
        basis = f"{count:,} {unit}s at {seconds_text(each)}, {took} {units} of them took"
        lines.append(ForecastLine(title, duration_text(each * count), basis))
    lines.append(ForecastLine("all together", duration_text(total), "one process; a GPU or more processes take less"))
    return [*lines, *_memory(task, facts), *_disk(task, facts)]


def real_clips(task: Task) -> int:
    """Return how many reference clips the real task has."""
    wanted = task.reference.num_clips
    if wanted != "all":
        return wanted
    return _videos(task, (task.data.reference_split,)) * task.reference_clips.clips_per_video


def _real_count(task: Task, title: str, facts: RehearsalFacts) -> int | None:
    if title == "Scanning":
        return _videos(task, _splits(task))
    if title == "Training":
        return facts.training_steps
    if title == "Reference clips":
        return real_clips(task)
    if title.startswith("Bound ("):
        return task.evaluation.num_samples
    return task.evaluation.num_samples * task.evaluation.repeats if title.startswith("Samples of ") else None


def _memory(task: Task, facts: RehearsalFacts) -> list[ForecastLine]:
    listed = _videos(task, _splits(task)) * BYTES_PER_LISTED_VIDEO
    lines = [
        ForecastLine(
            "memory",
            gigabytes(facts.peak_memory + listed),
            f"{gigabytes(facts.peak_memory)} as in the rehearsal, and the lists of videos",
        )
    ]
    if facts.training_steps is not None and facts.video_frames:
        clips, videos = task.clips, _videos(task, (task.data.train_split,))
        decoded = videos * facts.video_frames * clips.height * clips.width * 3
        basis = (
            f"`vidbench train` keeps all {videos:,} videos decoded, and refuses more than 16 GiB: use a smaller split"
        )
        lines.append(ForecastLine("memory to train", gigabytes(decoded), basis))
    return lines


def _disk(task: Task, facts: RehearsalFacts) -> list[ForecastLine]:
    evaluation = task.evaluation
    bounds = sum(stage.title.startswith("Bound (") for stage in facts.stages)
    sampled = sum(stage.title.startswith("Samples of ") for stage in facts.stages)
    clips = real_clips(task) + evaluation.num_samples * (bounds + sampled * evaluation.repeats)
    features = int(clips * facts.feature_bytes)
    parts = [f"features of {clips:,} clips {gigabytes(features)}"]
    if facts.checkpoint_bytes:
        parts.append(f"the training run {gigabytes(facts.checkpoint_bytes)}")
    lines = [ForecastLine("disk", gigabytes(features + facts.checkpoint_bytes), ", ".join(parts))]
    if not task.data.embedded:
        size = gigabytes_of(task.data.dataset, _splits(task))
        amount = "unknown" if size is None else f"{size:,.0f} GB"
        without = [s for s in _splits(task) if size is not None and gigabytes_of(task.data.dataset, (s,)) is None]
        unstated = (
            f", without {', '.join(without)}" if PUBLISHED[task.data.dataset].gigabytes is None and without else ""
        )
        lines.append(ForecastLine("data", amount, f"{', '.join(_splits(task))} as published{unstated}"))
    return lines


def _splits(task: Task) -> tuple[str, ...]:
    data = task.data
    return tuple(dict.fromkeys((data.reference_split, data.evaluation_split, data.train_split)))


def _videos(task: Task, splits: tuple[str, ...]) -> int:
    if task.data.embedded:
        return 0 if len(splits) > 1 else task.evaluation.num_samples
    published = PUBLISHED[task.data.dataset].splits
    # A task of the user's own may name a split whose size nobody publishes.
    return sum(published[split].num_videos for split in splits if split in published)
