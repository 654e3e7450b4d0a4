"""Videos whose frames are image files, as datasets of frames are published, and what a scan compares of any video's files."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b, sha256
from pathlib import Path

import numpy as np

from vidbench.data.folders.frame_names import ordered_frames
from vidbench.data.folders.inventory import Inventory
from vidbench.data.folders.suffixes import IMAGE_SUFFIXES, suffix_of
from vidbench.data.image_files import read_image
from vidbench.data.layouts.listing import Duplicate, FrameSource, VideoFile
from vidbench.data.opening import UnusableVideoError
from vidbench.errors import InputError
from vidbench.files import file_sha256, file_state


@dataclass(frozen=True)
class FrameFiles:
    """A video as image files of one folder, a `vidbench.data.layouts.listing.FrameSource`.

    Attributes:
        path: its folder, or its first frame where a folder holds several videos.
        folder: the folder of its frames.
        names: file names of its frames.
        num_frames: the number of frames that every whole video of the dataset has; None where they differ.
    """

    path: Path
    folder: Path
    names: tuple[str, ...]
    num_frames: int | None = None

    @property
    def files(self) -> tuple[Path, ...]:
        """The frames, as they are named."""
        return tuple(self.folder / name for name in self.names)

    def count(self) -> int:
        """Return the number of frames, without decoding.

        Raises:
            InputError: a number is missing among their names, or there are too few of them.
        """
        return len(self._ordered())

    def frames(self, frame_indices: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Yield some or all frames as uint8 RGB ``[H, W, 3]``, in the order of the numbers in their names.

        Raises:
            InputError: as `count`, or a frame is damaged or has another size than the first one that is read; names the file.
        """
        ordered = self._ordered()
        shape = None
        for path in ordered if frame_indices is None else [ordered[index] for index in frame_indices]:
            frame_HWC = read_image(path)
            shape = shape or frame_HWC.shape
            if frame_HWC.shape != shape:
                raise InputError(
                    f"The frame '{path}' is {frame_HWC.shape[1]}x{frame_HWC.shape[0]} pixels where an earlier one of its video "
                    f"is {shape[1]}x{shape[0]}; fetch the video again, or remove it."
                )
            yield frame_HWC

    def sha256(self) -> str:
        """Digest of the digests of the files, in order; names do not enter."""
        return sha256("".join(file_sha256(path) for path in self._ordered()).encode()).hexdigest()

    def _ordered(self) -> list[Path]:
        if self.num_frames is not None and len(self.names) != self.num_frames:
            raise UnusableVideoError(
                "truncated",
                f"The video that begins with '{self.folder / self.names[0]}' has {len(self.names)} of its {self.num_frames} "
                "frames; fetch the others, or remove these.",
            )
        return ordered_frames(self.folder, self.files)


def stored_files(source: FrameSource) -> Sequence[Path]:
    """Return the files that hold a video, its own or those that it shares."""
    return source.files if isinstance(source, FrameFiles) else (source.path,)


def source_state(source: FrameSource) -> tuple[int, int, int]:
    """Return size, date in nanoseconds and inode of what holds a video; of several files their sum, the latest, and a digest of all.

    Raises:
        InputError: a file is gone.
    """
    states = [file_state(path) for path in stored_files(source)]
    if len(states) == 1:
        return states[0]
    every = blake2b(repr(states).encode(), digest_size=7).digest()
    return sum(size for size, _, _ in states), max(date for _, date, _ in states), int.from_bytes(every, "big")


def clip_folders(root: Path, frames: Sequence[Path]) -> dict[Path, FrameSource]:
    """Return the videos that some frames make, one per folder that directly holds some, sorted by path.

    Args:
        root: the folder of the split.
        frames: the image files below it.

    Raises:
        InputError: a frame is in the folder of the split itself.
    """
    names: dict[Path, list[str]] = {}
    for path in frames:
        names.setdefault(path.parent, []).append(path.name)
    if root in names:
        raise InputError(
            f"The frame '{root / names[root][0]}' is in no folder of its own video, so its place is unknown; give every video a "
            "folder."
        )
    return {folder: FrameFiles(folder, folder, tuple(names[folder])) for folder in sorted(names)}


def videos_or_folders(found: Inventory) -> dict[Path, FrameSource]:
    """Return the videos of an inventory by path, which are either video files or folders of frames.

    Raises:
        InputError: there are both, so that one video may be there in two forms, or a frame is in no folder of its video.
    """
    frames = [path for path in found.files if suffix_of(path.name) in IMAGE_SUFFIXES]
    if not frames:
        return {path: VideoFile(path) for path in found.files}
    videos = sorted(set(found.files) - set(frames))
    if videos:
        raise InputError(
            f"'{found.root}' holds video files ('{videos[0].name}') and folders of frames ('{frames[0].parent.name}'), and the same "
            "video may be in both; keep one of the two forms."
        )
    return clip_folders(found.root, frames)


def each_once(
    sources: Mapping[Path, FrameSource], name_of: Callable[[Path], str]
) -> tuple[dict[str, FrameSource], tuple[Duplicate, ...]]:
    """Return the sources by official name, sorted, and the names that two of them have.

    Args:
        sources: source of each path.
        name_of: returns the official name of a path.
    """
    first: dict[str, Path] = {}
    duplicates = []
    for path in sorted(sources):
        name = name_of(path)
        kept = first.setdefault(name, path)
        if kept is not path:
            duplicates.append(Duplicate(name, kept, path))
    return {name: sources[first[name]] for name in sorted(first)}, tuple(duplicates)
