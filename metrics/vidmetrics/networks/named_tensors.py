"""Holding named weights against what a network needs, before any of them is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from vidmetrics.errors import InputError


def checked_tensors(
    tensors: Mapping[str, npt.NDArray[Any]], shapes: Mapping[str, Sequence[int]], network: str, remedy: str
) -> dict[str, torch.Tensor]:
    """Return the weights as torch tensors, each under its name, after checking them.

    Args:
        tensors: float32 arrays by name.
        shapes: the shape wanted of each name; these names and no others are taken.
        network: what the weights are for, as a sentence calls it.
        remedy: what to do about wrong weights, as the end of a sentence.

    Raises:
        InputError: a tensor is missing, unknown, of another shape or dtype, or not finite.
    """
    missing, unknown = sorted(set(shapes) - set(tensors)), sorted(set(tensors) - set(shapes))
    if missing or unknown:
        examples = [f"'{name}' is missing" for name in missing[:1]] + [f"'{name}' is unknown" for name in unknown[:1]]
        raise InputError(
            f"These are not the weights of {network}: {len(missing)} missing and {len(unknown)} unknown "
            f"({', '.join(examples)}); {remedy}."
        )
    for name, shape in shapes.items():
        value = np.asarray(tensors[name])
        if value.dtype != np.float32 or value.shape != tuple(shape):
            raise InputError(
                f"The tensor '{name}' of {network} is {value.dtype} {list(value.shape)}, but float32 {list(shape)} is "
                f"needed; {remedy}."
            )
        if not np.isfinite(value).all():
            raise InputError(f"The tensor '{name}' of {network} holds NaN or infinity; get the weights anew.")
    return {name: torch.from_numpy(np.array(tensors[name])) for name in shapes}
