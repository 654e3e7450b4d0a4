"""Rows of features shared by the oracle of JEDi's distance and the tests. Needs only numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class KernelCase(NamedTuple):
    """Two sets of rows drawn from a seed; the second has another mean and spread."""

    first: int
    second: int
    dim: int
    offset: float
    shift: float
    spread: float
    seed: int


KERNEL_CASES = {
    "few": KernelCase(11, 7, 5, 0.0, 0.4, 1.5, 1),
    "near": KernelCase(40, 50, 6, 0.0, 0.1, 1.1, 2),
    "same": KernelCase(400, 300, 64, 0.0, 0.0, 1.0, 3),
    "many": KernelCase(1100, 900, 96, 0.5, 0.2, 1.2, 4),
    "offset": KernelCase(24, 18, 4, 1000.0, 0.01, 1.0, 5),
}
"""Of the last one, sums of raw products would lose six digits."""


def kernel_rows(case: KernelCase) -> tuple[np.ndarray, np.ndarray]:
    """Return two float64 arrays ``[N, D]``."""
    rng = np.random.default_rng(case.seed)
    first = rng.normal(case.offset, 1.0, (case.first, case.dim))
    return first, rng.normal(case.offset + case.shift, case.spread, (case.second, case.dim))
