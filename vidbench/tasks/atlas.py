"""The atlas: every shipped protocol as a row of one table, docs/atlas.md, which `tools/write_atlas.py` writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vidbench.tasks.clip_words import crop_words, order_words, start_words, stride_words
from vidbench.tasks.field_words import resize_words
from vidbench.tasks.schema import ClipSpec, Task

COLUMNS = (
    "task",
    "dataset",
    "splits: reference, held out",
    "clips",
    "samples / real clips",
    "frames",
    "context frames",
    "stride",
    "start",
    "size and kernel",
    "metrics",
    "published where",
    "results",
)

_HEAD = """# The atlas of protocols

Every shipped task in one table, generated from the task files by `tools/write_atlas.py`. `vidbench tasks show TASK` has each in full, with the
source of every choice; [comparing-protocols.md](comparing-protocols.md) lays two side by side; [metrics.md](metrics.md) and
[conventions.md](conventions.md) say what a metric id is; [datasets](datasets/ucf101.md) has a page for each dataset.

- **Clips**: from which videos, in which order. **Samples / real clips**: of one run; "x 10" is the number of runs.
- **Frames, context frames**: of a scored clip, which contains both. **Stride, start, size and kernel** are those of the reference set; where the
  held-out clips of a prediction differ, they stand behind "held out:".
- **Published where**: the first published source in the notes of the task. What a note calls "ours" is in no paper.
- **Results**: what results of the task are, if weights and data are proven and complete as well.
"""


def atlas_page(tasks: Iterable[Task]) -> str:
    """Return the page of the atlas as Markdown: one row for each task, by dataset and name."""
    rows = [_row(task) for task in sorted(tasks, key=lambda task: (task.data.dataset, task.name))]
    lines = [_HEAD, _line(COLUMNS), "|" + "---|" * len(COLUMNS)]
    return "\n".join([*lines, *(_line(row) for row in rows)]) + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _row(task: Task) -> tuple[str, ...]:
    data, real = task.data, task.reference_clips
    return (
        f"`{task.name}` v{task.version}, {task.does.name}",
        f"`{data.dataset}`",
        f"{data.reference_split}, {data.evaluation_split}",
        _per_side(task, _which),
        _counts(task),
        f"{task.clips.num_frames}",
        f"{task.clips.context_frames}" if task.clips.context_frames else "none",
        _per_side(task, stride_words),
        _per_side(task, lambda clips: start_words(clips.starts, clips.seed)),
        f"{real.width}x{real.height}, {_per_side(task, lambda clips: f'{crop_words(clips)}, {resize_words(clips)}')}",
        ", ".join(f"`{metric}`" for metric in task.evaluation.metrics),
        _published(task),
        _results(task),
    )


def _per_side(task: Task, words: Callable[[ClipSpec], str]) -> str:
    real, held = words(task.reference_clips), words(task.clips)
    # What is held out of a generation is its floor alone.
    return real if real == held or task.does.name == "generate" else f"{real}; held out: {held}"


def _which(clips: ClipSpec) -> str:
    if clips.draw == "replacement":
        return "videos drawn with replacement"
    videos = "as many as a video has" if clips.starts == "disjoint" else f"{clips.clips_per_video} per video"
    return f"{videos}, {order_words(clips) or 'order from a seed'}"


def _counts(task: Task) -> str:
    evaluation, wanted = task.evaluation, task.reference.num_clips
    samples = f"{evaluation.num_samples:,}"
    if evaluation.samples_per_context > 1:
        samples += f" ({evaluation.samples_per_context} per context)"
    runs = f" x {evaluation.repeats}" if evaluation.repeats > 1 else ""
    return f"{samples}{runs} / {wanted if wanted == 'all' else f'{wanted:,}'}"


def _published(task: Task) -> str:
    sources = [note.source for note in task.notes if note.origin == "published" and note.source]
    return sources[0].split(";")[0].split(": ")[0] if sources else "nowhere"


def _results(task: Task) -> str:
    if task.status == "broken" or task.clips.pixels != "exact":
        return "unofficial"
    if task.status == "deprecated":
        return f"deprecated: use `{task.successor}`" if task.successor else "deprecated"
    return "official, without ranks" if task.unranked else "official"
