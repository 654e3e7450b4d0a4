"""Generated clips on disk: writing the exchange format, and opening whatever a user has.

The exchange format is a folder with ``manifest.json`` (see `vidbench.samples.manifest.SamplesManifest`) and shards
``samples-00000.npy``, ``samples-00001.npy``, ... of uint8 RGB ``[N, T, H, W, 3]``. For a prediction task the clips hold
the predicted frames only.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np

from vidbench.errors import InputError
from vidbench.files import file_sha256, write_text, written_whole
from vidbench.samples.arrays import ArraySamples, ShardedSamples
from vidbench.samples.manifest import (
    FORMAT_NAME,
    FORMAT_VERSION,
    MANIFEST_NAME,
    Answers,
    SamplesManifest,
    Shard,
    TaskStamp,
)
from vidbench.samples.media import IMAGE_SUFFIXES, VIDEO_SUFFIXES, FrameFolderSamples, VideoSamples

__all__ = ["Answers", "SampleSource", "SampleWriter", "SamplesManifest", "TaskStamp", "open_samples", "write_shard"]

_SHARD_BYTES = 64 << 20
_ACCEPTED = "a folder with manifest.json, a .npy or .npz file, a folder of videos, or a folder of frame folders"


class SampleSource(Protocol):
    """Generated clips, read by index.

    Attributes:
        num_samples: how many there are.
        num_frames: frames of each.
        height: rows of a frame.
        width: columns of a frame.
        labels: int64 ``[num_samples]``, or None where they are not known.
        lossy: whether the pixels may differ from those the model made.
        identity_sha256: digest of names and bytes of all files in use, whatever folder they are in.
        manifest: what the exchange format says of them; None in all other forms.
    """

    num_samples: int
    num_frames: int
    height: int
    width: int
    labels: np.ndarray | None
    lossy: bool
    identity_sha256: str
    manifest: SamplesManifest | None

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return samples uint8 ``[N, T, H, W, 3]`` for int64 indices ``[N]``.

        Raises:
            InputError: a file is damaged or differs in shape from the others; names the file.
        """
        ...


def open_samples(path: Path) -> SampleSource:
    """Open generated clips in any accepted form, without reading them into memory.

    Args:
        path: the exchange folder, a ``.npy`` or ``.npz`` file (one array, or arrays ``samples`` and ``labels``), a folder
            of videos, or a folder with one folder of images per sample. Files and folders count in natural order.

    Raises:
        InputError: there is nothing there, nothing of these, or it contradicts itself.
    """
    if not path.exists():
        raise InputError(f"There are no samples at '{path}'; give {_ACCEPTED}.")
    if path.is_file():
        if path.suffix.lower() in (".npy", ".npz"):
            return ArraySamples(path)
        raise InputError(f"The file '{path}' is not in an accepted form; give {_ACCEPTED}.")
    if (path / MANIFEST_NAME).exists():
        return ShardedSamples(path)
    entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    videos = [entry for entry in entries if entry.is_file() and entry.suffix.lower() in VIDEO_SUFFIXES]
    folders = [entry for entry in entries if entry.is_dir()]
    if videos and folders:
        raise InputError(f"The folder '{path}' mixes videos and folders, so the samples are unclear; separate them.")
    if videos:
        return VideoSamples(videos)
    if folders:
        return FrameFolderSamples(folders)
    if any(entry.suffix.lower() == ".npy" for entry in entries):
        raise InputError(
            f"The folder '{path}' has .npy files but no {MANIFEST_NAME}, so it is incomplete or not of our format; give "
            "one .npy file by its path or write the folder again."
        )
    if any(entry.suffix.lower() in IMAGE_SUFFIXES for entry in entries):
        raise InputError(
            f"The folder '{path}' has loose images; put the frames of each sample into a folder of its own."
        )
    raise InputError(f"The folder '{path}' holds no samples; give {_ACCEPTED}.")


class SampleWriter:
    """Writes the exchange format shard by shard; the manifest comes last, so a folder with one is whole.

    Use as a context manager: leaving it without an error writes the rest and the manifest. A folder that a killed
    process left without a manifest is written over; one with a manifest is refused.

    Attributes:
        answers: the clips that the samples answer; may be set until the manifest is written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        num_frames: int,
        height: int,
        width: int,
        task: TaskStamp | None = None,
        answers: Answers | None = None,
        shard_samples: int | None = None,
    ) -> None:
        """Prepare a folder.

        Args:
            folder: where to write; made if needed.
            num_frames: frames of each sample.
            height: rows of a frame.
            width: columns of a frame.
            task: the task that the samples are made for.
            answers: the clips that they answer, which `vidbench score` holds against its data.
            shard_samples: samples per file; None for about 64 MiB.

        Raises:
            InputError: the folder holds finished samples already, or is a file.
        """
        if folder.exists() and not folder.is_dir():
            raise InputError(f"Samples cannot be written to '{folder}' because it is a file; give a folder.")
        if (folder / MANIFEST_NAME).exists():
            raise InputError(f"The folder '{folder}' holds finished samples already; give another folder or remove it.")
        self._folder = folder
        self._shape = (num_frames, height, width, 3)
        self._task = task
        self.answers = answers
        self._shard_samples = shard_samples or shard_size(num_frames, height, width)
        self._waiting: list[np.ndarray] = []
        self._labels: list[int] | None = None
        self._shards: list[Shard] = []
        self._num_added = 0

    def __enter__(self) -> SampleWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()

    def add(self, samples_NTHWC: np.ndarray, labels: np.ndarray | None = None) -> None:
        """Append samples uint8 ``[N, T, H, W, 3]`` and their labels int64 ``[N]``, for all samples or for none.

        Raises:
            ValueError: dtype, shape or labels are not those of the folder.
        """
        if samples_NTHWC.dtype != np.uint8 or samples_NTHWC.shape[1:] != self._shape:
            raise ValueError(
                f"samples must be uint8 [N, {', '.join(map(str, self._shape))}], not {samples_NTHWC.dtype} "
                f"{list(samples_NTHWC.shape)}"
            )
        if labels is not None and len(labels) != len(samples_NTHWC):
            raise ValueError(f"{len(samples_NTHWC)} samples came with {len(labels)} labels")
        if self._num_added and (labels is None) != (self._labels is None):
            raise ValueError("give labels with every batch or with none")
        if labels is not None:
            self._labels = [*(self._labels or []), *(int(label) for label in labels)]
        self._num_added += len(samples_NTHWC)
        # A copy: the caller may reuse its buffer.
        self._waiting.extend(np.array(sample_THWC) for sample_THWC in samples_NTHWC)
        while len(self._waiting) >= self._shard_samples:
            self._write_shard()

    def finish(self) -> Path:
        """Write what is left and the manifest; returns the manifest's path.

        Raises:
            ValueError: no sample was added.
        """
        if not self._num_added:
            raise ValueError("no sample was added")
        if self._waiting:
            self._write_shard()
        num_frames, height, width, _ = self._shape
        manifest = SamplesManifest(
            format=FORMAT_NAME,
            version=FORMAT_VERSION,
            num_samples=self._num_added,
            num_frames=num_frames,
            height=height,
            width=width,
            dtype="uint8",
            labels=None if self._labels is None else tuple(self._labels),
            task=self._task,
            answers=self.answers,
            shards=tuple(self._shards),
        )
        path = self._folder / MANIFEST_NAME
        write_text(path, manifest.model_dump_json(indent=1) + "\n")
        return path

    def _write_shard(self) -> None:
        shard, self._waiting = self._waiting[: self._shard_samples], self._waiting[self._shard_samples :]
        self._shards.append(write_shard(self._folder, len(self._shards), np.stack(shard)))


def shard_size(num_frames: int, height: int, width: int) -> int:
    """Samples per shard, for files of about 64 MiB."""
    return max(1, _SHARD_BYTES // (num_frames * height * width * 3))


def write_shard(folder: Path, number: int, samples_NTHWC: np.ndarray) -> Shard:
    """Write one shard of samples uint8 ``[N, T, H, W, 3]`` whole; returns its entry in the manifest."""
    path = folder / shard_name(number)
    with written_whole(path) as temporary:
        np.save(temporary, samples_NTHWC, allow_pickle=False)
    return Shard(file=path.name, num_samples=len(samples_NTHWC), sha256=file_sha256(path))


def shard_name(number: int) -> str:
    """Plain name of a shard's file."""
    return f"samples-{number:05d}.npy"
