"""Task files of tests."""

from __future__ import annotations

from collections.abc import Sequence


def task_text(
    name: str,
    *,
    num_clips: int | str,
    num_samples: int | str,
    metrics: Sequence[str],
    dataset: str = "shapes",
    evaluation_split: str = "test",
    num_frames: int = 12,
    context_frames: int = 0,
    resize: str = "none",
    crop: str = "none",
    labels: str = "balanced",
    more: str = "",
) -> str:
    """Return a task of 32x32 clips as TOML; ``more`` is added to the section ``evaluation``."""
    quoted = ", ".join(f'"{metric}"' for metric in metrics)
    clips = num_clips if isinstance(num_clips, int) else f'"{num_clips}"'
    context = f"context_frames = {context_frames}\n" if context_frames else ""
    return f"""
name = "{name}"
version = 1
title = "A small task for tests"
[data]
dataset = "{dataset}"
train_split = "train"
reference_split = "train"
evaluation_split = "{evaluation_split}"
[clips]
num_frames = {num_frames}
{context}height = 32
width = 32
resize = "{resize}"
crop = "{crop}"
[reference]
num_clips = {clips}
[evaluation]
num_samples = {num_samples}
labels = "{labels}"
metrics = [{quoted}]
{more}"""


def prediction_text(name: str, num_clips: int, num_samples: int, more: str = "") -> str:
    """Return a task that predicts 11 frames of moving shapes from 5, without labels; ``more`` as in `task_text`."""
    return task_text(
        name,
        num_clips=num_clips,
        num_samples=num_samples,
        num_frames=16,
        context_frames=5,
        labels="none",
        metrics=("fvd-shapes",),
        more=more,
    )


def videos_task(dataset: str, num_samples: int) -> str:
    """Return a task on the split ``train`` of a folder of videos."""
    return task_text(
        "videos",
        dataset=dataset,
        evaluation_split="train",
        resize="pil-box",
        crop="center",
        num_clips="all",
        num_samples=num_samples,
        labels="none",
        metrics=("fvd-shapes",),
    )
