"""The fields of a protocol in words besides its clip plan: `vidbench tasks show` joins them, `vidbench tasks diff` compares them."""

from __future__ import annotations

from vidbench.rendering.numbers import counted
from vidbench.tasks.datasets import DATASETS
from vidbench.tasks.schema import ClipSpec, DataSpec, EvaluationSpec, ReferenceSpec, Task

LABELS = {
    "balanced": "sample i has class i modulo the number of classes",
    "evaluation": "sample i has the label of evaluation clip i",
    "none": "no labels",
}
"""What a model learns of the class of a sample."""


_WITHOUT_CONTEXT = {
    "nothing": "no context frames",
    "clip": "the model is given the whole clip and returns it as well as it can; what it returns is scored",
}


def source_words(data: DataSpec) -> str:
    """Return the dataset, and whether it is read from a folder."""
    folder = "" if data.embedded else " (--data DIR)"
    return f"{DATASETS[data.dataset].title}{folder}"


def held_words(data: DataSpec) -> str:
    """Return which of the videos are required."""
    if data.frozen:
        return f"exactly the videos of the frozen list of {data.frozen} ({data.frozen_sha256[:12]}), with the frames that it records"
    return f"at least {data.min_coverage:.1%} of the videos are required"


def length_words(clips: ClipSpec) -> str:
    """Return the length of a clip."""
    return f"{clips.num_frames} frames"


def size_words(clips: ClipSpec) -> str:
    """Return the size of a frame, width first."""
    return f"{clips.width}x{clips.height} pixels"


def via_words(clips: ClipSpec) -> str:
    """Return the intermediate size; ``""`` without one."""
    kernel = f" by {clips.via_resize}" if clips.via_resize else ""
    return f"to {clips.via[1]}x{clips.via[0]}{kernel} and then " if clips.via else ""


def resize_words(clips: ClipSpec) -> str:
    """Return how a window becomes as large as the clip."""
    return "not resized" if clips.resize == "none" else f"resized {via_words(clips)}by {clips.resize}"


def pixel_words(clips: ClipSpec) -> str:
    """Return how decoded video becomes RGB."""
    if clips.pixels == "exact":
        return "the exact conversion to RGB"
    return "FFmpeg's default conversion to RGB, for comparison with published numbers; never official"


def context_words(task: Task) -> str:
    """Return how many frames of a clip are context."""
    context = counted(task.clips.context_frames, "context frame")
    if not task.clips.context_frames:
        return _WITHOUT_CONTEXT[task.does.given]
    return f"{context}, {task.predicted_frames} predicted; the scored clip contains both"


def reference_words(reference: ReferenceSpec) -> str:
    """Return how many clips the reference set has."""
    wanted = reference.num_clips
    return "all clips" if wanted == "all" else f"the first {wanted:,} clips"


def count_words(evaluation: EvaluationSpec) -> str:
    """Return how many samples are scored, of how many contexts and in how many runs."""
    count = f"exactly {evaluation.num_samples:,}"
    if evaluation.samples_per_context > 1:
        contexts = evaluation.num_samples // evaluation.samples_per_context
        count += f" ({evaluation.samples_per_context:,} from each of {contexts:,} clips)"
    if evaluation.repeats > 1:
        count += f" in each of {evaluation.repeats} runs, whose mean is the score"
    if evaluation.contexts == "averaged":
        count += f"; {average_words(evaluation)}"
    return count


def average_words(evaluation: EvaluationSpec) -> str:
    """Return how the samples of one context count together."""
    if evaluation.contexts == "pooled":
        return "all samples are scored together"
    return f"the score is the mean of {evaluation.samples_per_context}, each of one sample of every clip"


def codec_words(evaluation: EvaluationSpec) -> str:
    """Return what clips pass through before they are scored."""
    if evaluation.codec == "none":
        return "no codec"
    return f"clips of both sides pass through {evaluation.codec} before they are scored; never official"


def precision_words(evaluation: EvaluationSpec) -> str:
    """Return the precisions that are official."""
    return f"official with: {', '.join(evaluation.precision)}"


def prompt_words(evaluation: EvaluationSpec) -> str:
    """Return which text a sample has; ``""`` for none."""
    drawn = f"a caption, drawn with seed {evaluation.seed},"
    which = {"first": "the first caption", "drawn": drawn}.get(evaluation.prompts)
    return f"{which} of evaluation clip i is the text of sample i" if which else ""


def action_words(data: DataSpec) -> str:
    """Return what models learn of the actions between frames; ``""`` for nothing."""
    size = counted(data.action_size, "number")
    return (
        f"what was done between all frames of the clip, {size} each: {DATASETS[data.dataset].action}"
        if data.actions
        else ""
    )


def window_words(task: Task) -> str:
    """Return the windows against time; ``""`` for none."""
    windows = task.time_windows
    if not windows:
        return ""
    return f"every metric also in {len(windows)} windows of {len(windows[0])} predicted frames, as a curve against time"


def sweep_words(sweep: tuple[float, ...]) -> str:
    """Return at which truncations models are measured besides; ``""`` for none."""
    sigmas = ", ".join(f"{sigma:g}" for sigma in sweep)
    return f"none for the score; models that support it are also measured at sigma {sigmas}" if sweep else ""
