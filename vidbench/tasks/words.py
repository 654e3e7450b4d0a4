"""A protocol in words: what `vidbench tasks show` prints."""

from __future__ import annotations

import textwrap

from vidbench.tasks.clip_words import crop_words, plan_words, stride_words
from vidbench.tasks.field_words import (
    LABELS,
    action_words,
    codec_words,
    context_words,
    count_words,
    held_words,
    length_words,
    pixel_words,
    precision_words,
    prompt_words,
    reference_words,
    resize_words,
    size_words,
    source_words,
    sweep_words,
    window_words,
)
from vidbench.tasks.schema import ClipSpec, Task
from vidmetrics.catalog.definitions import get_metric

_WIDTH = 100


def protocol_text(task: Task) -> str:
    """Return the whole protocol as text: every number that determines the score, and the source of each choice."""
    lines = [f"{task.name} v{task.version}: {task.title}", ""]
    if task.status != "active":
        lines += [textwrap.fill(status_sentence(task), _WIDTH, break_on_hyphens=False), ""]
    if task.unranked:
        lines += [textwrap.fill(f"Its results are not ranked: {task.unranked}.", _WIDTH, break_on_hyphens=False), ""]
    if task.description:
        lines += [textwrap.fill(" ".join(task.description.split()), _WIDTH, break_on_hyphens=False), ""]
    for title, text in _sentences(task):
        lines += _wrapped(text, f"{title:<12}", " " * 12)
    lines += ["", "metrics"]
    for name in task.evaluation.metrics:
        metric = get_metric(name)
        better = "higher is better" if metric.higher_is_better else "lower is better"
        lines += _wrapped(f"{name}: {metric.title} ({better}). {metric.source}", "  ", "    ")
    if task.notes:
        lines += ["", "sources"]
    for note in task.notes:
        origin = "published" if note.origin == "published" else "our choice"
        text = f"[{origin}] {note.what}" + (f" - {note.source}" if note.source else "")
        lines += _wrapped(text, "  ", "    ")
    return "\n".join([*lines, "", f"fingerprint {task.fingerprint}"])


def status_sentence(task: Task) -> str:
    """Say that a task is deprecated or broken, why, and what to use instead; ``""`` for an active one."""
    if task.status == "active":
        return ""
    effect = ", so that its results are unofficial" if task.status == "broken" else ""
    instead = f"; use '{task.successor}' instead" if task.successor else ""
    return f"The task '{task.name}' is {task.status}{effect}: {task.reason.rstrip('.')}{instead}."


def _wrapped(text: str, first: str, others: str) -> list[str]:
    # Keep names such as pil-bicubic whole, so that a search finds them.
    return textwrap.wrap(text, _WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)


def _sentences(task: Task) -> list[tuple[str, str]]:
    data, clips, evaluation = task.data, task.clips, task.evaluation
    size = f"{length_words(clips)}, {size_words(clips)}, {stride_words(clips)}"
    # As `vidbench.scoring.bounds.disjoint_real` chooses it.
    apart = data.evaluation_split != data.reference_split
    real_split = f"split '{data.evaluation_split if apart else data.train_split}'"
    if "all" == data.reference_split != data.evaluation_split:
        real_split = "none, the reference set contains every video"
    return [
        ("data", f"{source_words(data)}; models train on '{data.train_split}'; {held_words(data)}"),
        ("clips", f"{size}; {_fitting(clips)}; {plan_words(clips)}"),
        *_pixels(clips),
        ("context", f"{context_words(task)}; {LABELS[evaluation.labels]}"),
        *([("prompts", prompt_words(evaluation))] if evaluation.prompts != "none" else []),
        *([("actions", action_words(data))] if data.actions else []),
        ("reference", f"{reference_words(task.reference)} of split '{data.reference_split}'{_own_plan(task)}"),
        ("samples", f"{count_words(evaluation)}, each scored once, seed {evaluation.seed}"),
        *([("codec", codec_words(evaluation))] if evaluation.codec != "none" else []),
        ("precision", precision_words(evaluation)),
        (
            "bounds",
            f"floor '{evaluation.floor}' ({real_split}), ceiling '{evaluation.ceiling}', "
            "both with the same number of samples",
        ),
        *([("windows", window_words(task))] if task.time_windows else []),
        *([("truncation", sweep_words(evaluation.truncation_sweep))] if evaluation.truncation_sweep else []),
    ]


def _pixels(clips: ClipSpec) -> list[tuple[str, str]]:
    return [] if clips.pixels == "exact" else [("pixels", pixel_words(clips))]


def _fitting(clips: ClipSpec) -> str:
    return f"{crop_words(clips)}, {resize_words(clips)}"


def _own_plan(task: Task) -> str:
    clips, reference = task.clips, task.reference_clips
    if task.reference.paired:
        return ": the true clips, of the contexts or labels that the samples are made for"
    if reference == clips:
        same = task.data.reference_split == task.data.evaluation_split and task.does.given != "nothing"
        return f": the same windows as the {task.does.given_words}" if same and clips.draw == "once" else ""
    own = plan_words(reference)
    stride = f"; {stride_words(reference)}" if stride_words(reference) != stride_words(clips) else ""
    fitting = f"; {_fitting(reference)}" if (reference.crop, reference.via) != (clips.crop, clips.via) else ""
    return f" with their own plan: {own}{stride}{fitting}"
