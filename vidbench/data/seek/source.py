"""A video that a scan has indexed, as a source of frames."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vidbench.data.layouts.listing import VideoFile
from vidbench.data.seek.index import KeyframeIndex
from vidbench.data.seek.seek_frames import IndexDisagreesError, iterate_indexed
from vidbench.data.seek.stored import IndexedFile, StoredIndexes
from vidbench.errors import InputError
from vidbench.progress import warn


class AskAgainError(Exception):
    """The frames that a source has yielded are void; ask for them again."""


class IndexedVideo:
    """A file that FFmpeg decodes, from the keyframe before the requested frames where the scan has proven that; a `FrameSource`.

    Attributes:
        path: the file.
    """

    def __init__(self, whole: VideoFile, file: IndexedFile, indexes: StoredIndexes) -> None:
        """Look for no index yet.

        Args:
            whole: the same video, decoded whole.
            file: the file when it was scanned; the caller has compared it with the one on disk.
            indexes: where its index is.
        """
        self.path: Path = whole.path
        self._whole = whole
        self._file = file
        self._indexes: StoredIndexes | None = indexes

    @property
    def index(self) -> KeyframeIndex | None:
        """The index, or None where the video is decoded whole."""
        return None if self._indexes is None else self._indexes.find(self._file)

    def count(self) -> int:
        """Return the number of frames, as the scan counted them, or see `VideoFile.count`."""
        index = self.index
        return self._whole.count() if index is None else index.frames

    def frames(self, frame_indices: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """See `vidbench.data.decode.iterate_frames`.

        Raises:
            AskAgainError: the index is wrong about the file; the second time the video is decoded whole.
            InputError: the file is not the one that was scanned, whose digest names what is computed from it.
        """
        index = None if frame_indices is None else self.index
        if index is None or frame_indices is None:
            yield from self._whole.frames(frame_indices)
            return
        try:
            yield from iterate_indexed(self.path, index, frame_indices, self._whole.pixels)
        except IndexDisagreesError as error:
            if self._whole.sha256() != self._file.sha256:
                raise InputError(
                    f"The video '{self.path}' is not the one that was scanned, although size and date are the same: run "
                    "`vidbench data scan --full` again."
                ) from error
            self._indexes = None
            warn(f"Decoding all of '{self.path}', since its keyframe index differs: {str(error).rstrip('.')}.")
            raise AskAgainError from error

    def sha256(self) -> str:
        """Return the digest of the file."""
        return self._whole.sha256()
