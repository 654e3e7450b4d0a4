"""The interface of every source of real clips: one split of a dataset, cut into the clips that a task defines."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol, runtime_checkable

import numpy as np

from vidbench.errors import InputError


class ClipDataset(Protocol):
    """One split of a dataset under one clip plan.

    Attributes:
        num_clips: number of clips in the plan that are present on disk.
        labels: int64 ``[num_clips]``, or None if the data has no labels.
        class_names: names in label order; empty if the data has no labels.
        coverage: share of the official clips that are present, 0 to 1.
        identity_sha256: digest of everything that determines the bytes of the clips: names and bytes of the files in
            use (or the generator's version), the clip plan, the resize.
        scan_sha256: manifest hash of the scan that covers the files, or None without a scan.
        unused: number of entries of the folder that are not in use, by reason.
    """

    num_clips: int
    class_names: tuple[str, ...]
    coverage: float
    scan_sha256: str | None
    unused: Mapping[str, int]

    @property
    def labels(self) -> np.ndarray | None:
        """See the class."""
        ...

    @property
    def identity_sha256(self) -> str:
        """See the class."""
        ...

    def clip_ids(self, indices: np.ndarray) -> tuple[str, ...]:
        """Return the names of the clips at int64 indices ``[N]``: unique in the plan, the same on every machine."""
        ...

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return clips uint8 ``[N, T, H, W, 3]``, a pure function of the int64 indices ``[N]``.

        Raises:
            InputError: a file cannot be decoded or is too short for the task; names the file.
        """
        ...

    def captions(self, indices: np.ndarray) -> tuple[tuple[str, ...], ...]:
        """Return what the data says of the videos of clips, in its order; ``()`` for each clip if it says nothing."""
        ...

    def origins(self, count: int) -> frozenset[str]:
        """Return the official names of the videos that the first ``count`` clips are cut from.

        Two sets of clips are disjoint only if these are: clips of one video are not independent, whatever their frames.
        """
        ...


@runtime_checkable
class ActionClips(ClipDataset, Protocol):
    """Clips with actions: what was done between each frame and the next."""

    @property
    def actions_sha256(self) -> str:
        """Digest of the actions of all clips; `ClipDataset.identity_sha256` is of the frames."""
        ...

    def actions(self, indices: np.ndarray) -> np.ndarray:
        """Return float32 ``[N, T - 1, A]`` for clips of T frames: row t leads from frame t to frame t + 1.

        A pure function of the int64 indices ``[N]``; with a stride there is a row for every frame of the video.

        Raises:
            InputError: the actions of a clip are missing or damaged; names the file.
        """
        ...


def clips_with_actions(clips: ClipDataset) -> ActionClips:
    """Return clips whose actions can be read.

    Raises:
        InputError: the clips have no actions.
    """
    if not isinstance(clips, ActionClips):
        raise InputError("These clips have no actions: choose a dataset with actions, or a task without.")
    return clips


def actions_digest(clips: ActionClips) -> str:
    """Return the digest of the actions of all clips, of their numbers and not of the files that hold them."""
    found = sha256()
    for index in range(clips.num_clips):
        actions_KA = clips.actions(np.array([index]))[0]
        found.update(f"{actions_KA.shape}".encode() + actions_KA.astype("<f4").tobytes())
    return found.hexdigest()
