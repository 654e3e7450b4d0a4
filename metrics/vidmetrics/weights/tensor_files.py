"""Readers of weight files that execute none of their contents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.formats.faults import real_kind
from vidmetrics.formats.npy_files import read_npz
from vidmetrics.formats.tensor_archives import read_safetensors
from vidmetrics.regular_files import why_no_file


def refuse_absent(path: Path) -> None:
    """Refuse a path that is not a regular file, before anything opens it: a pipe would wait.

    Raises:
        InputError: nothing is there, or something else.
    """
    if not path.exists():
        raise InputError(f"There is no weights file at {path}; give an existing .safetensors or .npz file.")
    if not path.is_file():
        raise InputError(f"The weights file {path} {why_no_file(path)}; give a .safetensors or .npz file.")


def read_tensors(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of a ``.safetensors`` or ``.npz`` file by name.

    Raises:
        InputError: the file is missing, of another kind or damaged, contains pickled objects, or needs more memory than the
            machine has.
    """
    refuse_absent(path)
    where = f"The weights file {path}"
    if path.suffix == ".safetensors":
        return read_safetensors(path, where=where)
    if path.suffix == ".npz":
        return read_npz(path, where=where)
    kind = real_kind(path)
    known = f" (it is {kind})" if kind else ""
    raise InputError(f"{where} is neither .safetensors nor .npz{known}; convert it to one of them.")
