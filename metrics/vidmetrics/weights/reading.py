"""Readers of published weights in all their formats, as named tensors; no code in a file is executed."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.formats.faults import real_kind
from vidmetrics.formats.memory import refuse_more_than_memory
from vidmetrics.weights.i3d_names import is_torch_i3d, to_tensorflow
from vidmetrics.weights.i3d_variables import is_network_variable
from vidmetrics.weights.tensor_files import read_tensors
from vidmetrics.weights.tf_checkpoint import open_checkpoint
from vidmetrics.weights.videomae_tensors import unwrapped
from vidmetrics.weights.vjepa_tensors import checkpoint_tensors

_TORCH_SUFFIXES = (".pt", ".pth", ".tar")
"""The last one of ``.pth.tar``, which is no archive of tar."""


def files_of(path: Path) -> list[Path]:
    """Return the files that a user's path refers to.

    Args:
        path: a TF-Hub module folder, a checkpoint prefix or its ``.index``, or a single file.

    Raises:
        InputError: there are no such files.
    """
    if path.is_dir():
        prefix = path / "variables" / "variables"
        if not (path / "saved_model.pb").is_file() or not prefix.with_suffix(".index").is_file():
            raise InputError(
                f"The folder {path} is not a TF-Hub module, as it lacks saved_model.pb or variables/variables.index; "
                "give the module's folder, or the file itself."
            )
        return _checkpoint_files(prefix)
    if path.suffix == ".index":
        return _checkpoint_files(path)
    if path.is_file():
        return [path]
    if (path.parent / f"{path.name}.index").is_file():
        return _checkpoint_files(path)
    raise InputError(
        f"There are no weights at {path}; give a TF-Hub module folder, a TensorFlow checkpoint, or a .pt, .pth, "
        ".safetensors or .npz file."
    )


def _checkpoint_files(path: Path) -> list[Path]:
    checkpoint = open_checkpoint(path)
    index = checkpoint.prefix.parent / f"{checkpoint.prefix.name}.index"
    return [index, *(checkpoint.data_file(shard) for shard in range(checkpoint.num_shards))]


def read_weights(paths: Sequence[Path]) -> dict[str, npt.NDArray[Any]]:
    """Return the tensors of published weights by name.

    I3D has TensorFlow's names and layout, whatever the file format; everything else keeps its names. Optimizer slots are
    omitted. Several files are read as parts of one set of weights.

    Args:
        paths: as for `files_of`.

    Raises:
        InputError: a file is missing, damaged, of an unknown kind, or contains more than tensors, or two files contain the
            same name.
    """
    tensors: dict[str, npt.NDArray[Any]] = {}
    for path in paths:
        part = _read_one(path)
        if twice := sorted(set(part) & set(tensors)):
            raise InputError(f"'{twice[0]}' is in {path} and also in another file; give each part of the weights once.")
        tensors.update(part)
    return to_tensorflow(tensors) if is_torch_i3d(tensors) else tensors


def _read_one(path: Path) -> dict[str, npt.NDArray[Any]]:
    first = files_of(path)[0]
    if first.suffix == ".index":
        checkpoint = open_checkpoint(first)
        wanted = [name for name, entry in checkpoint.entries.items() if is_network_variable(name) and not entry.is_text]
        checkpoint.refuse_more_than_memory(wanted)
        return {name: checkpoint.read(name) for name in wanted}
    if first.suffix in _TORCH_SUFFIXES:
        return _read_torch(first)
    return read_tensors(first)


def _read_torch(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Return a torch state dict as arrays; anything but named tensors is refused."""
    if _is_torchscript(path):
        raise InputError(
            f"{path} is a TorchScript program, which is not executed; the known ones of I3D have batch norm folded in and could "
            "not be proven, so use `vidbench weights fetch`, or give i3d_pretrained_400.pt or DeepMind's checkpoint."
        )
    nested = path.name.endswith(".pth.tar")
    if not nested:
        _refuse_unpacking(path)
    import torch

    try:  # the optimizer's state in a nested checkpoint is several times what is read of it
        loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=True if nested else None)
    except Exception as error:  # damaged archives raise various exceptions of zipfile, pickle and torch
        kind = real_kind(path)
        # A state dict is a ZIP archive itself.
        known = kind is not None and not kind.startswith("a ZIP")
        reason = f"it is {kind}" if known else str(error).strip().split("\n", 1)[0].split(". ", 1)[0]
        raise InputError(f"{path} cannot be read as tensors only ({reason}); get it again.") from error
    if nested and isinstance(loaded, dict):
        loaded = checkpoint_tensors(loaded, str(path)) or loaded
    if isinstance(loaded, dict):
        loaded = unwrapped(loaded)
    if (
        not isinstance(loaded, dict)
        or not loaded
        or not all(isinstance(value, torch.Tensor) for value in loaded.values())
    ):
        raise InputError(f"{path} does not contain named tensors; give a state dict.")
    # A tensor may repeat a few stored bytes along its axes.
    needed = sum(value.numel() * value.element_size() for value in loaded.values())
    refuse_more_than_memory(needed, f"Reading {path}", "give the file that was published")
    try:
        return {str(name): np.ascontiguousarray(value.detach().numpy()) for name, value in loaded.items()}
    except (TypeError, RuntimeError) as error:
        raise InputError(
            f"{path} contains a tensor that numpy does not support ({error}); give float32 weights."
        ) from error


def _refuse_unpacking(path: Path) -> None:
    """Refuse an archive whose members, unpacked, do not fit into memory."""
    try:
        with zipfile.ZipFile(path) as archive:
            needed = sum(member.file_size for member in archive.infolist())
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile):  # as below
        return
    refuse_more_than_memory(needed, f"Unpacking {path}", "give the file that was published")


def _is_torchscript(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile):  # torch reports what is wrong with it
        return False
