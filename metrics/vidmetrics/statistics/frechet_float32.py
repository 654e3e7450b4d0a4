"""The Fréchet distance with float32 square roots, as VideoGPT's port and its descendants compute it.

Kept because published numbers were made with it; `vidmetrics.statistics.frechet` is right and this is not. In float32 a covariance
whose spectrum falls below 1e-7 of its largest value has singular values of rounding noise. The rule that leaves values
below 1e-10 unrooted, made for float64, does not catch them, and each becomes 3e-4 of the root of the largest; whether
they add up or cancel is up to the signs of singular vectors that mean nothing. The answer therefore depends on the linear
algebra library: on near-equal sets with a steep spectrum, torch on a CPU and numpy differ by a tenth or more of the
value, both in float32 (docs/conventions.md). It can be negative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.statistics.frechet import gaussian

if TYPE_CHECKING:
    import torch

_EPS = 1e-10


def distance_float32_svd(
    mean_a: npt.NDArray[Any], cov_a: npt.NDArray[Any], mean_b: npt.NDArray[Any], cov_b: npt.NDArray[Any]
) -> float:
    """Return ``|mean_a - mean_b|^2 + tr(A + B) - 2 tr(root(root(A) B root(A)))`` with float32 roots.

    The root of a symmetric matrix ``U S V^T`` is ``U r(S) V^T`` with ``r(s) = sqrt(s)``, and ``r(s) = s`` below 1e-10
    (wilson1yan/VideoGPT, videogpt/fvd/fvd.py; the recipe of tfgan's classifier_metrics.py, which runs it in float64).
    Computed by torch on the CPU, with the library that VideoGPT used, if not on its device. The inputs are rounded to
    float32 here, where VideoGPT's own means and covariances are sums in float32 from the start.

    Args:
        mean_a: real ``[D]``, of the generated side.
        cov_a: real ``[D, D]``, symmetric positive semi-definite.
        mean_b: real ``[D]``, of the real side.
        cov_b: real ``[D, D]``, symmetric positive semi-definite.

    Raises:
        InputError: shapes that do not fit, NaN or infinity, a matrix far from symmetric or from semi-definite.
    """
    import torch

    # Called for its checks: what is no pair of Gaussians is refused with the same sentences as everywhere.
    if len(gaussian(mean_a, cov_a, "first").mean) != len(gaussian(mean_b, cov_b, "second").mean):
        raise InputError(f"Features of size {len(mean_a)} and {len(mean_b)} cannot be compared; use one network.")
    m_a, S_a, m_b, S_b = (torch.from_numpy(np.array(x, np.float32)) for x in (mean_a, cov_a, mean_b, cov_b))
    root_a = _root(S_a)
    trace = torch.trace(S_a + S_b) - 2 * torch.trace(_root(root_a @ (S_b @ root_a)))
    return float(trace + torch.sum((m_a - m_b) ** 2))


def _root(matrix: torch.Tensor) -> torch.Tensor:
    import torch

    left, values, right = torch.linalg.svd(matrix)
    root: torch.Tensor = (left * torch.where(values < _EPS, values, values.sqrt())) @ right
    return root
