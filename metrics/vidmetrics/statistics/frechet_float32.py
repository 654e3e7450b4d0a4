"""The Fréchet distance with float32 square roots, as VideoGPT's port and its descendants compute it.

Use it only to compare with numbers published that way; `vidmetrics.statistics.frechet` is the accurate one. In float32, a
covariance with a spectrum that falls below 1e-7 of its largest value has singular values that are rounding noise. The
rule not to take the root of values below 1e-10, meant for float64, does not catch them, and each becomes 3e-4 of the
root of the largest; whether they add up or cancel depends on the signs of meaningless singular vectors. The result
therefore depends on the linear algebra library: on near-equal sets with a steep spectrum, torch on a CPU and numpy differ
by a tenth of the value or more, both in float32 (docs/conventions.md). It can be negative.
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
    Computed by torch on the CPU: VideoGPT's library, though not its device. Inputs are rounded to float32 here, while
    VideoGPT accumulates its means and covariances in float32.

    Args:
        mean_a: real ``[D]``, of the generated samples.
        cov_a: real ``[D, D]``, symmetric positive semi-definite.
        mean_b: real ``[D]``, of the reference set.
        cov_b: real ``[D, D]``, symmetric positive semi-definite.

    Raises:
        InputError: shapes that do not match, NaN or infinity, a matrix far from symmetric or semi-definite.
    """
    import torch

    # Called for its checks, so that bad input is refused with the same messages as everywhere.
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
