"""Samples that are being written: finished shards or files are kept, so that an interrupted run is resumed with the same bytes."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from vidbench.errors import InputError
from vidbench.files import digest, failures_named, file_sha256, write_text
from vidbench.models.trivial import HeldOutModel
from vidbench.progress import Advance, warn
from vidbench.samples.exchange import shard_name, shard_size, write_shard
from vidbench.samples.manifest import FORMAT_NAME, FORMAT_VERSION, MANIFEST_NAME, SamplesManifest, Shard
from vidbench.samples.one_clip import WRITERS
from vidbench.samples.pairing import context_digests, names_clips, task_answers, task_stamp
from vidbench.samples.unfinished import PLAN_NAME, WRITTEN_NAME, note_chunk, noted_chunks, planned
from vidbench.scoring.clip_sources import ModelSource, sample_labels

Kind = Literal["npy", "png", "mp4", "gif"]
"""Format of the files of samples."""

_FILES_PER_CHUNK = 64


@dataclass(kw_only=True)
class SampleWork:
    """Samples that are being written.

    Attributes:
        source: the model's samples.
        count: number of samples of all runs.
        kind: format of the files.
        batch_size: clips per call of the model.
        working: hidden folder that becomes the output; a finished chunk of it is never made again.
        doubt: why what an interrupted run has finished cannot be kept, or None.
    """

    source: ModelSource
    count: int
    kind: Kind
    batch_size: int
    working: Path
    doubt: str | None = None

    @property
    def keeps_chunks(self) -> bool:
        """Whether there is something that the same command can resume."""
        return (self.working / WRITTEN_NAME).is_file()

    def chunks(self) -> Iterator[np.ndarray]:
        """Yield the indices of each chunk: a shard, or some files."""
        clips = self.source.task.clips
        size = shard_size(self.source.task.predicted_frames, clips.height, clips.width)
        step = size if self.kind == "npy" else _FILES_PER_CHUNK
        for start in range(0, self.count, step):
            yield np.arange(start, min(start + step, self.count))

    def paths(self, number: int, indices: np.ndarray) -> list[Path]:
        """Return the files or folders of a chunk."""
        if self.kind == "npy":
            return [self.working / shard_name(number)]
        suffix = "" if self.kind == "png" else f".{self.kind}"
        return [self.working / f"{index:06d}{suffix}" for index in indices]


def prepare_work(work: SampleWork) -> None:
    """Create the working folder, with what an interrupted run of the same samples finished.

    Raises:
        InputError: it holds finished clips of other samples.
    """
    source, working = work.source, work.working
    if working.is_symlink():
        raise InputError(f"{working} is a symbolic link, and clips are never written through one: remove it.")
    reads_clips = names_clips(source.task) or isinstance(source.model, HeldOutModel)
    identity = {
        "task": source.task.fingerprint,
        "clips": source.evaluation.identity_sha256 if reads_clips else list(source.evaluation.class_names),
        "model": digest(source.model_identity),
        "seed": source.seed,
        "number of samples": work.count,
        "format": work.kind,
    }
    before = planned(working / PLAN_NAME, "interrupted samples")
    if before.get("sha256") != digest(identity):
        if before and work.keeps_chunks:
            others = [name for name, value in identity.items() if before.get("of", {}).get(name) != value]
            raise InputError(
                f"'{working}' has finished clips of an interrupted run with another {', '.join(others)}: repeat its command to "
                "finish them, remove that folder, or choose another --output."
            )
        shutil.rmtree(working, ignore_errors=True)
        content = "unfinished samples; the same command resumes them"
        plan = {"sha256": digest(identity), "content": content, "of": identity}
        write_text(working / PLAN_NAME, json.dumps(plan, indent=1) + "\n")
    for leftover in working.glob(".*"):
        shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()


def write_samples(work: SampleWork, advance: Advance, tried: Callable[[int, float], None]) -> None:
    """Write every chunk that an interrupted run has not finished, and the manifest of the exchange format.

    Args:
        work: the samples.
        advance: called with the number of clips just finished.
        tried: called after a batch with the number of clips that are left and the seconds that a clip took.
    """
    task, evaluation = work.source.task, work.source.evaluation
    noted = noted_chunks(work.working / WRITTEN_NAME, "sample again")
    batches = _Batches(work.source, work.batch_size, work.count, advance, tried)
    shards: list[Shard] = []
    contexts: list[str] = []
    for number, indices in enumerate(work.chunks()):
        paths, note = work.paths(number, indices), noted.get(number)
        if note is None or not _is_unchanged(paths, note["sha256"]):
            for path in filter(os.path.lexists, paths):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            clips_NTHWC, digests = batches.read(indices)
            _write_chunk(work, number, paths, clips_NTHWC[:, task.clips.context_frames :])
            note = {"sha256": _content_sha256(paths), "context_sha256": " ".join(digests)}
            _keep(work, number, note)
        else:
            advance(len(indices))
        contexts += note["context_sha256"].split()
        if work.kind == "npy":
            shards.append(Shard(file=paths[0].name, num_samples=len(indices), sha256=file_sha256(paths[0])))
    if work.kind == "npy":
        labels = sample_labels(task, np.arange(work.count), evaluation)
        manifest = SamplesManifest(
            format=FORMAT_NAME,
            version=FORMAT_VERSION,
            num_samples=work.count,
            num_frames=task.predicted_frames,
            height=task.clips.height,
            width=task.clips.width,
            dtype="uint8",
            labels=None if labels is None else tuple(labels.tolist()),
            task=task_stamp(task),
            answers=task_answers(task, evaluation, work.count, work.source.seed, contexts or None),
            shards=tuple(shards),
        )
        write_text(work.working / MANIFEST_NAME, manifest.model_dump_json(indent=1) + "\n")


def _write_chunk(work: SampleWork, number: int, paths: Sequence[Path], samples_NTHWC: np.ndarray) -> None:
    if work.kind == "npy":
        write_shard(work.working, number, samples_NTHWC)
        return
    for path, sample_THWC in zip(paths, samples_NTHWC, strict=True):
        with failures_named(path):
            WRITERS[work.kind](path.with_suffix(""), sample_THWC)


def _keep(work: SampleWork, number: int, note: dict[str, str]) -> None:
    """Record a finished chunk for a later run, unless what decides the model's clips is not known."""
    if (doubt := work.source.doubt()) is None:
        note_chunk(work.working / WRITTEN_NAME, number, note)
    else:
        work.doubt = doubt


def left_by_interrupt(work: SampleWork) -> str:
    """Return what an interrupted run leaves, for the message."""
    if work.keeps_chunks:
        return f"finished clips stay in '{work.working}'; run the same command again to resume."
    reason = (
        "no part of the samples was finished"
        if work.doubt is None
        else f"{work.doubt}, so what is finished cannot be kept"
    )
    return f"{reason}; the same command begins again."


def _is_unchanged(paths: Sequence[Path], sha256: str) -> bool:
    """Return whether a chunk is as an interrupted run finished it; warn if it changed since."""
    try:
        if _content_sha256(paths) == sha256:
            return True
    except OSError:
        pass
    warn(f"'{paths[0]}', left by an interrupted run, is damaged and will be made again.")
    return False


def _content_sha256(paths: Sequence[Path]) -> str:
    """Return the digest of the bytes of files, and of the files of folders, in order."""
    files = [file for path in paths for file in (sorted(path.iterdir()) if path.is_dir() else [path])]
    return digest([file_sha256(file) for file in files])


class _Batches:
    """Samples of the batches of an uninterrupted run, whichever of them are read: a batch decides the last bits."""

    def __init__(
        self,
        source: ModelSource,
        batch_size: int,
        count: int,
        advance: Advance,
        tried: Callable[[int, float], None] = lambda left, seconds: None,
    ) -> None:
        self._source, self._size, self._count, self._advance = source, batch_size, count, advance
        self._tried: Callable[[int, float], None] | None = tried
        self._start, self._clips_NTHWC = -1, np.empty(0, np.uint8)
        self._digests: list[str] = []

    def read(self, indices: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """Return clips uint8 ``[N, T, H, W, 3]`` for consecutive indices int64 ``[N]``, and the digests of what the model was given."""
        first, stop = int(indices[0]), int(indices[-1]) + 1
        parts, digests = [], []
        for start in range(first // self._size * self._size, stop, self._size):
            if start != self._start:
                began = time.monotonic()
                batch = np.arange(start, min(start + self._size, self._count))
                self._clips_NTHWC, self._start = self._source.read(batch), start
                given_NTHWC = self._source.given_frames(batch)
                self._digests = [] if given_NTHWC is None else context_digests(given_NTHWC)
                if self._tried is not None:  # the first batch tells what the rest will take
                    self._tried(self._count - start, (time.monotonic() - began) / len(self._clips_NTHWC))
                    self._tried = None
            of_chunk = slice(max(first - start, 0), stop - start)
            parts.append(self._clips_NTHWC[of_chunk])
            digests += self._digests[of_chunk]
            self._advance(len(parts[-1]))
        return np.concatenate(parts), digests
