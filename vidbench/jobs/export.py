"""Writing what a sampler elsewhere needs: the given frames of a task, its labels and seeds, and what to carry forward."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from vidbench.data.clip_dataset import ClipDataset
from vidbench.errors import InputError
from vidbench.files import digest, file_sha256, write_text
from vidbench.jobs.sample import clips_to_answer, write_png
from vidbench.progress import Progress
from vidbench.samples.exchange import shard_name, shard_size, write_shard
from vidbench.samples.export_folder import CONTEXT, EXPORT_NAME, FORMAT_NAME, FORMAT_VERSION, TARGETS, ExportManifest
from vidbench.samples.manifest import FORMAT_NAME as SAMPLES_FORMAT
from vidbench.samples.manifest import FORMAT_VERSION as SAMPLES_VERSION
from vidbench.samples.manifest import MANIFEST_NAME, Answers, SamplesManifest, Shard
from vidbench.samples.media import FrameFolderSamples
from vidbench.samples.pairing import context_digests, task_answers, task_stamp
from vidbench.scoring.clip_sources import sample_labels
from vidbench.scoring.seeds import sample_seeds
from vidbench.tasks import Task, load_task

Kind = Literal["npy", "png"]
_PLAN_NAME = "plan.json"


def export_task(
    task_name: str,
    data: Path | None,
    output: Path,
    num_samples: int | None,
    targets: bool,
    kind: Kind,
    progress: Progress,
) -> None:
    """Write an export; see `vidbench.exports` for what is in it.

    The folder appears only when everything is in it. A run that was stopped goes on: finished files wait beside it, in a
    hidden folder that belongs to this task, these clips and this form alone.

    Args:
        task_name: task name or path of a task file.
        data: data folder, for tasks that read one.
        output: folder to write; it must not exist.
        num_samples: how many in each run of the task; None for the task's number.
        targets: also write the frames that followed.
        kind: the exchange format, or a folder of PNG files per clip; both keep every pixel.
        progress: where progress is shown.

    Raises:
        InputError: bad input, the folder is there already, or targets of a task that gives no frames.
    """
    task = load_task(task_name).task
    per_run = task.evaluation.num_samples if num_samples is None else num_samples
    count = per_run * task.evaluation.repeats
    if output.exists():
        raise InputError(f"The output folder {output} exists already: name a new one, so that nothing is mixed up.")
    if targets and not task.clips.context_frames:
        raise InputError(f"The task '{task.name}' gives no frames, so no clip follows from any: leave out --targets.")
    evaluation = clips_to_answer(task, data, per_run)
    labels = sample_labels(task, np.arange(count), evaluation)
    parts = _parts(task, targets)
    working = _working_folder(output, task, evaluation, count, kind, sorted(parts))
    shards, found = _write_clips(working, task, evaluation, count, parts, kind, progress)
    answers = task_answers(task, evaluation, count, task.evaluation.seed, found if parts else None)
    for part in shards:
        _write_manifest(working, part, task, count, parts[part], shards[part], answers)
    manifest = ExportManifest(
        format=FORMAT_NAME,
        version=FORMAT_VERSION,
        task=task_stamp(task),
        num_samples=count,
        num_frames=task.predicted_frames,
        context_frames=task.clips.context_frames,
        height=task.clips.height,
        width=task.clips.width,
        seeds=tuple(sample_seeds(task.evaluation.seed, np.arange(count)).tolist()),
        labels=None if labels is None else tuple(labels.tolist()),
        answers=answers,
    )
    write_text(working / EXPORT_NAME, manifest.model_dump_json(indent=1) + "\n")
    (working / _PLAN_NAME).unlink()
    working.replace(output)


def _parts(task: Task, targets: bool) -> dict[str, slice]:
    """Which frames of a clip go into which folder."""
    given = task.clips.context_frames
    if not given:
        return {}
    return {CONTEXT: slice(0, given)} | ({TARGETS: slice(given, None)} if targets else {})


def _working_folder(
    output: Path, task: Task, evaluation: ClipDataset, count: int, kind: Kind, parts: list[str]
) -> Path:
    """The hidden folder of an unfinished export: that of a stopped run, if it was to write the very same."""
    working = output.with_name(f".{output.name}.partial")
    plan = {
        "sha256": digest([task.fingerprint, evaluation.identity_sha256, count, kind, parts]),
        "content": "an export that was not finished; the same command goes on from here",
    }
    text = json.dumps(plan, indent=1) + "\n"
    if not (working / _PLAN_NAME).is_file() or (working / _PLAN_NAME).read_text(encoding="utf-8") != text:
        shutil.rmtree(working, ignore_errors=True)
        write_text(working / _PLAN_NAME, text)
    for leftover in working.glob("*/.*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
    return working


def _write_clips(
    working: Path,
    task: Task,
    evaluation: ClipDataset,
    count: int,
    parts: Mapping[str, slice],
    kind: Kind,
    progress: Progress,
) -> tuple[dict[str, list[Shard]], list[str]]:
    """Write the clips of all parts, each decoded once; returns the shards of each and the digests of the given frames."""
    if not parts:
        return {}, []
    clips = task.clips
    for part in parts:
        (working / part).mkdir(exist_ok=True)
    found: list[str] = []
    shards: dict[str, list[Shard]] = {part: [] for part in parts} if kind == "npy" else {}
    size = shard_size(clips.num_frames, clips.height, clips.width)
    with progress.stage(f"Clips of {task.name}", count) as advance:
        for number, indices in enumerate(_chunks(count, size)):
            files = {part: _files(working / part, kind, number, indices) for part in parts}
            if not all(path.exists() for paths in files.values() for path in paths):
                clips_NTHWC = evaluation.read(indices)
                for part, frames in parts.items():
                    _write(working / part, kind, number, indices, np.ascontiguousarray(clips_NTHWC[:, frames]))
            found += context_digests(_read_back(files[CONTEXT], kind))
            for part, entries in shards.items():
                path = files[part][0]
                entries.append(Shard(file=path.name, num_samples=len(indices), sha256=file_sha256(path)))
            advance(len(indices))
    return shards, found


def _chunks(count: int, size: int) -> Iterator[np.ndarray]:
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def _files(folder: Path, kind: Kind, number: int, indices: np.ndarray) -> list[Path]:
    """What a chunk consists of."""
    return [folder / shard_name(number)] if kind == "npy" else [folder / f"{index:06d}" for index in indices]


def _write(folder: Path, kind: Kind, number: int, indices: np.ndarray, clips_NTHWC: np.ndarray) -> None:
    if kind == "npy":
        write_shard(folder, number, clips_NTHWC)
        return
    for index, clip_THWC in zip(indices, clips_NTHWC, strict=True):
        path = folder / f"{index:06d}"
        if not path.exists():
            write_png(path.with_name(f".{path.name}"), clip_THWC)
            path.with_name(f".{path.name}").replace(path)


def _read_back(files: list[Path], kind: Kind) -> np.ndarray:
    """The clips of a chunk as they lie on disk: what is stated of them is stated of these bytes."""
    if kind == "npy":
        clips_NTHWC: np.ndarray = np.load(files[0], mmap_mode="r", allow_pickle=False)
        return clips_NTHWC
    return FrameFolderSamples(files).read(np.arange(len(files)))


def _write_manifest(
    working: Path, part: str, task: Task, count: int, frames: slice, shards: list[Shard], answers: Answers
) -> None:
    clips = task.clips
    manifest = SamplesManifest(
        format=SAMPLES_FORMAT,
        version=SAMPLES_VERSION,
        num_samples=count,
        num_frames=len(range(clips.num_frames)[frames]),
        height=clips.height,
        width=clips.width,
        dtype="uint8",
        task=task_stamp(task),
        # What really followed can be scored as it lies there; the given frames answer nothing.
        answers=answers if part == TARGETS else None,
        shards=tuple(shards),
    )
    write_text(working / part / MANIFEST_NAME, manifest.model_dump_json(indent=1) + "\n")
