"""A split held to a frozen list: its videos, its classes and the frames of each, whatever else the folder holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from vidbench.data.layouts.listing import FrameSource, Listing
from vidbench.data.videos import VideoDataset
from vidbench.errors import InputError
from vidbench.tasks.frozen_lists import DIGITS, FrozenList, FrozenSplit
from vidbench.tasks.schema import ClipSpec, Task


def held_listing(listing: Listing, split: str, frozen: FrozenList | None) -> Listing:
    """Return a listing of exactly the videos of a list, with the list's classes; unchanged without a list of the split.

    Raises:
        InputError: the folder gives a video another class than the list.
    """
    if frozen is None or split not in frozen.splits:
        return listing
    held = frozen.splits[split]
    for name in listing.sources:
        if name in held.videos and (ours := _class_of(listing, name)) != (theirs := _listed_class(held, name)):
            raise InputError(
                f"The video '{name}' of split '{split}' has the class {ours} here and {theirs} on the frozen list of {frozen.year}: "
                "get the official lists again."
            )
    return replace(
        listing,
        class_names=held.class_names,
        labels={name: label for name, (label, _) in held.videos.items()},
        sources={name: source for name, source in listing.sources.items() if name in held.videos},
        origin=f"the frozen list of {frozen.year} ({frozen.sha256[:12]})",
        num_official=None,
        duplicates=tuple(each for each in listing.duplicates if each.video_id in held.videos),
    )


def with_frames_of(listing: Listing, split: str, frozen: FrozenList, found: Mapping[tuple[str, str], str]) -> Listing:
    """Return a listing without the videos that are unusable or have other frames than on the list: they count as missing.

    Args:
        listing: the split, as `held_listing` returns it.
        split: its name.
        frozen: the list.
        found: digest of the frames of each usable video, by split and name, as a scan found them.
    """
    held = frozen.splits[split]
    same = {name for name, (_, frames) in held.videos.items() if found.get((split, name), "")[:DIGITS] == frames}
    return replace(listing, sources={name: source for name, source in listing.sources.items() if name in same})


def frames_of(frozen: FrozenList, split: str) -> Mapping[str, str]:
    """Return the digest of the frames of each video of a split."""
    return {name: frames for name, (_, frames) in frozen.splits[split].videos.items()}


def expected_identity(task: Task, frozen: FrozenList, split: str, clips: ClipSpec, limit: int | None) -> str:
    """Return `VideoDataset.identity_sha256` of a split with every video of a list, which needs no data.

    Args:
        task: the protocol, held to the list.
        frozen: the list.
        split: which split.
        clips: its clip plan.
        limit: number of clips from the start of the plan; None for all.
    """
    held = frozen.splits[split]
    sources: dict[str, FrameSource] = {name: _OnTheList(Path(name)) for name in held.videos}
    labels = {name: label for name, (label, _) in held.videos.items()}
    dataset = VideoDataset(Listing(task.data.dataset, held.class_names, labels, sources, ""), clips, limit)
    dataset.hold_to(frames_of(frozen, split))
    return dataset.identity_sha256


@dataclass(frozen=True)
class _OnTheList:
    """A video that is known by its name and the digest of its frames alone; a `FrameSource` without frames."""

    path: Path

    def count(self) -> int:
        raise self._unread()

    def frames(self, frame_indices: np.ndarray | None = None) -> Iterator[np.ndarray]:
        raise self._unread()

    def sha256(self) -> str:
        raise self._unread()

    def _unread(self) -> InputError:
        return InputError(f"The video '{self.path}' is known from a frozen list alone, which has no frames.")


def _class_of(listing: Listing, name: str) -> str | None:
    label = listing.labels[name]
    return None if label is None else listing.class_names[label]


def _listed_class(held: FrozenSplit, name: str) -> str | None:
    label = held.videos[name][0]
    return None if label is None else held.class_names[label]
