"""Readers of weight files that execute none of their contents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError


def read_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of a ``.safetensors`` or ``.npz`` file by name.

    Raises:
        InputError: the file is missing, of another kind or damaged, or contains pickled objects.
    """
    if not path.is_file():
        raise InputError(f"There is no weights file at {path}; give an existing .safetensors or .npz file.")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix == ".npz":
        return _read_npz(path)
    raise InputError(f"The weights file {path} is neither .safetensors nor .npz; convert it to one of them.")


def _read_safetensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, KeyError, ValueError, TypeError, OverflowError, MemoryError) as error:
        raise _unreadable(path, error) from error


def _read_npz(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except Exception as error:  # damaged archives raise various exceptions of zipfile, zlib and numpy
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: BaseException) -> InputError:
    reason = (str(error).strip() or type(error).__name__).split("\n", 1)[0]
    return InputError(f"The weights file {path} cannot be read ({reason}); get it again.")
