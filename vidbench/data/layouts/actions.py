"""The actions of a video: what was done between each frame and the next, wherever it is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np

from vidbench.errors import InputError


class ActionSource(Protocol):
    """The actions of one video."""

    @property
    def path(self) -> Path:
        """File to name in error messages."""
        ...

    def read(self) -> np.ndarray:
        """Return the actions, float32 ``[F - 1, A]`` for F frames: row t leads from frame t to frame t + 1.

        Raises:
            InputError: the file is damaged or has other actions than the dataset; names it.
        """
        ...


def checked_actions(actions: np.ndarray, size: int, place: str) -> np.ndarray:
    """Return actions as float32 ``[F - 1, A]``.

    Args:
        actions: what a file holds; one number per step may lack the last axis.
        size: A, numbers of one action.
        place: the file and the array in it, as the subject of a sentence.

    Raises:
        InputError: wrong shape, not numbers, or not finite.
    """
    shaped = actions[:, np.newaxis] if actions.ndim == 1 else actions
    if shaped.ndim != 2 or shaped.shape[1] != size or shaped.dtype.kind not in "iufb":
        raise InputError(
            f"{place} {'is' if actions.ndim else 'is one value,'} {actions.dtype} {list(actions.shape)}, and actions of this dataset have "
            f"{size} {'number' if size == 1 else 'numbers'} per frame; fetch the file again."
        )
    found: np.ndarray = shaped.astype(np.float32)
    if not np.isfinite(found).all():
        raise InputError(
            f"{place} is not finite at step {int(np.argwhere(~np.isfinite(found))[0, 0])}; fetch the file again."
        )
    return found
