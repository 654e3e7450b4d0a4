"""The Fréchet distance with float32 square roots, as VideoGPT's port and its descendants compute it.

Kept because published numbers were made with it; `vidmetrics.frechet` is right and this is not. In float32 a singular
covariance has singular values of rounding noise, near 1e-7 of the largest one. The rule that leaves values below 1e-10
unrooted, made for float64, does not catch them, and each becomes 3e-4 of the root of the largest. The answer therefore
depends on the linear algebra library in its third or fourth digit, and can be negative for near-equal inputs.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.frechet import gaussian

_EPS = 1e-10


def distance_float32_svd(
    mean_a: npt.NDArray[Any], cov_a: npt.NDArray[Any], mean_b: npt.NDArray[Any], cov_b: npt.NDArray[Any]
) -> float:
    """Return ``|mean_a - mean_b|^2 + tr(A + B) - 2 tr(root(root(A) B root(A)))`` with float32 roots.

    The root of a symmetric matrix ``U S V^T`` is ``U r(S) V^T`` with ``r(s) = sqrt(s)``, and ``r(s) = s`` below 1e-10
    (wilson1yan/VideoGPT, videogpt/fvd/fvd.py; the recipe of tfgan's classifier_metrics.py, which runs it in float64).
    The inputs are rounded to float32 here; VideoGPT's own means and covariances are sums in float32 already, which
    moves the result by about as much as another SVD library does.

    Args:
        mean_a: real ``[D]``, of the generated side.
        cov_a: real ``[D, D]``, symmetric positive semi-definite.
        mean_b: real ``[D]``, of the real side.
        cov_b: real ``[D, D]``, symmetric positive semi-definite.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a matrix far from symmetric or from semi-definite.
    """
    # Called for its checks: what is no pair of Gaussians is refused with the same sentences as everywhere.
    if len(gaussian(mean_a, cov_a, "first").mean) != len(gaussian(mean_b, cov_b, "second").mean):
        raise InputError(f"Features of size {len(mean_a)} and {len(mean_b)} cannot be compared; use one network.")
    m_a, S_a, m_b, S_b = (np.asarray(x).astype(np.float32) for x in (mean_a, cov_a, mean_b, cov_b))
    root_a = _root(S_a)
    trace = np.trace(S_a + S_b) - np.float32(2) * np.trace(_root(root_a @ (S_b @ root_a)))
    return float(trace + np.square(m_a - m_b).sum())


def _root(matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    left, values, right = np.linalg.svd(matrix)
    rooted = np.where(values < np.float32(_EPS), values, np.sqrt(values))
    root: npt.NDArray[np.float32] = (left * rooted) @ right
    return root
