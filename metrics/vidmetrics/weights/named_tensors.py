"""Check named weights against the names and shapes that a network requires, before any of them is used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError


def checked_tensors(
    tensors: Mapping[str, npt.NDArray[Any]], shapes: Mapping[str, Sequence[int]], network: str, remedy: str
) -> dict[str, npt.NDArray[np.float32]]:
    """Return the weights by name, after checking names, shapes, dtypes and values.

    Args:
        tensors: float32 arrays by name.
        shapes: the required shape of each name; no other names are accepted.
        network: name of the network, for messages.
        remedy: what to do about other names, shapes or dtypes, as the end of a sentence.

    Raises:
        InputError: a tensor is missing, unknown, not finite, or has a wrong shape or dtype.
    """
    missing, unknown = sorted(set(shapes) - set(tensors)), sorted(set(tensors) - set(shapes))
    if missing or unknown:
        examples = [f"'{name}' is missing" for name in missing[:1]] + [f"'{name}' is unknown" for name in unknown[:1]]
        raise InputError(
            f"These are not the weights of {network}: {len(missing)} missing and {len(unknown)} unknown "
            f"({', '.join(examples)}); {remedy}."
        )
    arrays = {name: np.asarray(tensors[name]) for name in shapes}
    for name, value in arrays.items():
        shape = tuple(shapes[name])
        if value.dtype != np.float32 or value.shape != shape:
            raise InputError(
                f"The tensor '{name}' of {network} is {value.dtype} {list(value.shape)}, but float32 {list(shape)} is "
                f"needed; {remedy}."
            )
        if not np.isfinite(value).all():
            raise InputError(
                f"The tensor '{name}' of {network} contains NaN or infinity, so the file is damaged: get it again."
            )
    return arrays
