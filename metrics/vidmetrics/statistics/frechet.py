"""Fréchet distance (squared 2-Wasserstein distance) between two Gaussians, given by mean and covariance.

    d = |mean_a - mean_b|^2 + tr(A) + tr(B) - 2 tr((A B)^(1/2))     Dowson and Landau (1982); Heusel et al., 1706.08500

Write A = F F^T and B = G G^T with thin factors. Then tr((A B)^(1/2)) is the sum of the singular values s_i of F^T G.

*Careful method*, always used for up to 512 features. The factors come from symmetric eigendecompositions, and F^T G = V S W^T
is decomposed itself, since the eigenvalues of its Gram matrix are the squares and would lose half of the digits. The
covariance part is

    tr(A) + tr(B) - 2 tr(S) = |F V - G W|_F^2                       (orthogonal Procrustes problem)

The right side is a sum of squares: it cannot be negative, needs no clamp at 0, and keeps its digits for near-equal
inputs, where the left side cancels. Equal inputs give 0 up to rounding (about 1e-28 of the trace), not always exactly 0.

*Quick method*, used where `quick_distance` can tell that it keeps 9 digits; see
`vidmetrics.statistics.frechet_quick`.

In float64, singular covariances (fewer samples than features) have eigenvalues of rounding noise around 0, up to about
``D * eps`` times the largest. Their roots, near 1e-8, would be noise that counts, so eigenvalues below that bound are
dropped (the usual numerical rank). Nothing is ever added to the diagonal.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.statistics.frechet_quick import Staircase, quick_spread, staircase

Array = npt.NDArray[np.float64]

_GROSS = 1e-5
"""Largest relative asymmetry or negative eigenvalue of an accepted covariance; float32 rounding stays below it."""


_SMALL = 512
"""Features up to which the careful method costs so little that `distance` always uses it."""


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian by its mean ``[D]`` and its exactly symmetric covariance ``[D, D]``; factors are computed when needed."""

    mean: Array
    covariance: Array
    name: str = "given"

    @cached_property
    def factor(self) -> Array:
        """Thin factor ``[D, R]`` from eigenvectors: the covariance is ``factor @ factor.T``.

        Raises:
            InputError: the covariance is far from semi-definite.
        """
        values, vectors = np.linalg.eigh(self.covariance)
        if values[0] < -_GROSS * np.abs(self.covariance).max():
            raise InputError(
                f"The {self.name} covariance has the eigenvalue {values[0]:.3g}, so it is not a covariance; recompute it."
            )
        keep = values > len(values) * np.finfo(np.float64).eps * values[-1]
        factor: Array = vectors[:, keep] * np.sqrt(values[keep])
        return factor

    @cached_property
    def stairs(self) -> Staircase | None:
        """Factor from a Cholesky decomposition, or None if its rank is in doubt.

        Raises:
            InputError: the covariance is far from semi-definite.
        """
        stairs = staircase(self.covariance)
        if stairs is None:
            _ = self.factor  # refuses what is not a covariance
        return stairs


def gaussian(mean: npt.NDArray[Any], covariance: npt.NDArray[Any], name: str = "given") -> Gaussian:
    """Return a Gaussian in the form that `distance` accepts; reuse it to compare with several others.

    Args:
        mean: real ``[D]``.
        covariance: real ``[D, D]``, symmetric and positive semi-definite to rounding.
        name: its name in messages.

    Raises:
        InputError: shapes that do not match, NaN or infinity, a matrix far from symmetric or semi-definite.
    """
    mean_D, covariance_DD = np.asarray(mean), np.asarray(covariance)
    if mean_D.dtype.kind not in "fiu" or covariance_DD.dtype.kind not in "fiu":
        raise InputError(f"The {name} mean and covariance must be real numbers; pass float64 arrays.")
    mean_D, covariance_DD = mean_D.astype(np.float64), covariance_DD.astype(np.float64)
    if mean_D.ndim != 1 or mean_D.size == 0 or covariance_DD.shape != (len(mean_D), len(mean_D)):
        raise InputError(
            f"The {name} mean has shape {list(mean_D.shape)} and the covariance {list(covariance_DD.shape)}; "
            "pass [D] and [D, D]."
        )
    if not (np.isfinite(mean_D).all() and np.isfinite(covariance_DD).all()):
        raise InputError(f"The {name} mean or covariance contains NaN or infinity; check the features.")
    scale = max(covariance_DD.max(), -covariance_DD.min())
    asymmetry = covariance_DD - covariance_DD.T
    largest = asymmetry.max()
    if largest > _GROSS * scale:
        raise InputError(f"The {name} covariance is not symmetric; pass the covariance matrix itself.")
    if largest > 0:
        covariance_DD = (covariance_DD + covariance_DD.T) / 2
    result = Gaussian(mean_D, covariance_DD, name)
    _ = result.stairs
    return result


def distance(a: Gaussian, b: Gaussian) -> float:
    """Return the Fréchet distance between two Gaussians; never negative.

    Raises:
        InputError: they have different numbers of features.
    """
    if len(a.mean) > _SMALL:
        return quick_distance(a, b)
    return careful_distance(a, b)


def quick_distance(a: Gaussian, b: Gaussian) -> float:
    """Return the Fréchet distance by the quick method where it keeps 9 digits, otherwise by the careful one.

    Raises:
        InputError: they have different numbers of features.
    """
    _check_sizes(a, b)
    delta = a.mean - b.mean
    shift = float(delta @ delta)
    if a.stairs is not None and b.stairs is not None:
        spread = quick_spread(a.stairs, b.stairs, shift)
        if spread is not None:
            return shift + spread
    return careful_distance(a, b)


def careful_distance(a: Gaussian, b: Gaussian) -> float:
    """Return the Fréchet distance by the careful method; never negative.

    Raises:
        InputError: they have different numbers of features.
    """
    _check_sizes(a, b)
    delta = a.mean - b.mean
    left, _, right = np.linalg.svd(a.factor.T @ b.factor, full_matrices=True)
    rotated_a, rotated_b = a.factor @ left, b.factor @ right.T
    shared = min(rotated_a.shape[1], rotated_b.shape[1])
    # Directions of the wider factor without a counterpart count in full.
    parts = (rotated_a[:, :shared] - rotated_b[:, :shared], rotated_a[:, shared:], rotated_b[:, shared:])
    return float(delta @ delta + sum(np.square(part).sum() for part in parts))


def _check_sizes(a: Gaussian, b: Gaussian) -> None:
    if len(a.mean) != len(b.mean):
        raise InputError(f"Features of size {len(a.mean)} and {len(b.mean)} cannot be compared; use one network.")


def frechet_distance(
    mean_a: npt.NDArray[Any], cov_a: npt.NDArray[Any], mean_b: npt.NDArray[Any], cov_b: npt.NDArray[Any]
) -> float:
    """Return the Fréchet distance between two Gaussians: the squared 2-Wasserstein distance, as in FID and FVD.

    >>> import numpy as np, vidmetrics
    >>> round(vidmetrics.frechet_distance(np.zeros(3), np.eye(3), np.ones(3), 4 * np.eye(3)), 9)
    6.0

    Computed in float64 for any input dtype; symmetric in its arguments up to rounding; never negative; correct for
    singular covariances. Compute sample covariances with ``ddof=1``, as `vidmetrics.Moments` does.

    Args:
        mean_a: ``[D]``.
        cov_a: ``[D, D]``, symmetric positive semi-definite.
        mean_b: ``[D]``.
        cov_b: ``[D, D]``, symmetric positive semi-definite.

    Raises:
        InputError: shapes that do not match, NaN or infinity, a matrix far from symmetric or semi-definite.
    """
    return distance(gaussian(mean_a, cov_a, "first"), gaussian(mean_b, cov_b, "second"))
