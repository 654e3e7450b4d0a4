"""Generated clips on disk: writing the exchange format, and opening every accepted form.

The exchange format is a folder with ``manifest.json`` (see `vidbench.samples.manifest.SamplesManifest`) and shards
``samples-00000.npy``, ``samples-00001.npy``, ... of uint8 RGB ``[N, T, H, W, 3]``. Prediction samples contain the predicted
frames only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np

from vidbench.data.folders.inventory import Inventory, is_present, refuse_unprintable, take_inventory
from vidbench.data.folders.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES, suffix_of
from vidbench.data.folders.twins import refuse_twin_frames, refuse_twin_videos
from vidbench.errors import InputError
from vidbench.files import file_sha256, write_array, write_text, written_whole
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
from vidbench.samples.media import FrameFolderSamples, VideoSamples
from vidbench.samples.numbering import refuse_holes
from vidbench.tasks.schema import PixelConvention

__all__ = ["Answers", "SampleSource", "SampleWriter", "SamplesManifest", "TaskStamp", "open_samples", "write_shard"]

_SHARD_BYTES = 64 << 20
_ACCEPTED = "a folder with manifest.json, a .npy or .npz file, a folder of videos, or a folder of frame folders"


class SampleSource(Protocol):
    """Generated clips, read by index.

    Attributes:
        num_samples: number of samples.
        num_frames: frames per sample.
        height: frame height in pixels.
        width: frame width in pixels.
        labels: int64 ``[num_samples]``, or None if unknown.
        lossy: whether pixels may differ from the ones that the model generated.
        identity_sha256: digest of names and bytes of all files in use, independent of their folder.
        manifest: the manifest of the exchange format; None for all other forms.
        unused: number of entries of the folder that are not in use, by reason.
    """

    num_samples: int
    num_frames: int
    height: int
    width: int
    labels: np.ndarray | None
    lossy: bool
    identity_sha256: str
    manifest: SamplesManifest | None
    unused: Mapping[str, int]

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return samples uint8 ``[N, T, H, W, 3]`` for int64 indices ``[N]``.

        Raises:
            InputError: a file is damaged or differs in shape from the others; names the file.
        """
        ...


def open_samples(
    path: Path,
    ignore: Sequence[str] = (),
    needed_frames: int | None = None,
    pixels: PixelConvention = "exact",
    *,
    paired: bool = False,
) -> SampleSource:
    """Open generated clips in any accepted form, without reading them into memory.

    >>> from pathlib import Path
    >>> import numpy as np
    >>> from vidbench.samples import open_samples
    >>> np.save("clips.npy", np.zeros((4, 12, 32, 32, 3), np.uint8))
    >>> samples = open_samples(Path("clips.npy"))
    >>> samples.num_samples, samples.read(np.array([0, 3])).shape
    (4, (2, 12, 32, 32, 3))

    Args:
        path: the exchange folder, a ``.npy`` or ``.npz`` file (one array, or arrays ``samples`` and ``labels``), a folder
            of videos, or a folder with one folder of images per sample. Files and folders are taken in natural order.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.
        needed_frames: refuse longer videos without decoding them to their end; None accepts any length.
        pixels: how the frames of videos become RGB, see `vidbench.data.pixels`.
        paired: whether sample i belongs to clip i, so that the numbers in the names of videos or folders must have no holes.

    Raises:
        InputError: nothing is there, the form is not accepted, the content is inconsistent, an entry should be read
            and cannot be, or a clip would count twice.
    """
    refuse_unprintable(path)
    if not path.exists():
        raise InputError(f"There are no samples at '{path}'; use {_ACCEPTED}.")
    if path.is_file():
        if path.suffix.lower() in (".npy", ".npz"):
            return ArraySamples(path)
        raise InputError(f"The file '{path}' is not in an accepted form; use {_ACCEPTED}.")
    if not path.is_dir():
        raise InputError(f"'{path}' is neither a file nor a folder; use {_ACCEPTED}.")
    source: ShardedSamples | VideoSamples | FrameFolderSamples
    if is_present(path / MANIFEST_NAME):
        source = ShardedSamples(path)
        shards = () if source.manifest is None else source.manifest.shards
        found = take_inventory(path, (), ignore=ignore, known={MANIFEST_NAME, *(shard.file for shard in shards)})
    else:
        found = take_inventory(path, VIDEO_SUFFIXES | IMAGE_SUFFIXES, ignore=ignore)
        source = _media_samples(path, found, needed_frames, pixels, paired)
    source.unused = found.unused
    return source


def _media_samples(
    path: Path, found: Inventory, needed_frames: int | None, pixels: PixelConvention, paired: bool
) -> VideoSamples | FrameFolderSamples:
    loose = found.files_in(path)
    videos = [file for file in loose if suffix_of(file.name) in VIDEO_SUFFIXES]
    folders = [folder for folder in found.folders if folder.parent == path]
    if videos and folders:
        raise InputError(
            f"The folder '{path}' mixes videos and folders, so the samples are unclear; separate them, or leave some out "
            "with --ignore."
        )
    if len(loose) > len(videos) and (videos or folders):
        image = next(file for file in loose if file not in videos)
        what = "videos" if videos else "folders of frames"
        raise InputError(
            f"The folder '{path}' has the loose image '{image.name}' next to {what}, so the samples are unclear; move or "
            f"remove it, or leave it out with --ignore '{image.name}'."
        )
    if videos:
        refuse_twin_videos(videos)
        if paired:
            refuse_holes(path, [video.stem for video in videos])
        return VideoSamples(videos, needed_frames, pixels)
    if folders:
        images: dict[Path, list[Path]] = {folder: [] for folder in folders}
        for file in found.files:
            if file.parent not in images or suffix_of(file.name) in VIDEO_SUFFIXES:
                raise InputError(
                    f"'{file}' is not a frame of a sample: samples are folders of images directly in '{path}'; move or "
                    f"remove it, or leave it out with --ignore '{file.name}'."
                )
            images[file.parent].append(file)
        samples = FrameFolderSamples(images)
        refuse_twin_frames(images)
        if paired:
            refuse_holes(path, [folder.name for folder in folders])
        return samples
    if any(file.suffix.lower() == ".npy" for file in path.iterdir()):
        raise InputError(
            f"The folder '{path}' has .npy files but no {MANIFEST_NAME}, so it is incomplete or not in the exchange "
            "format; give the path of one .npy file or write the folder again."
        )
    if loose:
        raise InputError(f"The folder '{path}' has loose images; put the frames of each sample into a separate folder.")
    raise InputError(f"The folder '{path}' contains no samples; use {_ACCEPTED}.")


class SampleWriter:
    """Writer of the exchange format, shard by shard; the manifest comes last, so a folder that has one is complete.

    Use it as a context manager: leaving it without an error writes the rest and the manifest. A folder without a manifest,
    as a killed process leaves it, is overwritten; one with a manifest is refused.

    Attributes:
        answers: the clips that the samples belong to; may be set until the manifest is written.
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
            folder: where to write; created if needed.
            num_frames: frames per sample.
            height: frame height in pixels.
            width: frame width in pixels.
            task: the task that the samples were generated for.
            answers: the clips that they belong to, which `vidbench score` checks against its data.
            shard_samples: samples per file; None for about 64 MiB.

        Raises:
            InputError: the folder already contains complete samples, or is a file.
        """
        if folder.exists() and not folder.is_dir():
            raise InputError(f"Samples cannot be written to '{folder}' because it is a file; use a folder.")
        if (folder / MANIFEST_NAME).exists():
            raise InputError(f"The folder '{folder}' already has complete samples; use another folder or remove it.")
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
        """Append samples uint8 ``[N, T, H, W, 3]`` and their labels int64 ``[N]``, given for all samples or for none.

        Raises:
            ValueError: dtype, shape or labels do not match the folder.
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
        """Write the remaining samples and the manifest, and return the manifest's path.

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
    """Return the number of samples per shard, for files of about 64 MiB."""
    return max(1, _SHARD_BYTES // (num_frames * height * width * 3))


def write_shard(folder: Path, number: int, samples_NTHWC: np.ndarray) -> Shard:
    """Write one shard of samples uint8 ``[N, T, H, W, 3]`` atomically, and return its manifest entry.

    >>> from pathlib import Path
    >>> import numpy as np
    >>> from vidbench.samples import write_shard
    >>> write_shard(Path(), 0, np.zeros((4, 12, 32, 32, 3), np.uint8)).file
    'samples-00000.npy'
    """
    path = folder / shard_name(number)
    with written_whole(path) as temporary:
        write_array(temporary, samples_NTHWC)
    return Shard(file=path.name, num_samples=len(samples_NTHWC), sha256=file_sha256(path))


def shard_name(number: int) -> str:
    """Return the file name of a shard."""
    return f"samples-{number:05d}.npy"
