"""The Fréchet distance that few samples of the real distribution itself would have: its bias."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError


def expected_distance(covariance: npt.NDArray[np.float64], num_samples: int, seed: int = 0) -> float:
    """Return the Fréchet distance to expect between a Gaussian and ``num_samples`` draws from it, whose true distance is 0.

    For draws X = Z C^(1/2) with n rows, where Z is standard normal, the distance of their mean and covariance (divisor n - 1) from
    those of the Gaussian has the expectation

        tr C / n  +  2 tr C  -  2 E |Z' C|_* / sqrt(n - 1)

    where Z' has n - 1 rows and |.|_* is the sum of the singular values (Fréchet distance of Gaussians: Dowson and Landau, J.
    Multivariate Anal. 12, 1982; the scatter of draws is a Wishart matrix, which has the distribution of C^(1/2) Z'^T Z' C^(1/2)). One
    seeded draw of Z' replaces the expectation, with tr Z' C Z'^T / (n - 1) in place of one of the two tr C, because both vary together.

    Args:
        covariance: float64 ``[D, D]``.
        num_samples: n, at least 2.
        seed: seed of the draw.

    Raises:
        InputError: fewer than 2 samples.
    """
    if num_samples < 2:
        raise InputError(f"A covariance needs at least 2 samples, not {num_samples}; add more clips.")
    normal = np.random.default_rng(seed).standard_normal((num_samples - 1, len(covariance)))
    draws = normal @ covariance
    small = draws @ draws.T if len(draws) <= draws.shape[1] else draws.T @ draws
    singular_sum = float(np.sqrt(np.maximum(np.linalg.eigvalsh(small), 0)).sum())
    trace, of_draws = float(np.trace(covariance)), float((normal * draws).sum()) / (num_samples - 1)
    return max(0.0, trace / num_samples + trace + of_draws - 2 * singular_sum / float(np.sqrt(num_samples - 1)))


def few_rows(covariance: npt.NDArray[np.float64], rows: int, reference_rows: int) -> float | None:
    """Return the distance that draws of the real distribution itself would have, if a side has fewer rows than features; else None.

    Args:
        covariance: of the reference, float64 ``[D, D]``.
        rows: rows of the generated side.
        reference_rows: rows of the reference.
    """
    fewer = min(rows, reference_rows)
    return None if fewer >= len(covariance) else expected_distance(covariance, fewer)
