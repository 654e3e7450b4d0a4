"""Samples in numpy files, read row by row: the exchange folder, a single ``.npy``, a ``.npz``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np

from vidbench.ahead import in_order, num_cores
from vidbench.data.folders.inventory import NOTHING
from vidbench.errors import InputError
from vidbench.files import digest, file_sha256, hash_file
from vidbench.progress import warn
from vidbench.samples.manifest import MANIFEST_NAME, SamplesManifest, read_manifest
from vidbench.samples.npy_rows import NpyRows
from vidbench.tasks.limits import MOST_LABEL
from vidmetrics.formats.faults import UnreadableError
from vidmetrics.formats.npy_files import map_npy, npz_headers, unpack_npy

_MOST_THREADS = 8
_THREADS_FROM = 1 << 27
_WANTED = "samples are uint8 RGB [N, T, H, W, 3] with values 0 to 255"


class DirectReading(NamedTuple):
    """Reading of clips into memory of the caller.

    Attributes:
        shape: shape of a clip.
        read: called with indices int64 ``[N]`` and memory uint8 ``[N, *shape]``, contiguous.
    """

    shape: tuple[int, ...]
    read: Callable[[np.ndarray, np.ndarray], np.ndarray]


class ShardedSamples:
    """The exchange folder; every shard is checked against the manifest on opening.

    See `vidbench.samples.SampleSource` for the attributes.
    """

    lossy = False
    unused: Mapping[str, int] = NOTHING

    def __init__(self, folder: Path) -> None:
        """Open and verify a folder.

        Raises:
            InputError: the manifest violates its schema, or a shard is missing, changed, or not of the stated shape.
        """
        self.manifest: SamplesManifest | None = (manifest := read_manifest(folder / MANIFEST_NAME))
        self.num_samples = manifest.num_samples
        self.num_frames, self.height, self.width = manifest.num_frames, manifest.height, manifest.width
        self.labels = None if manifest.labels is None else np.array(manifest.labels, dtype=np.int64)
        self.identity_sha256 = digest(manifest.model_dump(mode="json", exclude={"task", "answers"}))
        # A shard is hashed in order, so several are at a time; without threads where they would take longer to start.
        clip_bytes = self.num_frames * self.height * self.width * 3
        threads = min(_MOST_THREADS, num_cores()) if self.num_samples * clip_bytes >= _THREADS_FROM else 0
        numbers = range(len(manifest.shards))
        self._shards = list(in_order(lambda number: _verified_shard(folder, manifest, number), numbers, threads))
        self._ends = np.cumsum([len(rows) for rows in self._shards])

    def read(self, indices: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
        """Return samples uint8 ``[N, T, H, W, 3]`` for int64 indices ``[N]``, in ``into`` if it is given.

        Raises:
            InputError: a file has changed since it was opened.
        """
        check_indices(indices, self.num_samples)
        shape = (len(indices), self.num_frames, self.height, self.width, 3)
        samples_NTHWC = np.empty(shape, np.uint8) if into is None else into
        shard_of = np.searchsorted(self._ends, indices, side="right")
        for shard in np.unique(shard_of).tolist():
            places, rows = np.flatnonzero(shard_of == shard), self._shards[shard]
            wanted = indices[places] - int(self._ends[shard]) + len(rows)
            if places[-1] - places[0] == len(places) - 1:
                rows.read(wanted, samples_NTHWC[places[0] : places[-1] + 1])
            else:
                samples_NTHWC[places] = rows.read(wanted)
        return samples_NTHWC


class ArraySamples:
    """One array in a ``.npy`` or ``.npz`` file; see `vidbench.samples.SampleSource` for the attributes."""

    lossy = False
    unused: Mapping[str, int] = NOTHING
    manifest: SamplesManifest | None = None

    def __init__(self, path: Path) -> None:
        """Open a file.

        Raises:
            InputError: the file is unreadable, contains Python objects, or does not contain uint8 clips.
        """
        self.labels: np.ndarray | None = None
        packed = hash_file(path) if path.suffix.lower() == ".npz" else None
        # Private files are removed here when the samples are refused, not when nothing refers to the error any more.
        with ExitStack() as refused:
            if packed is not None:
                members = _npz_members(path)
                # Unpacked to a private file, so that memory does not grow with the number of samples.
                self._unpacked = refused.enter_context(_unpack(path, members["samples"]))
                self._rows = NpyRows(Path(self._unpacked.name), path, _WANTED)
                if "labels" in members:
                    with _unpack(path, members["labels"]) as file:
                        self.labels = _labels(_map(Path(file.name), str(path)), path)
            else:
                self._rows = NpyRows(path, path, _WANTED)
            refused.callback(self._rows.close)
            _refuse_other_than_clips(self._rows, path)
            self.num_samples, self.num_frames, self.height, self.width, _ = self._rows.shape
            if self.labels is not None and len(self.labels) != self.num_samples:
                raise InputError(
                    f"The file '{path}' has {self.num_samples} samples but {len(self.labels)} labels; fix it."
                )
            self.identity_sha256 = self._rows.hash()
            if packed is not None:
                packed.check(content=False)
                self.identity_sha256 = packed.sha256
            refused.pop_all()

    def read(self, indices: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
        """Return samples uint8 ``[N, T, H, W, 3]`` for int64 indices ``[N]``, in ``into`` if it is given.

        Raises:
            InputError: a file has changed since it was opened.
        """
        check_indices(indices, self.num_samples)
        return self._rows.read(indices, into)


def check_indices(indices: np.ndarray, num_samples: int) -> None:
    """Reject indices that numpy would wrap around.

    Raises:
        IndexError: an index is negative or not below ``num_samples``.
    """
    if len(indices) and not (int(np.min(indices)) >= 0 and int(np.max(indices)) < num_samples):
        raise IndexError(f"sample indices must be within 0 and {num_samples - 1}")


def _verified_shard(folder: Path, manifest: SamplesManifest, number: int) -> NpyRows:
    shard = manifest.shards[number]
    path = folder / shard.file
    if not path.is_file():
        raise InputError(f"The shard '{path}' named in '{MANIFEST_NAME}' is missing; copy the whole folder again.")
    if path.resolve().parent != folder.resolve():
        raise InputError(f"The shard '{path}' is a link that leads out of its folder; replace it with the file itself.")
    try:
        rows = NpyRows(path, path, _WANTED)
        sha256 = rows.hash() if rows.shape else None
    except InputError:
        if file_sha256(path) != shard.sha256:
            raise _differs(path) from None
        raise
    if sha256 is not None and sha256 != shard.sha256:
        raise _differs(path)
    expected = (shard.num_samples, manifest.num_frames, manifest.height, manifest.width, 3)
    if rows.dtype != np.uint8 or rows.shape != expected:
        raise InputError(
            f"The shard '{path}' is {rows.dtype} {list(rows.shape)} but '{MANIFEST_NAME}' says "
            f"uint8 {list(expected)}; write the samples again."
        )
    return rows


def _differs(path: Path) -> InputError:
    # Not a local of its caller: its traceback would refer to it, so that private files of other shards stayed.
    return InputError(
        f"The shard '{path}' is not the file named in '{MANIFEST_NAME}': its sha256 differs; copy the whole folder again."
    )


def _map(path: Path, source: str) -> np.ndarray:
    try:
        return map_npy(path)
    except UnreadableError as error:
        raise InputError(f"The file '{source}' is not a readable numpy array ({error.clause}); {_WANTED}.") from error


def _refuse_other_than_clips(array: NpyRows, path: Path) -> None:
    shape = list(array.shape)
    if array.dtype != np.uint8:
        raise InputError(
            f"The file '{path}' contains {array.dtype} values, but {_WANTED}; convert and round them first."
        )
    if len(array.shape) != 5:
        raise InputError(f"The file '{path}' contains an array of shape {shape}, but {_WANTED}; add or drop axes.")
    if array.shape[-1] != 3:
        hint = "move the channel axis to the end" if 3 in array.shape[1:3] else "store three channels"
        raise InputError(f"The file '{path}' contains an array of shape {shape}, but {_WANTED}; {hint}.")
    if 0 in array.shape:
        raise InputError(f"The file '{path}' contains an empty array of shape {shape}; store at least one sample.")


def _npz_members(path: Path) -> dict[str, str]:
    """Find the samples, and the labels if any, among the arrays of a file; return the array of each."""
    try:
        headers = npz_headers(path)
    except UnreadableError as error:
        raise InputError(
            f"The file '{path}' is not a readable .npz file ({error.clause}); write it with numpy.savez."
        ) from error
    members: dict[str, str] = {name: name for name in ("samples", "labels") if name in headers}
    if "samples" not in members:
        if len(headers) != 1:
            names = ", ".join(f"'{name}'" for name in sorted(headers)) or "none"
            raise InputError(f"The file '{path}' contains several arrays ({names}); name the one to score 'samples'.")
        members = {"samples": next(iter(headers))}
    if len(members) < len(headers):
        others = ", ".join(f"'{name}'" for name in sorted(set(headers) - set(members)))
        warn(f"The file '{path}' also contains {others}, which are neither samples nor labels and are not read.")
    return members


def _unpack(path: Path, name: str) -> IO[bytes]:
    # Not closed here: it must live as long as its reader.
    file = tempfile.NamedTemporaryFile(suffix=".npy")  # noqa: SIM115
    try:
        unpack_npy(path, name, file)
        file.flush()
    except UnreadableError as error:
        file.close()
        raise InputError(f"The file '{path}' cannot be unpacked ({error.clause}); write it again.") from error
    except OSError as error:
        file.close()
        raise InputError(f"The file '{path}' cannot be unpacked ({error}); check the file and the disk.") from error
    return file


def _labels(labels: np.ndarray, path: Path) -> np.ndarray:
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"The labels in '{path}' are {labels.dtype} of shape {list(labels.shape)}; store one integer per sample."
        )
    if labels.size and not (int(labels.min()) >= 0 and int(labels.max()) <= MOST_LABEL):
        raise InputError(
            f"The labels in '{path}' go from {int(labels.min())} to {int(labels.max())}; a label is a class number from 0."
        )
    return np.array(labels, dtype=np.int64)
