"""Every field of a protocol, in the words of `vidbench tasks show`, and what it decides about a metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from vidbench.tasks import clip_words
from vidbench.tasks import field_words as words
from vidbench.tasks.schema import ClipSpec, Task
from vidmetrics.catalog.facts import Needs

Bearing = Literal["score", "draw", "beside"]
BEARINGS: dict[Bearing, str] = {
    "score": "decides the number",
    "draw": "another draw of the same number",
    "beside": "outside the number",
}
"""What a field is to a score: part of what is measured, one draw of it (seeds, runs, the share of missing videos), or not in it."""

_Decides = Callable[[Task, Needs], Bearing]


@dataclass(frozen=True)
class ComparedField:
    """One thing that a protocol fixes.

    Attributes:
        title: what it is, in words.
        covers: the keys of a task file that it stands for.
        value: what must be equal.
        said: the value in the words of `vidbench tasks show`.
        decides: what it is to a metric with the given need of real clips.
        follows: title of the field whose value it takes unless a task says otherwise.
    """

    title: str
    covers: tuple[str, ...]
    value: Callable[[Task], Any]
    said: Callable[[Task], str]
    decides: _Decides
    follows: str = ""


def sides_words(task: Task) -> str:
    """Return how the reference set and the held-out clips are related."""
    data = task.data
    if data.reference_split != data.evaluation_split:
        return "its videos include the held-out ones" if data.reference_split == "all" else "other videos"
    if task.reference_clips == task.clips:
        return "the same windows of the same videos"
    return "other windows of the same videos"


def _always(bearing: Bearing) -> _Decides:
    return lambda task, needs: bearing


def _of_distances(bearing: Bearing) -> _Decides:
    """Decides a distance to the reference set; an Inception Score has none, and frames are compared with held-out ones."""
    return lambda task, needs: bearing if needs in ("moments", "features") else "beside"


def _of_held_out(bearing: Bearing) -> _Decides:
    """Decides what a model is to sample, by context frames, labels or texts; else held-out clips are the floor alone."""
    return lambda task, needs: (
        bearing
        if task.does.given != "nothing" or task.evaluation.labels == "evaluation" or task.evaluation.prompts != "none"
        else "beside"
    )


def _sides_decide(task: Task, needs: Needs) -> Bearing:
    # In a prediction the context frames are in the scored clip, so shared windows are nearer than other real clips.
    return "score" if task.does.given != "nothing" and needs in ("moments", "features") else "beside"


def _starts(clips: ClipSpec) -> str:
    # The seed is a field of its own.
    return clip_words.start_words(clips.starts, clips.seed).replace(f"seed {clips.seed}", "the seed")


def _videos(clips: ClipSpec) -> str:
    return "videos drawn with replacement" if clips.draw == "replacement" else clip_words.videos_words(clips)


def _plan(clips: ClipSpec) -> tuple[Any, ...]:
    return (clips.starts, clips.draw, clips.clips_per_video)


def _plan_said(clips: ClipSpec) -> str:
    sampled = ", drawn by Python's random.sample" if clips.draw == "python-sample" else ""
    return f"{_videos(clips)}, {_starts(clips)}{sampled}"


def _order(clips: ClipSpec) -> tuple[Any, ...]:
    return (clips.order, clips.every, clips.spread)


def _order_said(clips: ClipSpec) -> str:
    # What the draw and the least length add to the words of an order are fields of their own.
    alone = clips.model_copy(update={"draw": "once", "min_frames": None})
    return clip_words.order_words(alone) or "in an order from the seed"


def _stride(clips: ClipSpec) -> tuple[int, int | None]:
    return (clips.stride, clips.short_stride)


def _least(clips: ClipSpec) -> str:
    if clips.min_frames is None:
        return "videos that are too short for a clip are refused"
    return f"videos of fewer than {clips.min_frames} frames are dropped and counted in the result"


def _crop(clips: ClipSpec) -> tuple[str, bool]:
    return (clips.crop, clips.crop_after_resize)


def _spares(task: Task) -> str:
    return clip_words.spare_words(task.clips) or "clips of missing videos are not replaced"


FIELDS: tuple[ComparedField, ...] = (
    ComparedField(
        "kind",
        ("kind",),
        lambda task: task.does.name,
        lambda task: f"models {task.does.name}",
        _always("score"),
    ),
    ComparedField(
        "dataset",
        ("data.dataset",),
        lambda task: task.data.dataset,
        lambda task: words.source_words(task.data),
        _always("score"),
    ),
    ComparedField(
        "training split",
        ("data.train_split",),
        lambda task: task.data.train_split,
        lambda task: f"models train on '{task.data.train_split}'",
        _always("score"),
    ),
    ComparedField(
        "reference split",
        ("data.reference_split",),
        lambda task: task.data.reference_split,
        lambda task: f"split '{task.data.reference_split}'",
        _of_distances("score"),
    ),
    ComparedField(
        "held-out split",
        ("data.evaluation_split",),
        lambda task: task.data.evaluation_split,
        lambda task: f"split '{task.data.evaluation_split}'",
        _of_held_out("score"),
    ),
    ComparedField(
        "frozen list",
        ("data.frozen", "data.frozen_sha256"),
        lambda task: task.data.frozen_sha256,
        lambda task: words.held_words(task.data) if task.data.frozen else "none",
        _always("score"),
    ),
    ComparedField(
        "coverage",
        ("data.min_coverage",),
        lambda task: task.data.min_coverage,
        lambda task: f"at least {task.data.min_coverage:.1%} of the videos",
        _always("draw"),
    ),
    ComparedField(
        "length",
        ("clips.num_frames",),
        lambda task: task.clips.num_frames,
        lambda task: words.length_words(task.clips),
        _always("score"),
    ),
    ComparedField(
        "context frames",
        ("clips.context_frames",),
        lambda task: task.clips.context_frames,
        words.context_words,
        _always("score"),
    ),
    ComparedField(
        "stride",
        ("clips.stride", "clips.short_stride"),
        lambda task: _stride(task.clips),
        lambda task: clip_words.stride_words(task.clips),
        _always("score"),
    ),
    ComparedField(
        "resolution",
        ("clips.height", "clips.width"),
        lambda task: (task.clips.height, task.clips.width),
        lambda task: words.size_words(task.clips),
        _always("score"),
    ),
    ComparedField(
        "crop",
        ("clips.crop", "clips.crop_after_resize"),
        lambda task: _crop(task.clips),
        lambda task: clip_words.crop_words(task.clips),
        _always("score"),
    ),
    ComparedField(
        "resize",
        ("clips.resize", "clips.via", "clips.via_resize"),
        lambda task: (task.clips.resize, task.clips.via, task.clips.via_resize),
        lambda task: words.resize_words(task.clips),
        _always("score"),
    ),
    ComparedField(
        "stride of the reference set",
        ("reference.clips.stride", "reference.clips.short_stride"),
        lambda task: _stride(task.reference_clips),
        lambda task: clip_words.stride_words(task.reference_clips),
        _of_distances("score"),
        follows="stride",
    ),
    ComparedField(
        "crop of the reference set",
        ("reference.clips.crop",),
        lambda task: _crop(task.reference_clips),
        lambda task: clip_words.crop_words(task.reference_clips),
        _of_distances("score"),
        follows="crop",
    ),
    ComparedField(
        "resize of the reference set",
        ("reference.clips.via",),
        lambda task: (task.reference_clips.resize, task.reference_clips.via, task.reference_clips.via_resize),
        lambda task: words.resize_words(task.reference_clips),
        _of_distances("score"),
        follows="resize",
    ),
    ComparedField(
        "pixels",
        ("clips.pixels",),
        lambda task: task.clips.pixels,
        lambda task: words.pixel_words(task.clips),
        _always("score"),
    ),
    ComparedField(
        "windows of the held-out clips",
        ("clips.starts", "clips.draw", "clips.clips_per_video"),
        lambda task: _plan(task.clips),
        lambda task: _plan_said(task.clips),
        _of_held_out("score"),
    ),
    ComparedField(
        "order of the held-out clips",
        ("clips.order", "clips.every", "clips.spread"),
        lambda task: _order(task.clips),
        lambda task: _order_said(task.clips),
        _of_held_out("score"),
    ),
    ComparedField(
        "least length of the held-out videos",
        ("clips.min_frames",),
        lambda task: task.clips.min_frames,
        lambda task: _least(task.clips),
        _of_held_out("score"),
    ),
    ComparedField(
        "seed of the held-out clips",
        ("clips.seed",),
        lambda task: task.clips.seed,
        lambda task: f"seed {task.clips.seed}",
        _of_held_out("draw"),
    ),
    ComparedField(
        "windows of the reference set",
        ("reference.clips.starts", "reference.clips.draw", "reference.clips.clips_per_video"),
        lambda task: _plan(task.reference_clips),
        lambda task: _plan_said(task.reference_clips),
        _of_distances("score"),
    ),
    ComparedField(
        "order of the reference set",
        ("reference.clips.order", "reference.clips.every", "reference.clips.spread"),
        lambda task: _order(task.reference_clips),
        lambda task: _order_said(task.reference_clips),
        _of_distances("score"),
    ),
    ComparedField(
        "least length of the reference videos",
        ("reference.clips.min_frames",),
        lambda task: task.reference_clips.min_frames,
        lambda task: _least(task.reference_clips),
        _of_distances("score"),
    ),
    ComparedField(
        "seed of the reference set",
        ("reference.clips.seed",),
        lambda task: task.reference_clips.seed,
        lambda task: f"seed {task.reference_clips.seed}",
        _of_distances("draw"),
    ),
    ComparedField(
        "reference set and held-out clips",
        ("reference.paired",),
        sides_words,
        sides_words,
        _sides_decide,
    ),
    ComparedField("missing videos", ("clips.spares",), lambda task: task.clips.spares, _spares, _always("draw")),
    ComparedField(
        "size of the reference set",
        ("reference.num_clips",),
        lambda task: task.reference.num_clips,
        lambda task: words.reference_words(task.reference),
        _of_distances("score"),
    ),
    ComparedField(
        "samples",
        ("evaluation.num_samples",),
        lambda task: task.evaluation.num_samples,
        lambda task: words.count_words(task.evaluation),
        _always("score"),
    ),
    ComparedField(
        "samples per context",
        ("evaluation.samples_per_context",),
        lambda task: task.evaluation.samples_per_context,
        lambda task: f"{task.evaluation.samples_per_context:,} for each context",
        _always("score"),
    ),
    ComparedField(
        "samples of a context",
        ("evaluation.contexts",),
        lambda task: task.evaluation.contexts,
        lambda task: words.average_words(task.evaluation),
        _of_distances("score"),
    ),
    ComparedField(
        "codec",
        ("evaluation.codec",),
        lambda task: task.evaluation.codec,
        lambda task: words.codec_words(task.evaluation),
        _always("score"),
    ),
    ComparedField(
        "runs",
        ("evaluation.repeats",),
        lambda task: task.evaluation.repeats,
        lambda task: "one run" if task.evaluation.repeats == 1 else f"the mean of {task.evaluation.repeats} runs",
        _always("draw"),
    ),
    ComparedField(
        "seed of the samples",
        ("evaluation.seed",),
        lambda task: task.evaluation.seed,
        lambda task: f"seed {task.evaluation.seed}",
        _always("draw"),
    ),
    ComparedField(
        "labels",
        ("evaluation.labels",),
        lambda task: task.evaluation.labels,
        lambda task: words.LABELS[task.evaluation.labels],
        _always("score"),
    ),
    ComparedField(
        "texts",
        ("evaluation.prompts",),
        lambda task: task.evaluation.prompts,
        lambda task: words.prompt_words(task.evaluation) or "no texts",
        _always("score"),
    ),
    ComparedField(
        "actions",
        ("data.actions",),
        lambda task: task.data.actions,
        lambda task: words.action_words(task.data) or "no actions",
        _always("score"),
    ),
    ComparedField(
        "windows",
        ("evaluation.window_frames",),
        lambda task: task.evaluation.window_frames,
        lambda task: words.window_words(task) or "no windows",
        _always("beside"),
    ),
    ComparedField(
        "precision",
        ("evaluation.precision",),
        lambda task: task.evaluation.precision,
        lambda task: words.precision_words(task.evaluation),
        _always("draw"),
    ),
    ComparedField(
        "bounds",
        ("evaluation.floor", "evaluation.ceiling"),
        lambda task: (task.evaluation.floor, task.evaluation.ceiling),
        lambda task: f"floor '{task.evaluation.floor}', ceiling '{task.evaluation.ceiling}'",
        _always("beside"),
    ),
    ComparedField(
        "truncation",
        ("evaluation.truncation_sweep",),
        lambda task: task.evaluation.truncation_sweep,
        lambda task: words.sweep_words(task.evaluation.truncation_sweep) or "none",
        _always("beside"),
    ),
    ComparedField(
        "status",
        ("status",),
        lambda task: task.status,
        lambda task: f"{task.status}{f', use {task.successor}' if task.successor else ''}",
        _always("beside"),
    ),
)
"""Every field of a protocol, in the order of a task file; names, words and the list of metrics are not among them."""
