"""Statistics of pairs of rows hold blocks of the distance or kernel matrix, never all of it."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from vidmetrics.estimators.kernel import KernelEstimator, KernelSubsetsEstimator
from vidmetrics.estimators.manifold import CoverageEstimator, RecallEstimator

ROWS, DIM = 5000, 4
WHOLE = ROWS * ROWS * 8


@pytest.mark.parametrize("kind", [KernelEstimator, KernelSubsetsEstimator, CoverageEstimator, RecallEstimator])
def test_peak_is_below_half_of_one_matrix(kind):
    rng = np.random.default_rng(0)
    estimator = kind(DIM, ROWS)
    estimator.update(rng.normal(size=(ROWS, DIM)).astype(np.float32))
    reference = [rng.normal(size=(ROWS, DIM)).astype(np.float32)]
    # Imports and their caches are not what is measured.
    warm = kind(DIM, 1000)
    warm.update(rng.normal(size=(1000, DIM)).astype(np.float32))
    warm.result([rng.normal(size=(1000, DIM)).astype(np.float32)])
    tracemalloc.start()
    try:
        estimator.result(reference)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < WHOLE / 2
