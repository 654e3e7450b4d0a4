"""The variables of I3D as DeepMind published them: names, shapes and checksums.

``i3d_tensor_crc32c.csv`` lists them as the published checkpoint indexes do; ``i3d_tensor_crc32c.origin.md`` gives its
source.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SCOPE = "RGB/inception_i3d/"
"""Name scope of every variable in the Kinetics-400 checkpoint and Hub module; the Kinetics-600 checkpoint has none."""

LOGITS = "Logits/Conv3d_0c_1x1/conv_3d/"
"""Prefix of the last layer's variables ``w`` ``[1, 1, 1, 1024, classes]`` and ``b`` ``[classes]``."""


def is_network_variable(name: str) -> bool:
    """Whether a variable of a training checkpoint belongs to the network, rather than to the optimizer or the step count."""
    return name != "global_step" and not name.endswith("/Momentum")


def network_variables(tensors: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return the network's variables in one form, whichever checkpoint they were saved in.

    The scope is removed, optimizer slots and ``global_step`` are dropped, and batch norm, saved as ``[C]`` or
    ``[1, 1, 1, 1, C]``, becomes ``[C]``.
    """
    return {
        name.removeprefix(SCOPE): _flat(np.asarray(value)) if "/batch_norm/" in name else np.asarray(value)
        for name, value in tensors.items()
        if is_network_variable(name)
    }


def _flat(value: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return value.reshape(-1) if value.shape[:-1] == (1, 1, 1, 1) else value


@functools.cache
def crc_table() -> Mapping[str, Mapping[str, int]]:
    """Return the masked CRC-32C of each tensor of each published checkpoint, by name without the scope."""
    table: dict[str, dict[str, int]] = {}
    for row in _rows():
        table.setdefault(row["checkpoint"], {})[row["tensor"].removeprefix(SCOPE)] = int(row["masked_crc32c"], 16)
    return table


def stored_shapes(checkpoint: str) -> dict[str, tuple[int, ...]]:
    """Return the shape of each variable of a published checkpoint as it is stored, by name with its scope.

    Args:
        checkpoint: ``"i3d-kinetics-400"``, ``"i3d-kinetics-600"`` or ``"i3d-kinetics-400-imagenet"``.
    """
    rows = [row for row in _rows() if row["checkpoint"] == checkpoint]
    return {row["tensor"]: tuple(map(int, row["shape"].split("x"))) for row in rows}


def variable_shapes(checkpoint: str) -> dict[str, tuple[int, ...]]:
    """Return the shape of each variable of a published checkpoint, in the form of `network_variables`."""
    shapes = {name.removeprefix(SCOPE): shape for name, shape in stored_shapes(checkpoint).items()}
    return {name: shape[-1:] if "/batch_norm/" in name else shape for name, shape in shapes.items()}


@functools.cache
def _rows() -> tuple[dict[str, str], ...]:
    with Path(__file__).with_name("i3d_tensor_crc32c.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
