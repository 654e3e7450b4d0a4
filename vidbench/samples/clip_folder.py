"""Clips from any folder or array, for `vidbench measure`: one from each video, in whatever folder it is.

Accepted forms are an exchange folder, a ``.npy`` or ``.npz`` file, a folder of videos, and a folder of frame folders, the
last two also with sub-folders such as the classes of Kinetics. Each video yields one clip: its first ``num_frames`` frames
at the given stride. A video that is too short is refused, never looped or padded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from vidbench.data.clips import clip_frames, clip_span
from vidbench.data.decode import decode_frames, is_lossless
from vidbench.data.folders.frame_names import ordered_frames
from vidbench.data.folders.inventory import Inventory, entry_name, is_present, refuse_unprintable, take_inventory
from vidbench.data.folders.suffixes import IMAGE_SUFFIXES, LOSSY_IMAGE_SUFFIXES, VIDEO_SUFFIXES, suffix_of
from vidbench.data.folders.twins import refuse_twin_frames, refuse_twin_videos
from vidbench.data.image_files import read_image
from vidbench.data.images import fit_frames
from vidbench.errors import InputError
from vidbench.files import digest, hash_file
from vidbench.samples.arrays import ArraySamples, DirectReading, ShardedSamples
from vidbench.samples.exchange import open_samples
from vidbench.samples.manifest import MANIFEST_NAME
from vidbench.tasks.schema import PixelConvention

MOST_READERS = 8
"""Threads that read clips ahead of a GPU, at most."""
_ACCEPTED = (
    "an exchange folder, a .npy or .npz file, or a folder of videos or of frame folders, with sub-folders or without"
)


@dataclass(frozen=True)
class ClipShape:
    """Which frames make a clip, and at what size.

    Attributes:
        num_frames: frames per clip.
        stride: take every ``stride``-th frame, from the first one on.
        resolution: crop frames to the largest central square and resize them to this side with Pillow's bicubic kernel;
            None leaves them unchanged.
        pixels: how the frames of videos become RGB, see `vidbench.data.pixels`.
    """

    num_frames: int = 16
    stride: int = 1
    resolution: int | None = None
    pixels: PixelConvention = "exact"


@dataclass(frozen=True)
class ClipFiles:
    """Clips of one shape, read by index; a `vidbench.scoring.clip_sources.ClipSource`.

    Attributes:
        path: where the clips are.
        num_clips: number of clips.
        height: frame height in pixels.
        width: frame width in pixels.
        lossy: whether pixels may differ from the ones originally written.
        identity: everything that determines the bytes of the clips.
        unused: number of entries of the folder that are not in use, by reason.
        name_of: returns the name of the clip at an index: its file or folder, or the index in an array.
    """

    path: Path
    num_clips: int
    height: int
    width: int
    lossy: bool
    identity: dict[str, Any]
    _read_one: Callable[[int], np.ndarray] = field(repr=False)
    unused: Mapping[str, int] = field(default_factory=dict)
    _read_many: Callable[[np.ndarray, np.ndarray | None], np.ndarray] | None = field(default=None, repr=False)
    name_of: Callable[[int], str] = field(default=str, repr=False)

    most_readers = MOST_READERS
    """Threads that may read at a time; see `vidbench.scoring.clip_sources.ClipSource`."""

    @property
    def direct(self) -> DirectReading | None:
        """How clips are read into memory of the caller, if that is quicker than `read`."""
        shape = (int(self.identity["num_frames"]), self.height, self.width, 3)
        return None if self._read_many is None else DirectReading(shape, self._read_many)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return clips uint8 ``[N, T, H, W, 3]`` for int64 indices ``[N]``.

        Raises:
            InputError: a file is damaged, too short, or differs in size from the first one; names the file.
        """
        if self._read_many is not None:
            return self._read_many(indices, None)
        return np.stack([self._read_one(int(index)) for index in indices])


def refuse_missing(path: Path) -> None:
    """Refuse a path where nothing is, without looking into it.

    Raises:
        InputError: names it.
    """
    refuse_unprintable(path)
    if not path.exists():
        raise InputError(f"There are no clips at '{path}'; give {_ACCEPTED}.")


def open_clips(path: Path, shape: ClipShape, ignore: Sequence[str] = ()) -> ClipFiles:
    """Open clips without reading them into memory; only the first one is decoded, for its size.

    Clips in a folder are ordered by a hash of their names, so that consecutive clips are not of one class: intervals are
    computed from contiguous groups.

    Args:
        path: a folder or a file.
        shape: which frames make a clip.
        ignore: patterns of entries to leave out, see `vidbench.data.folders.inventory.matching_patterns`.

    Raises:
        InputError: nothing is there, the form is not accepted, there are fewer than two clips, the first is too short, or
            an entry of a folder should be read and cannot be.
    """
    refuse_missing(path)
    if not path.is_dir() or is_present(path / MANIFEST_NAME):
        return _from_samples(path, shape, ignore)
    found = take_inventory(path, VIDEO_SUFFIXES | IMAGE_SUFFIXES, ignore=ignore)
    videos, folders = _media(found)
    if videos and folders:
        raise InputError(
            f"The folder '{path}' has both videos ('{videos[0]}') and frames ('{folders[0]}'), so the clips are unclear; "
            f"separate them, or leave one kind out, such as --ignore '*{videos[0].suffix}'."
        )
    if not videos and not folders:
        return _from_samples(path, shape, ignore)  # refuses with the reason
    if folders == [path]:
        raise InputError(f"The folder '{path}' has loose images; put the frames of each clip into a separate folder.")
    opened = _from_videos(path, videos, shape) if videos else _from_frames(found, folders, shape)
    return replace(opened, unused=found.unused)


def _from_samples(path: Path, shape: ClipShape, ignore: Sequence[str]) -> ClipFiles:
    samples = open_samples(path, ignore, pixels=shape.pixels)
    if samples.num_frames < clip_span(shape.num_frames, shape.stride):
        raise InputError(
            f"The clips in '{path}' have {samples.num_frames} frames, but {_needed(shape)} are needed; use longer clips "
            "or a smaller --num-frames."
        )
    frames = _frames(shape)

    as_stored = len(frames) == samples.num_frames

    def read_many(indices: np.ndarray, into: np.ndarray | None) -> np.ndarray:
        if as_stored and isinstance(samples, ShardedSamples | ArraySamples):
            return samples.read(indices, into)
        clips_NTHWC = samples.read(indices)[:, frames]
        if into is not None:
            into[:] = clips_NTHWC
        return clips_NTHWC

    def read_one(index: int) -> np.ndarray:
        clip_THWC: np.ndarray = read_many(np.array([index]), None)[0]
        return clip_THWC

    opened = _opened(path, samples.num_samples, samples.lossy, samples.identity_sha256, read_one, shape, str)
    # All clips have one shape, so that those that need no resize are taken as they are.
    return replace(opened, unused=samples.unused, _read_many=read_many if shape.resolution is None else None)


def _from_videos(path: Path, videos: list[Path], shape: ClipShape) -> ClipFiles:
    refuse_twin_videos(videos)
    frames = _frames(shape)

    hashed = [hash_file(video) for video in videos]

    def read_one(index: int) -> np.ndarray:
        with hashed[index].checked():
            return decode_frames(videos[index], frames, shape.pixels)

    # Open every header, so that a file that is not a video is found now and not half-way.
    kept_exactly = [is_lossless(video) for video in videos]
    identity = digest([[entry_name(file.path, path), file.sha256] for file in hashed])
    return _opened(
        path, len(videos), not all(kept_exactly), identity, read_one, shape, lambda index: str(videos[index])
    )


def _from_frames(found: Inventory, folders: list[Path], shape: ClipShape) -> ClipFiles:
    path = found.root
    _refuse_nested(folders)
    images_in: dict[Path, list[Path]] = {folder: [] for folder in folders}
    for image in found.files:
        images_in[image.parent].append(image)
    images = [ordered_frames(folder, images_in[folder]) for folder in folders]
    refuse_twin_frames(images_in)
    span = clip_span(shape.num_frames, shape.stride)
    for folder, frames in zip(folders, images, strict=True):
        if len(frames) < span:
            raise InputError(
                f"The clip '{folder}' has {len(frames)} frames, but {_needed(shape)} are needed; remove it or use a "
                "smaller --num-frames."
            )
    used = [[frames[frame] for frame in _frames(shape)] for frames in images]

    hashed = [[hash_file(image) for image in clip] for clip in used]

    def read_one(index: int) -> np.ndarray:
        frames_HWC = []
        for file in hashed[index]:
            with file.checked():
                frames_HWC.append(read_image(file.path))
        for image, frame_HWC in zip(used[index], frames_HWC, strict=True):
            if frame_HWC.shape != frames_HWC[0].shape:
                raise InputError(f"The frame '{image}' differs in size from '{used[index][0]}'; all must be equal.")
        return np.stack(frames_HWC)

    lossy = any(suffix_of(image.name) in LOSSY_IMAGE_SUFFIXES for clip in used for image in clip)
    identity = digest([[entry_name(file.path, path), file.sha256] for clip in hashed for file in clip])
    return _opened(path, len(folders), lossy, identity, read_one, shape, lambda index: str(folders[index]))


def _opened(
    path: Path,
    num_clips: int,
    lossy: bool,
    sha256: str,
    read_stored: Callable[[int], np.ndarray],
    shape: ClipShape,
    name_of: Callable[[int], str],
) -> ClipFiles:
    if num_clips < 2:
        raise InputError(f"There is only one clip at '{path}', and a covariance needs two or more; use more clips.")

    def fitted(index: int) -> np.ndarray:
        clip_THWC = read_stored(index)
        if shape.resolution is None:
            return clip_THWC
        return fit_frames(clip_THWC, shape.resolution, shape.resolution, "pil-bicubic", "center", name_of(index))

    height, width = fitted(0).shape[1:3]

    def read_one(index: int) -> np.ndarray:
        clip_THWC = fitted(index)
        if clip_THWC.shape[1:3] != (height, width):
            raise InputError(
                f"'{name_of(index)}' has frames of {clip_THWC.shape[2]}x{clip_THWC.shape[1]} pixels but '{name_of(0)}' of "
                f"{width}x{height}; use --resolution to resize all of them."
            )
        return clip_THWC

    identity: dict[str, Any] = {
        "source": "clip-files",
        "sha256": sha256,
        "num_frames": shape.num_frames,
        "stride": shape.stride,
        "resolution": shape.resolution,
    }
    if shape.pixels != "exact":
        identity["pixels"] = shape.pixels
    return ClipFiles(path, num_clips, height, width, lossy, identity, read_one, name_of=name_of)


def _frames(shape: ClipShape) -> np.ndarray:
    return clip_frames(0, shape.num_frames, shape.stride)


def _needed(shape: ClipShape) -> str:
    span = clip_span(shape.num_frames, shape.stride)
    return f"{span}" if shape.stride == 1 else f"{span} ({shape.num_frames} at stride {shape.stride})"


def _media(found: Inventory) -> tuple[list[Path], list[Path]]:
    """Return all videos and all folders with images, ordered by a hash of their names."""

    def key(path: Path) -> bytes:
        return blake2b(entry_name(path, found.root).encode(), digest_size=8).digest()

    videos = [file for file in found.files if suffix_of(file.name) in VIDEO_SUFFIXES]
    folders = {file.parent for file in found.files if suffix_of(file.name) in IMAGE_SUFFIXES}
    return sorted(videos, key=key), sorted(folders, key=key)


def _refuse_nested(folders: Sequence[Path]) -> None:
    """Refuse loose images above folders of frames: they would count as a clip."""
    outer = set(folders)
    for inner in folders:
        for folder in inner.parents:
            if folder in outer:
                raise InputError(
                    f"The folder '{folder}' has loose images next to the frame folder '{inner}', so the clips are unclear; "
                    "move or remove them, or leave them out with --ignore."
                )
