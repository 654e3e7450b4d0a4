"""The covariance part of a Fréchet distance by Cholesky factors and one symmetric eigenproblem, if that keeps 9 digits.

With A = F F^T, B = G G^T and C = F^T G, tr(A) + tr(B) - 2 tr((A B)^(1/2)) is |F|^2 + |G|^2 - 2 sum s_i, and the squares of
the singular values s_i of C are the eigenvalues of C^T C.

*Error.* An eigenvalue solver promises s_i^2 only to e = c * eps * s_1^2, with c about 1 (`WORST`), so s_i to e / (2 s_i):

    |error of sum s_i| <= e / 2 * sum 1 / s_i                       (first order)

That bound would often be too large. It is attained only if the rounding errors of the large entries reach the small
eigenvalues. F and G are pivoted, so their columns fall, and so do rows and columns of C^T C; reduced from its small end
towards the large one (LAPACK with the lower triangle), such a matrix keeps the relative accuracy of its small eigenvalues
(Barlow and Demmel, SIAM J. Numer. Anal. 27, 1990, for scaled diagonally dominant matrices; for others it is
seen, not proven). Therefore it is measured, not assumed: the sum of the logarithms of the eigenvalues is the
logarithm of the determinant, which the diagonals of the factors give to all digits. Errors d z_i of s_i^2, z_i
independent of variance 1, move it by about r = d sqrt(sum s_i^-4), and sum s_i by about

    d / 2 * sqrt(sum s_i^-2)  =  r / 2 * sqrt(sum s_i^-2 / sum s_i^-4)

One r is one draw, which may be small by chance, so a hundred times this is allowed for (`LUCK`). The smaller of the two
estimates, plus the rounding of the subtraction, must be below 1e-10 of the distance (`SHARE`). If it is not, or if the
rank of a covariance is in doubt, the answer is None, and the caller uses the careful method.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SHARE = 1e-10
LUCK = 100.0
WORST = 4.0
_EPS = float(np.finfo(np.float64).eps)
_GAP = 1e4
"""The smallest pivot of an accepted covariance, in units of the largest that may be noise."""
_LARGE = 512
"""Features up to which scipy's LAPACK is as quick as torch's. Above, the matrix leaves the processor's inner caches; the reduction
to tridiagonal form of OpenBLAS, which scipy brings, then takes 2.7 times the time of torch's on one thread at D = 2,048."""


@dataclass(frozen=True)
class Staircase:
    """A pivoted Cholesky factor ``L`` ``[D, R]`` of ``covariance[order][:, order]``, whose diagonal falls."""

    lower: Array
    order: npt.NDArray[np.int64]
    trace: float


def staircase(covariance_DD: Array) -> Staircase | None:
    """Return the pivoted Cholesky factor of an exactly symmetric matrix, or None if its rank is in doubt.

    A rank is accepted if the smallest pivot is 10,000 times above, and what remains is below, the rounding noise
    ``D * eps`` times the largest variance.

    Args:
        covariance_DD: float64 ``[D, D]``.
    """
    from scipy.linalg import lapack

    largest = float(covariance_DD.diagonal().max())
    noise = len(covariance_DD) * _EPS * largest
    if largest <= 0:
        return None
    # The transpose of a symmetric array in C order is the same matrix in LAPACK's order.
    whole, order_from_1, rank, _ = lapack.dpstrf(covariance_DD.T, tol=noise, lower=1)
    order = order_from_1.astype(np.int64) - 1
    if whole[rank - 1, rank - 1] ** 2 < _GAP * noise:  # the smallest of them
        return None
    lower = np.asfortranarray(whole[:, :rank])
    for column in range(1, rank):
        lower[:column, column] = 0.0  # LAPACK leaves the upper triangle as it was
    if rank < len(covariance_DD):
        left = order[rank:]
        rest = covariance_DD[np.ix_(left, left)] - lower[rank:] @ lower[rank:].T
        if np.abs(rest).max() > noise:
            return None
    return Staircase(lower, order, float(covariance_DD.trace()))


def quick_spread(a: Staircase, b: Staircase, shift: float) -> float | None:
    """Return ``tr(A) + tr(B) - 2 tr((A B)^(1/2))``, or None if it may be off by more than 1e-10 of the distance.

    Args:
        a: factor of A.
        b: factor of B, of the same size.
        shift: the other part of the distance, the squared distance of the means.
    """
    from scipy.linalg import blas, lapack

    place = np.empty_like(b.order)
    place[b.order] = np.arange(len(place))
    moved = np.take(b.lower.T, place[a.order], axis=1).T  # rows in the order of a; whole columns are quicker to permute
    full = a.lower.shape[1] == b.lower.shape[1] == len(a.order)
    if full:
        cross = blas.dtrmm(1.0, a.lower, moved, lower=1, trans_a=1, overwrite_b=1)
    else:
        cross = blas.dgemm(1.0, a.lower, moved, trans_a=1)
    narrow = cross.shape[1] <= cross.shape[0]
    gram = blas.dsyrk(1.0, cross, trans=int(narrow), lower=1)
    if full:
        log_determinant = 2 * float(np.log(a.lower.diagonal()).sum() + np.log(b.lower.diagonal()).sum())
    else:
        factor, failed = lapack.dpotrf(gram, lower=1)
        if failed:
            return None
        log_determinant = 2 * float(np.log(factor.diagonal()).sum())
    squares = _ascending_eigenvalues(gram)
    return None if squares is None else certain_spread(squares, log_determinant, a.trace + b.trace, shift)


def full_rank(pivots_D: Array, variances_D: Array) -> bool:
    """Return whether a Cholesky decomposition has no pivot that may be noise.

    Args:
        pivots_D: the diagonal of the factor.
        variances_D: the diagonal of the covariance.
    """
    noise = len(pivots_D) * _EPS * float(variances_D.max())
    return float(pivots_D.min()) ** 2 >= _GAP * noise


def certain_spread(squares: Array, log_determinant: float, traces: float, shift: float) -> float | None:
    """Return ``tr(A) + tr(B) - 2 tr((A B)^(1/2))``, or None if it may be off by more than 1e-10 of the distance.

    Args:
        squares: computed eigenvalues of C^T C, ascending.
        log_determinant: accurate sum of the logarithms of the true ones.
        traces: tr(A) + tr(B).
        shift: the other part of the distance, the squared distance of the means.
    """
    if squares[0] <= 0:
        return None
    spread = traces - 2 * float(np.sqrt(squares).sum())
    error = 2 * root_sum_error(squares, log_determinant) + 10 * _EPS * traces
    return spread if error <= SHARE * (shift + spread) else None


def _ascending_eigenvalues(gram: Array) -> Array | None:
    """Return the eigenvalues of a symmetric matrix of which only the lower triangle is filled; None if it fails."""
    from scipy.linalg import lapack

    if len(gram) <= _LARGE:
        found, _, failed = lapack.dsyevd(gram, compute_v=0, lower=1, overwrite_a=1)
        return None if failed else np.asarray(found, np.float64)
    import torch

    try:
        values = torch.linalg.eigvalsh(torch.from_numpy(gram), UPLO="L")
    except torch.linalg.LinAlgError:
        return None
    return np.asarray(values.numpy(), np.float64)


def root_sum_error(squares: Array, log_determinant: float) -> float:
    """Return an upper estimate of the error of the sum of the roots of eigenvalues, see the top of this file.

    Args:
        squares: positive computed eigenvalues, ascending.
        log_determinant: accurate sum of the logarithms of the true ones.
    """
    worst = WORST * _EPS * float(squares[-1]) / 2 * float((1 / np.sqrt(squares)).sum())
    off = abs(float(np.log(squares).sum()) - log_determinant)
    small = squares / squares[0]  # the ratio below without overflow
    seen = LUCK * off / 2 * float(np.sqrt(squares[0] * (1 / small).sum() / (1 / small**2).sum()))
    return min(worst, seen)
