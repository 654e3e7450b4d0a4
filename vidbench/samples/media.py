"""Samples in media files: a folder of videos, or a folder with one folder of frames per sample."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from vidbench.data.decode import decoding, is_lossless, iterate_frames, to_rgb
from vidbench.data.folders.frame_names import natural_key, ordered_frames
from vidbench.data.folders.inventory import NOTHING, composed
from vidbench.data.folders.suffixes import LOSSY_IMAGE_SUFFIXES
from vidbench.data.image_files import read_image
from vidbench.errors import InputError
from vidbench.files import digest, hash_file
from vidbench.samples.arrays import check_indices
from vidbench.samples.manifest import SamplesManifest
from vidbench.tasks.schema import PixelConvention


class VideoSamples:
    """One video per sample, in natural order of their names; frames are counted as stored.

    See `vidbench.samples.SampleSource` for the attributes.
    """

    labels: np.ndarray | None = None
    manifest: SamplesManifest | None = None
    unused: Mapping[str, int] = NOTHING

    def __init__(self, paths: list[Path], needed_frames: int | None = None, pixels: PixelConvention = "exact") -> None:
        """Open the videos: the first one defines the shape, the headers of all tell whether pixels are exact.

        Args:
            paths: the files.
            needed_frames: refuse a first video that is longer, without decoding it to its end; None accepts any length.
            pixels: how frames become RGB; any other convention than the default changes the identity.

        Raises:
            InputError: a file cannot be opened, or the first video is too long.
        """
        self._paths = sorted(paths, key=natural_key)
        self._pixels = pixels
        self.num_samples = len(self._paths)
        # Before anything is read of them: what is read later must be what was hashed.
        self._hashed = [hash_file(path) for path in self._paths]
        # Open every header, so that a file that is not a video is found now and not half-way.
        kept_exactly = [is_lossless(path) for path in self._paths]
        self.lossy = not all(kept_exactly)
        self.num_frames, self.height, self.width = _video_shape(self._paths[0], needed_frames)
        files = [[composed(file.path.name), file.sha256] for file in self._hashed]
        self.identity_sha256 = digest(files if pixels == "exact" else {"pixels": pixels, "files": files})

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return samples uint8 ``[N, T, H, W, 3]`` for int64 indices ``[N]``.

        Raises:
            InputError: a video cannot be decoded, differs in length or size from the first one, or has changed.
        """
        check_indices(indices, self.num_samples)
        samples_NTHWC = np.empty((len(indices), self.num_frames, self.height, self.width, 3), np.uint8)
        for row, index in enumerate(indices.tolist()):
            with self._hashed[index].checked():
                self._read_one(self._paths[index], samples_NTHWC[row])
        return samples_NTHWC

    def _read_one(self, path: Path, sample_THWC: np.ndarray) -> None:
        found = 0
        for frame_HWC in iterate_frames(path, None, self._pixels):
            if found == self.num_frames:
                raise InputError(
                    f"'{path}' has more than {self.num_frames} frame(s), the length of '{self._paths[0]}'; all samples "
                    "must have the same length and size."
                )
            if frame_HWC.shape != sample_THWC.shape[1:]:
                raise _other_size(path, frame_HWC, self._paths[0], sample_THWC[0])
            sample_THWC[found] = frame_HWC
            found += 1
        if found < self.num_frames:
            raise InputError(
                f"'{path}' has {found} frame(s) of {self.width}x{self.height} pixels but '{self._paths[0]}' has "
                f"{self.num_frames} of {self.width}x{self.height}; all samples must have the same length and size."
            )


def _video_shape(path: Path, needed_frames: int | None) -> tuple[int, int, int]:
    """Return the number of frames, height and width, with one frame in memory at a time."""
    frames = height = width = 0
    with decoding(path) as video:
        for frame in video.frames:
            if frames == 0:
                height, width = to_rgb(frame, path).shape[:2]
            frames += 1
            if frames - 1 == needed_frames:
                raise InputError(
                    f"The video '{path}' ({width}x{height}) has more than the {needed_frames} frames that the task requires "
                    "of a sample; write videos of that length."
                )
    return frames, height, width


class FrameFolderSamples:
    """One folder of image files per sample, folders and frames in natural order of their names.

    See `vidbench.samples.SampleSource` for the attributes.
    """

    labels: np.ndarray | None = None
    manifest: SamplesManifest | None = None
    unused: Mapping[str, int] = NOTHING

    def __init__(self, images: Mapping[Path, Sequence[Path]]) -> None:
        """Order the frames; the first one defines the size.

        Args:
            images: the images in each sample's folder.

        Raises:
            InputError: a folder has no frames, or not as many as the first one; a frame is missing or there twice.
        """
        self._folders = sorted(images, key=natural_key)
        self._frames = [ordered_frames(folder, images[folder]) for folder in self._folders]
        self.num_samples, self.num_frames = len(self._folders), len(self._frames[0])
        for folder, frames in zip(self._folders, self._frames, strict=True):
            if len(frames) != self.num_frames:
                raise InputError(
                    f"The sample '{folder}' has {len(frames)} frames but '{self._folders[0]}' has {self.num_frames}; "
                    "all samples must have the same length."
                )
        self._hashed = [[hash_file(path) for path in frames] for frames in self._frames]
        self.height, self.width = read_image(self._frames[0][0]).shape[:2]
        paths = [path for frames in self._frames for path in frames]
        self.lossy = any(path.suffix.lower() in LOSSY_IMAGE_SUFFIXES for path in paths)
        self.identity_sha256 = digest(
            [
                [composed(file.path.parent.name), composed(file.path.name), file.sha256]
                for frames in self._hashed
                for file in frames
            ]
        )

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return samples uint8 ``[N, T, H, W, 3]`` for int64 indices ``[N]``.

        Raises:
            InputError: an image cannot be read, differs in size from the first one, or has changed.
        """
        check_indices(indices, self.num_samples)
        samples_NTHWC = np.empty((len(indices), self.num_frames, self.height, self.width, 3), np.uint8)
        for row, index in enumerate(indices.tolist()):
            for time, file in enumerate(self._hashed[index]):
                with file.checked():
                    frame_HWC = read_image(file.path)
                if frame_HWC.shape != samples_NTHWC.shape[2:]:
                    raise _other_size(file.path, frame_HWC, self._frames[0][0], samples_NTHWC[row, 0])
                samples_NTHWC[row, time] = frame_HWC
        return samples_NTHWC


def _other_size(path: Path, frame_HWC: np.ndarray, first: Path, first_HWC: np.ndarray) -> InputError:
    height, width = frame_HWC.shape[:2]
    return InputError(
        f"'{path}' has frames of {width}x{height} pixels but '{first}' of {first_HWC.shape[1]}x{first_HWC.shape[0]}; all samples "
        "must have the same length and size."
    )
