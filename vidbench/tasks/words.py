"""A protocol in words: what `vidbench tasks show` prints."""

from __future__ import annotations

import textwrap

from vidbench.rendering.numbers import counted
from vidbench.tasks.clip_words import crop_words, plan_words, stride_words
from vidbench.tasks.datasets import DATASETS
from vidbench.tasks.schema import ClipSpec, EvaluationSpec, Task
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
    source = DATASETS[data.dataset].title + ("" if data.embedded else " (--data DIR)")
    size = f"{clips.num_frames} frames, {clips.width}x{clips.height} pixels, {stride_words(clips)}"
    wanted = task.reference.num_clips
    reference = "all clips" if wanted == "all" else f"the first {wanted:,} clips"
    context = (
        f"{counted(clips.context_frames, 'context frame')}, {task.predicted_frames} predicted; the "
        "scored clip contains both"
        if clips.context_frames
        else "no context frames"
    )
    # As `vidbench.scoring.bounds.disjoint_real` chooses it.
    apart = data.evaluation_split != data.reference_split
    real_split = f"split '{data.evaluation_split if apart else data.train_split}'"
    if "all" == data.reference_split != data.evaluation_split:
        real_split = "none, the reference set contains every video"
    labels = {
        "balanced": "sample i has class i modulo the number of classes",
        "evaluation": "sample i has the label of evaluation clip i",
        "none": "no labels",
    }[evaluation.labels]
    held = (
        f"exactly the videos of the frozen list of {data.frozen} ({data.frozen_sha256[:12]}), with the frames that it records"
        if data.frozen
        else f"at least {data.min_coverage:.1%} of the videos are required"
    )
    return [
        ("data", f"{source}; models train on '{data.train_split}'; {held}"),
        ("clips", f"{size}; {_fitting(clips)}; {plan_words(clips)}"),
        *_pixels(clips),
        ("context", f"{context}; {labels}"),
        *_prompts(evaluation),
        ("reference", f"{reference} of split '{data.reference_split}'{_own_plan(task)}"),
        ("samples", _samples(task)),
        ("precision", f"official with: {', '.join(evaluation.precision)}"),
        (
            "bounds",
            f"floor '{evaluation.floor}' ({real_split}), ceiling '{evaluation.ceiling}', "
            "both with the same number of samples",
        ),
        *_truncation(evaluation.truncation_sweep),
    ]


def _pixels(clips: ClipSpec) -> list[tuple[str, str]]:
    if clips.pixels == "exact":
        return []
    return [("pixels", "FFmpeg's default conversion to RGB, for comparison with published numbers; never official")]


def _fitting(clips: ClipSpec) -> str:
    kernel = f" by {clips.via_resize}" if clips.via_resize else ""
    via = f"to {clips.via[1]}x{clips.via[0]}{kernel} and then " if clips.via else ""
    return f"{crop_words(clips)}, " + ("not resized" if clips.resize == "none" else f"resized {via}by {clips.resize}")


def _own_plan(task: Task) -> str:
    clips, reference = task.clips, task.reference_clips
    if reference == clips:
        same = task.data.reference_split == task.data.evaluation_split and task.kind == "prediction"
        return ": the same windows as the context frames" if same and clips.draw == "once" else ""
    own = plan_words(reference)
    stride = f"; {stride_words(reference)}" if stride_words(reference) != stride_words(clips) else ""
    fitting = f"; {_fitting(reference)}" if (reference.crop, reference.via) != (clips.crop, clips.via) else ""
    return f" with their own plan: {own}{stride}{fitting}"


def _samples(task: Task) -> str:
    evaluation = task.evaluation
    count = f"exactly {evaluation.num_samples:,}"
    if evaluation.samples_per_context > 1:
        contexts = evaluation.num_samples // evaluation.samples_per_context
        count += f" ({evaluation.samples_per_context:,} from each of {contexts:,} clips)"
    if evaluation.repeats > 1:
        count += f" in each of {evaluation.repeats} runs, whose mean is the score"
    return f"{count}, each scored once, seed {evaluation.seed}"


def _prompts(evaluation: EvaluationSpec) -> list[tuple[str, str]]:
    which = {"first": "the first caption", "drawn": f"a caption, drawn with seed {evaluation.seed},"}.get(
        evaluation.prompts
    )
    return [("prompts", f"{which} of evaluation clip i is the text of sample i")] if which else []


def _truncation(sweep: tuple[float, ...]) -> list[tuple[str, str]]:
    sigmas = ", ".join(f"{sigma:g}" for sigma in sweep)
    text = f"none for the score; models that support it are also measured at sigma {sigmas}"
    return [("truncation", text)] if sweep else []
