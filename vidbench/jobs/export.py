"""Export what an external sampler needs: context frames, labels, seeds, and the ids that samples must carry."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np

from vidbench.data import check_data_folder
from vidbench.data.clip_dataset import ClipDataset, clips_with_actions
from vidbench.data.folders.inventory import take_inventory
from vidbench.data.folders.suffixes import IMAGE_SUFFIXES
from vidbench.distributed.launcher import require_single_process
from vidbench.errors import InputError
from vidbench.files import check_writable, digest, failures_named, file_sha256, sync_tree, write_array, write_text
from vidbench.jobs.sample import clips_to_answer, refuse_existing
from vidbench.progress import Progress, warn
from vidbench.samples.exchange import shard_name, shard_size, write_shard
from vidbench.samples.export_folder import (
    ACTIONS,
    CONTEXT,
    EXPORT_NAME,
    FORMAT_NAME,
    FORMAT_VERSION,
    TARGETS,
    ExportManifest,
)
from vidbench.samples.manifest import FORMAT_NAME as SAMPLES_FORMAT
from vidbench.samples.manifest import FORMAT_VERSION as SAMPLES_VERSION
from vidbench.samples.manifest import MANIFEST_NAME, Answers, SamplesManifest, Shard
from vidbench.samples.media import FrameFolderSamples
from vidbench.samples.one_clip import write_png
from vidbench.samples.pairing import context_digests, task_answers, task_stamp
from vidbench.samples.unfinished import PLAN_NAME, WRITTEN_NAME, note_chunk, noted_chunks, planned
from vidbench.scoring.clip_sources import sample_labels
from vidbench.scoring.run_plan import refuse_large_batch
from vidbench.scoring.seeds import sample_seeds
from vidbench.tasks import Task, load_task
from vidbench.tasks.limits import check_total_samples
from vidmetrics.locks import sole_writer

Kind = Literal["npy", "png"]


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """What a user may choose about an export.

    Attributes:
        output: folder to write; it must not exist, and it appears only when complete.
        data: data folder, for tasks that read one.
        ignore: patterns of entries of the folder to leave out.
        num_samples: samples per run of the task; None for the task's number.
        targets: also write the frames that follow the context frames.
        kind: the exchange format, or a folder of PNG files per clip; both are lossless.
    """

    output: Path
    data: Path | None = None
    ignore: tuple[str, ...] = ()
    num_samples: int | None = None
    targets: bool = False
    kind: Kind = "npy"


def export_task(task_name: str, options: ExportOptions, progress: Progress) -> None:
    """Write an export; see `vidbench.samples.export_folder` for its contents.

    An interrupted export is resumed: finished files are kept next to the output, in a hidden folder that is valid only for
    the same task, clips and format.

    Args:
        task_name: task name or path of a task file.
        options: what the user chose.
        progress: where progress is shown.

    Raises:
        InputError: bad input, the folder exists, or targets of a task without context frames.
    """
    require_single_process("data export")
    task, output = load_task(task_name).task, options.output
    per_run = task.evaluation.num_samples if options.num_samples is None else options.num_samples
    count = per_run * task.evaluation.repeats
    check_total_samples(per_run, task.evaluation.repeats)
    refuse_large_batch(task, 1, "lower the size of the task's clips")
    refuse_existing(output)
    if options.targets and not task.clips.context_frames:
        raise InputError(f"The task '{task.name}' has no context frames, so there are no targets: remove --targets.")
    check_data_folder(task, options.data)
    check_writable(output.parent)
    evaluation = clips_to_answer(task, options.data, per_run, options.ignore, progress)
    with sole_writer(output):
        refuse_existing(output)  # the process before may have finished it
        _write_export(task, evaluation, count, options, progress)


def _write_export(task: Task, evaluation: ClipDataset, count: int, options: ExportOptions, progress: Progress) -> None:
    output = options.output
    labels = sample_labels(task, np.arange(count), evaluation)
    export = _Export(
        task=task,
        evaluation=evaluation,
        count=count,
        parts=_parts(task, options.targets),
        kind=options.kind,
        working=output.with_name(f".{output.name}.partial"),
    )
    _prepare(export)
    shards, context_sha256 = _write_clips(export, progress)
    answers = task_answers(task, evaluation, count, task.evaluation.seed, context_sha256 if export.parts else None)
    for part, entries in shards.items():
        _write_manifest(export, part, entries, answers)
    manifest = ExportManifest(
        format=FORMAT_NAME,
        version=FORMAT_VERSION,
        task=task_stamp(task),
        num_samples=count,
        num_frames=task.predicted_frames,
        context_frames=task.given_frames,
        height=task.clips.height,
        width=task.clips.width,
        seeds=tuple(sample_seeds(task.evaluation.seed, np.arange(count)).tolist()),
        labels=None if labels is None else tuple(labels.tolist()),
        answers=answers,
        actions_sha256=_write_actions(export),
    )
    write_text(export.working / EXPORT_NAME, manifest.model_dump_json(indent=1) + "\n")
    (export.working / PLAN_NAME).unlink()
    (export.working / WRITTEN_NAME).unlink(missing_ok=True)
    with failures_named(output):
        sync_tree(export.working)
        export.working.replace(output)


@dataclass(frozen=True, kw_only=True)
class _Export:
    """An export in progress.

    Attributes:
        task: the task.
        evaluation: its evaluation clips.
        count: samples of all runs.
        parts: frames that go into each sub-folder.
        kind: format of the files.
        working: hidden folder that becomes the output.
    """

    task: Task
    evaluation: ClipDataset
    count: int
    parts: Mapping[str, slice]
    kind: Kind
    working: Path


def _parts(task: Task, targets: bool) -> dict[str, slice]:
    given = task.given_frames
    if not given:
        return {}
    return {CONTEXT: slice(0, given)} | ({TARGETS: slice(given, None)} if targets else {})


def _prepare(export: _Export) -> None:
    """Create the working folder; files of an interrupted export are kept only if it was to write the same."""
    evaluation, working = export.evaluation, export.working
    if working.is_symlink():
        raise InputError(f"{working} is a symbolic link, and clips are never written through one: remove it.")
    identity = [export.task.fingerprint, evaluation.identity_sha256, export.count, export.kind, sorted(export.parts)]
    plan = {"sha256": digest(identity), "content": "an unfinished export; the same command resumes it"}
    if planned(working / PLAN_NAME, "an interrupted export").get("sha256") != plan["sha256"]:
        shutil.rmtree(working, ignore_errors=True)
        write_text(working / PLAN_NAME, json.dumps(plan, indent=1) + "\n")
    for leftover in working.glob("*/.*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def _write_clips(export: _Export, progress: Progress) -> tuple[dict[str, list[Shard]], list[str]]:
    """Write the clips of all parts, decoding each clip once.

    Returns:
        The shards of each part, and the digests of the context frames.
    """
    parts, kind, count, clips = export.parts, export.kind, export.count, export.task.clips
    if not parts:
        return {}, []
    for part in parts:
        (export.working / part).mkdir(exist_ok=True)
    context_sha256: list[str] = []
    shards: dict[str, list[Shard]] = {part: [] for part in parts} if kind == "npy" else {}
    size = shard_size(clips.num_frames, clips.height, clips.width)
    noted = noted_chunks(export.working / WRITTEN_NAME)
    with progress.stage(f"Clips of {export.task.name}", count) as advance:
        for number, indices in enumerate(_chunks(count, size)):
            files = {part: _files(export.working / part, kind, number, indices) for part in parts}
            if not _is_there(files, kind, noted.get(number)):
                for path in (path for paths in files.values() for path in paths if path.exists()):
                    shutil.rmtree(path) if path.is_dir() else path.unlink()
                clips_NTHWC = _read(export, indices)
                written = {}
                for part, frames in parts.items():
                    part_NTHWC = np.ascontiguousarray(clips_NTHWC[:, frames])
                    written[part] = sha256(part_NTHWC.data).hexdigest()
                    _write(export.working / part, kind, number, indices, part_NTHWC)
                note_chunk(export.working / WRITTEN_NAME, number, written)
            context_sha256 += context_digests(_read_back(files[CONTEXT], kind))
            for part, entries in shards.items():
                path = files[part][0]
                entries.append(Shard(file=path.name, num_samples=len(indices), sha256=file_sha256(path)))
            advance(len(indices))
    return shards, context_sha256


def _write_actions(export: _Export) -> str | None:
    """Write the actions of all samples in one file, since they are small; return its digest, None if the task gives none."""
    if not export.task.data.actions:
        return None
    path = export.working / ACTIONS
    actions_NKA = clips_with_actions(export.evaluation).actions(np.arange(export.count))
    write_array(path, actions_NKA)
    return file_sha256(path)


def _read(export: _Export, indices: np.ndarray) -> np.ndarray:
    """Read clips; if one is refused, what is left is only what the same command can resume, and the message says so."""
    try:
        return export.evaluation.read(indices)
    except InputError as error:
        if not (export.working / WRITTEN_NAME).is_file():
            shutil.rmtree(export.working, ignore_errors=True)
            raise
        raise InputError(
            f"{str(error).removesuffix('.')}; finished clips stay in '{export.working}', which the same command resumes on "
            "the same data and replaces on other data."
        ) from error


def _is_there(files: Mapping[str, list[Path]], kind: Kind, expected: Mapping[str, str] | None) -> bool:
    """Return whether an interrupted export left a chunk as it was written; warn if the chunk changed since."""
    if expected is None or not all(path.exists() for paths in files.values() for path in paths):
        return False
    for part, paths in files.items():
        try:
            found = sha256(np.ascontiguousarray(_read_back(paths, kind)).data).hexdigest()
        except (InputError, ValueError, OSError):
            found = ""
        if found != expected.get(part):
            warn(f"'{paths[0]}', left by an interrupted export, is damaged and will be written again.")
            return False
    return True


def _chunks(count: int, size: int) -> Iterator[np.ndarray]:
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def _files(folder: Path, kind: Kind, number: int, indices: np.ndarray) -> list[Path]:
    """Return the files or folders of one chunk."""
    return [folder / shard_name(number)] if kind == "npy" else [folder / f"{index:06d}" for index in indices]


def _write(folder: Path, kind: Kind, number: int, indices: np.ndarray, clips_NTHWC: np.ndarray) -> None:
    if kind == "npy":
        write_shard(folder, number, clips_NTHWC)
        return
    for index, clip_THWC in zip(indices, clips_NTHWC, strict=True):
        path = folder / f"{index:06d}"
        if not path.exists():
            with failures_named(path):
                write_png(path, clip_THWC)


def _read_back(files: list[Path], kind: Kind) -> np.ndarray:
    """Read a chunk from disk: digests must describe the bytes that were actually written."""
    if kind == "npy":
        clips_NTHWC: np.ndarray = np.load(files[0], allow_pickle=False)
        return clips_NTHWC
    images = {folder: take_inventory(folder, IMAGE_SUFFIXES).files for folder in files}
    return FrameFolderSamples(images).read(np.arange(len(files)))


def _write_manifest(export: _Export, part: str, shards: list[Shard], answers: Answers) -> None:
    clips = export.task.clips
    manifest = SamplesManifest(
        format=SAMPLES_FORMAT,
        version=SAMPLES_VERSION,
        num_samples=export.count,
        num_frames=len(range(clips.num_frames)[export.parts[part]]),
        height=clips.height,
        width=clips.width,
        dtype="uint8",
        task=task_stamp(export.task),
        # Targets can be scored as samples; context frames answer nothing.
        answers=answers if part == TARGETS else None,
        shards=tuple(shards),
    )
    write_text(export.working / part / MANIFEST_NAME, manifest.model_dump_json(indent=1) + "\n")
