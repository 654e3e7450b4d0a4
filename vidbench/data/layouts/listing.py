"""Listings: the official list of a split, the class order, and where the frames of each video are.

The reader of each layout returns a `Listing`; `vidbench.data.videos.VideoDataset` cuts clips from any of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from vidbench.data.decode import iterate_frames
from vidbench.data.folders.inventory import (
    NOT_ON_THE_LIST,
    Inventory,
    UnusedEntries,
    fault_of_name,
    merged,
    take_inventory,
)
from vidbench.data.folders.suffixes import VIDEO_SUFFIXES
from vidbench.data.layouts.actions import ActionSource
from vidbench.data.probe import examine_video, refuse_truncated
from vidbench.errors import InputError, MissingSplitError
from vidbench.files import file_sha256
from vidbench.tasks.schema import PixelConvention

_MOST_CHARACTERS = 200


class FrameSource(Protocol):
    """The frames of one video, wherever they are stored."""

    @property
    def path(self) -> Path:
        """File to name in error messages."""
        ...

    def count(self) -> int:
        """Return the number of frames, by decoding."""
        ...

    def frames(self, frame_indices: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """Yield some or all frames as uint8 RGB ``[H, W, 3]``; ``frame_indices`` are int ``[T]``, ascending."""
        ...

    def sha256(self) -> str:
        """Return the digest of the stored bytes."""
        ...


@dataclass(frozen=True)
class VideoFile:
    """A file that FFmpeg decodes; a `FrameSource`.

    Attributes:
        path: the file.
        pixels: how its frames become RGB.
    """

    path: Path
    pixels: PixelConvention = "exact"

    def count(self) -> int:
        """Return the number of frames, by decoding all of them.

        Raises:
            UnusableVideoError: it cannot be decoded, or is shorter than its header states: clips drawn from a truncated
                video would differ from those that others draw from the whole one.
        """
        facts = examine_video(self.path)
        refuse_truncated(self.path, facts)
        return facts.frames

    def frames(self, frame_indices: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """See `vidbench.data.decode.iterate_frames`."""
        return iterate_frames(self.path, frame_indices, self.pixels)

    def sha256(self) -> str:
        """Return the digest of the file."""
        return file_sha256(self.path)


class Duplicate(NamedTuple):
    """A video found in two files."""

    video_id: str
    kept: Path
    other: Path


@dataclass(frozen=True)
class Listing:
    """One split, as listed and as found.

    Attributes:
        dataset: name of the dataset; enters the identity of its clips.
        class_names: names in label order; empty if the data has no labels.
        labels: official video name to class index, in the order of the list; None without labels.
        sources: official video name to its frames, for videos on disk.
        origin: description of the list in use.
        num_official: size of the official list, if the layout does not say which of its videos are missing.
        seconds: official video name to its length in seconds, if the name states it.
        duplicates: videos found twice; the clips of such a split cannot be used.
        remarks: what a person should know about the list, one sentence each.
        unused: number of entries of the split's folder that are not in use, by reason.
        captions: official name to what the data says of the video, in its order; empty if it says nothing.
        withdrawn: official name to file, for videos on disk that are not read because they were withdrawn.
        actions: official name to what was done between its frames, for videos that have actions.
    """

    dataset: str
    class_names: tuple[str, ...]
    labels: Mapping[str, int | None]
    sources: Mapping[str, FrameSource]
    origin: str
    num_official: int | None = None
    seconds: Mapping[str, float] | None = None
    duplicates: tuple[Duplicate, ...] = ()
    remarks: tuple[str, ...] = ()
    unused: Mapping[str, int] = field(default_factory=dict)
    withdrawn: Mapping[str, Path] = field(default_factory=dict)
    captions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    actions: Mapping[str, ActionSource] = field(default_factory=dict)

    @property
    def coverage(self) -> float:
        """Share of the official videos that are on disk, 0 to 1."""
        return len(self.sources) / max(self.num_official or 0, len(self.labels))

    @property
    def missing(self) -> tuple[str, ...]:
        """Listed names without a file, sorted."""
        return tuple(sorted(set(self.labels) - set(self.sources)))


def split_folder(root: Path, split: str) -> Path:
    """Return the folder of a split.

    Raises:
        InputError: the data folder or the split's folder does not exist; names the existing splits.
    """
    if not root.is_dir():
        raise InputError(
            f"The data folder '{root}' does not exist: name an existing one, with --data DIR when running a task."
        )
    folder = root / split
    if not folder.is_dir():
        present = quoted(path.name for path in visible(root) if path.is_dir() and path.name != "annotations")
        raise MissingSplitError(root, split, present)
    return folder


def videos_below(folder: Path, depth: int | None = 1, ignore: Sequence[str] = ()) -> Inventory:
    """Take the inventory of the videos in a folder and ``depth`` levels of sub-folders; see `take_inventory`.

    Raises:
        InputError: there are none, or an entry should be read and cannot be; names it.
    """
    found = find_videos(folder, depth, ignore)
    if not found.files:
        suffixes = ", ".join(sorted(VIDEO_SUFFIXES))
        raise InputError(
            f"The split folder '{folder}' contains no videos ({suffixes}); check --data or fetch the data."
        )
    return found


def find_videos(
    folder: Path, depth: int | None = 1, ignore: Sequence[str] = (), known: Collection[str] = ()
) -> Inventory:
    """Return the same as `videos_below`, also if there are no videos."""
    return take_inventory(folder, VIDEO_SUFFIXES, depth=depth, ignore=ignore, known=known)


def not_listed(found: Inventory, count: int) -> UnusedEntries:
    """Return the unused entries of a folder, with the ``count`` videos in it that are not on the list."""
    return merged(found.unused, {NOT_ON_THE_LIST: count})


def by_name(names_and_paths: Iterable[tuple[str, Path]]) -> tuple[dict[str, Path], tuple[Duplicate, ...]]:
    """Return the files by official name, the first one given for each, and the duplicates."""
    files: dict[str, Path] = {}
    duplicates = []
    for name, path in names_and_paths:
        kept = files.setdefault(name, path)
        if kept is not path:
            duplicates.append(Duplicate(name, kept, path))
    return files, tuple(duplicates)


def as_sources(files: Mapping[str, Path]) -> dict[str, FrameSource]:
    """Wrap files as frame sources."""
    return {name: VideoFile(path) for name, path in files.items()}


def with_pixels(listing: Listing, pixels: PixelConvention) -> Listing:
    """Return a listing whose videos become RGB by a convention; frames that are stored as RGB do not change."""
    sources = {
        name: replace(source, pixels=pixels) if isinstance(source, VideoFile) else source
        for name, source in listing.sources.items()
    }
    return replace(listing, sources=sources)


def visible(folder: Path) -> list[Path]:
    """Return the content of a folder, sorted, without hidden names; empty if there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def refuse_cell(text: str, where: str) -> None:
    """Refuse text of a list that no message and no result can hold on one line.

    Args:
        text: a name or a class.
        where: the list and the line, as the subject of a sentence.

    Raises:
        InputError: it has a control character or a line break, or more than 200 characters.
    """
    long = f"has a name of more than {_MOST_CHARACTERS} characters" if len(text) > _MOST_CHARACTERS else None
    if (fault := long or fault_of_name(text)) is not None:
        raise InputError(f"{where} {fault}, {text[:20]!a}; fetch the official list.")


def quoted(names: Iterable[str]) -> str:
    """Format names for an error message."""
    return ", ".join(f"'{name}'" for name in sorted(names)) or "nothing"
