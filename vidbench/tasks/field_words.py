"""The fields of a protocol in words, each on its own: `vidbench tasks show` joins them, `vidbench tasks diff` compares them."""

from __future__ import annotations

from vidbench.rendering.numbers import counted
from vidbench.tasks.datasets import DATASETS
from vidbench.tasks.schema import ClipSpec, Crop, DataSpec, EvaluationSpec, ReferenceSpec, Starts, Task

WINDOWS: dict[Crop, str] = {
    "none": "the whole frame",
    "center": "the largest central window",
    "three": "the largest windows at the start, the centre and the end of the longer side",
}
"""What of a frame a clip shows."""

LABELS = {
    "balanced": "sample i has class i modulo the number of classes",
    "evaluation": "sample i has the label of evaluation clip i",
    "none": "no labels",
}
"""What a model learns of the class of a sample."""


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


def stride_words(clips: ClipSpec) -> str:
    """Return which frames of the video a clip takes."""
    named = {1: "every", 2: "every second", 3: "every third"}
    return f"{named.get(clips.stride, f'every {clips.stride}th')} frame"


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
        return "no context frames"
    return f"{context}, {task.predicted_frames} predicted; the scored clip contains both"


def start_words(starts: Starts, seed: int) -> str:
    """Return where in a video its clips begin."""
    return {
        "uniform": f"starts from seed {seed}",
        "first": "starts at frame 0",
        "even": "starts spread evenly over the video",
        "all": "one at every possible start",
    }[starts]


def videos_words(clips: ClipSpec) -> str:
    """Return how many clips a video gives, or how videos are drawn."""
    if clips.draw == "replacement":
        return f"videos drawn with replacement from seed {clips.seed}"
    videos = f"{clips.clips_per_video} per video"
    if clips.crop == "three":
        videos += f" ({clips.starts_per_video} temporal x 3 spatial windows)"
    return videos


def spare_words(clips: ClipSpec) -> str:
    """Return what becomes of the clips of missing videos; ``""`` if nothing does."""
    return "clips of missing videos are replaced by the next ones of the plan" if clips.spares == "next" else ""


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
    return count


def precision_words(evaluation: EvaluationSpec) -> str:
    """Return the precisions that are official."""
    return f"official with: {', '.join(evaluation.precision)}"


def sweep_words(sweep: tuple[float, ...]) -> str:
    """Return at which truncations models are measured besides; ``""`` for none."""
    sigmas = ", ".join(f"{sigma:g}" for sigma in sweep)
    return f"none for the score; models that support it are also measured at sigma {sigmas}" if sweep else ""
