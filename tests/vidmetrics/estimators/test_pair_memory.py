"""Statistics of pairs of rows hold blocks of the distance or kernel matrix, never all of it."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from vidmetrics.estimators.kernel import KernelEstimator, KernelSubsetsEstimator
from vidmetrics.estimators.manifold import CoverageEstimator, PrecisionEstimator, RecallEstimator

ROWS = 5000
WHOLE = ROWS * ROWS * 8


@pytest.mark.parametrize(
    ("kind", "dim"),
    [
        *((kind, 4) for kind in (KernelEstimator, KernelSubsetsEstimator, CoverageEstimator, RecallEstimator)),
        # Of more features, distances come from a product.
        *((kind, 40) for kind in (PrecisionEstimator, CoverageEstimator)),
    ],
)
def test_peak_is_below_half_of_one_matrix(kind, dim):
    rng = np.random.default_rng(0)
    estimator = kind(dim, ROWS)
    estimator.update(rng.normal(size=(ROWS, dim)).astype(np.float32))
    reference = [rng.normal(size=(ROWS, dim)).astype(np.float32)]
    # Imports and their caches are not what is measured.
    warm = kind(dim, 1000)
    warm.update(rng.normal(size=(1000, dim)).astype(np.float32))
    warm.result([rng.normal(size=(1000, dim)).astype(np.float32)])
    tracemalloc.start()
    try:
        estimator.result(reference)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < WHOLE / 2
