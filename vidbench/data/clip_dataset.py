"""What every source of real clips answers: one split of a data set, cut into the clips that a task fixes."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class ClipDataset(Protocol):
    """One split of a data set under one clip plan.

    Attributes:
        num_clips: number of clips in the plan that are present on disk.
        labels: int64 ``[num_clips]``, or None where the data has no labels.
        class_names: names in label order; empty where the data has no labels.
        coverage: share of the official clips that are present, 0 to 1.
        identity_sha256: digest of everything that decides the bytes of the clips: the names and bytes of the files
            in use (or the generator's version), the clip plan, the resize.
        scan_sha256: hash of the manifest of the scan that vouches for the files, or None where there was none.
    """

    num_clips: int
    class_names: tuple[str, ...]
    coverage: float
    scan_sha256: str | None

    @property
    def labels(self) -> np.ndarray | None:
        """See the class."""
        ...

    @property
    def identity_sha256(self) -> str:
        """See the class."""
        ...

    def clip_ids(self, indices: np.ndarray) -> tuple[str, ...]:
        """Names of the clips of int64 indices ``[N]``, each once in the plan; the same wherever the data lies."""
        ...

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Return clips uint8 ``[N, T, H, W, 3]``, a pure function of the int64 indices ``[N]``.

        Raises:
            InputError: a file cannot be decoded, or is shorter than the task needs; names the file.
        """
        ...

    def origins(self, count: int) -> frozenset[str]:
        """Official names of the videos that the first ``count`` clips are cut from.

        Two sets of clips are disjoint where these are: clips of one video are not independent, whatever their frames.
        """
        ...
