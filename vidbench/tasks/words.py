"""A protocol in words: what `vidbench tasks show` prints."""

from __future__ import annotations

import textwrap

from vidbench.tasks.schema import Task
from vidmetrics.definitions import get_metric

_WIDTH = 100
_SOURCES = {
    "shapes": "embedded moving shapes",
    "kinetics": "a folder laid out as Kinetics (--data DIR)",
    "kinetics-600": "Kinetics-600, classes in the order of the 600 official names (--data DIR)",
    "ucf101": "UCF-101 with its official lists (--data DIR)",
    "bair-image-aux1": "BAIR robot pushing, camera image_aux1 (--data DIR)",
    "bair-image-main": "BAIR robot pushing, camera image_main (--data DIR)",
    "folder": "a folder of videos without labels (--data DIR)",
}


def describe(task: Task) -> str:
    """Return the whole protocol as text: every number that decides the score, and where each choice comes from."""
    lines = [f"{task.name} v{task.version}: {task.title}", ""]
    if task.description:
        lines += [textwrap.fill(" ".join(task.description.split()), _WIDTH), ""]
    for title, text in _sentences(task):
        lines += textwrap.wrap(text, _WIDTH, initial_indent=f"{title:<12}", subsequent_indent=" " * 12)
    lines += ["", "metrics"]
    for name in task.evaluation.metrics:
        metric = get_metric(name)
        better = "higher is better" if metric.higher_is_better else "lower is better"
        lines += textwrap.wrap(
            f"{name}: {metric.title} ({better}). {metric.source}", _WIDTH, initial_indent="  ", subsequent_indent="    "
        )
    if task.notes:
        lines += ["", "where it comes from"]
    for note in task.notes:
        origin = "published" if note.origin == "published" else "our choice"
        text = f"[{origin}] {note.what}" + (f" - {note.source}" if note.source else "")
        lines += textwrap.wrap(text, _WIDTH, initial_indent="  ", subsequent_indent="    ")
    return "\n".join([*lines, "", f"fingerprint {task.fingerprint}"])


def _sentences(task: Task) -> list[tuple[str, str]]:
    data, clips, evaluation = task.data, task.clips, task.evaluation
    source = _SOURCES[data.dataset]
    size = f"{clips.num_frames} frames, {clips.height}x{clips.width} pixels, {_ordinal(clips.stride)} frame"
    fitting = "used as they are" if clips.resize == "none" else f"resized by {clips.resize}"
    window = "the whole frame" if clips.crop == "none" else "the largest central window"
    reference = "all clips" if task.reference.num_clips == "all" else f"the first {task.reference.num_clips:,} clips"
    given = (
        f"{clips.context_frames} frames are given, {task.predicted_frames} are predicted; the scored clip holds both"
        if clips.context_frames
        else "no frames are given"
    )
    # As `vidbench.bounds.disjoint_real` chooses it.
    apart = data.evaluation_split != data.reference_split
    real_split = data.evaluation_split if apart else data.train_split
    labels = {
        "balanced": "sample i is of class i modulo the number of classes",
        "evaluation": "sample i has the label of evaluation clip i",
        "none": "no labels are given",
    }[evaluation.labels]
    return [
        ("data", f"{source}; models train on '{data.train_split}'; at least {data.min_coverage:.1%} must be present"),
        ("clips", f"{size}; {window}, {fitting}; {clips.clips_per_video} per video, starts from seed {clips.seed}"),
        ("given", f"{given}; {labels}"),
        ("reference", f"{reference} of split '{data.reference_split}'"),
        ("samples", f"exactly {evaluation.num_samples:,}, each scored once, seed {evaluation.seed}"),
        ("precision", f"official with: {', '.join(evaluation.precision)}"),
        (
            "bounds",
            f"floor '{evaluation.floor}' (split '{real_split}'), ceiling '{evaluation.ceiling}', "
            "both at the same number of samples",
        ),
        *_truncation(evaluation.truncation_sweep),
    ]


def _truncation(sweep: tuple[float, ...]) -> list[tuple[str, str]]:
    sigmas = ", ".join(f"{sigma:g}" for sigma in sweep)
    text = f"the score is without; models that offer it are measured at sigma {sigmas} too"
    return [("truncation", text)] if sweep else []


def _ordinal(stride: int) -> str:
    return {1: "every", 2: "every second", 3: "every third"}.get(stride, f"every {stride}th")
