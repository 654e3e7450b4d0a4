"""Fréchet distances of several Gaussians to one: the folds of an interval, the points of a growth curve.

The method is that of `vidmetrics.statistics.frechet_quick`, with its test of the error, but the target's order of features serves for
all, so that both Cholesky factors are triangular and a third of the products suffices. Gaussians are compared side by side, by as many
threads as torch may use (`torch.set_num_threads`), each with one: most of the time is the reduction of a matrix to tridiagonal form,
which memory limits, and in which a second thread helps little. Whatever fails the test is left to `quick_distance`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from vidmetrics.statistics.frechet import Gaussian, quick_distance
from vidmetrics.statistics.frechet_quick import Staircase, certain_spread, full_rank

if TYPE_CHECKING:
    import torch

_FEW = 128
"""Features up to which threads cost more than they save."""
_MEMORY = 1 << 30
"""Bytes that the matrices of waiting Gaussians may take."""
_MATRICES = 6
"""For each of them: its covariance, the same in the target's order, the factor, both products, and the solver's copy."""
_BLOCK = 256
"""Rows and columns of a triangular matrix that are multiplied at once."""


def quick_distances(gaussians: Iterable[Gaussian], target: Gaussian) -> list[float]:
    """Return `vidmetrics.statistics.frechet.quick_distance` of each to the target, in order; the last digits may differ.

    Args:
        gaussians: taken one at a time; few of them are held at once.
        target: of the same number of features.

    Raises:
        InputError: they have different numbers of features.
    """
    stairs, dim = target.stairs, len(target.mean)
    if dim <= _FEW or stairs is None or stairs.lower.shape[1] < dim:
        return [quick_distance(one, target) for one in gaussians]
    import torch

    threads = min(torch.get_num_threads(), max(1, _MEMORY // (_MATRICES * 8 * dim**2)))
    lower = torch.from_numpy(np.ascontiguousarray(stairs.lower))
    values: list[float] = []
    waiting: deque[tuple[Gaussian, Future[float | None]]] = deque()

    def finish() -> None:
        one, future = waiting.popleft()
        found = future.result()
        values.append(quick_distance(one, target) if found is None else found)

    with _single_threads(threads) as pool:
        for one in gaussians:
            waiting.append((one, pool.submit(_distance, one, target, stairs, lower)))
            if len(waiting) > threads:
                finish()
        while waiting:
            finish()
    return values


def _distance(one: Gaussian, target: Gaussian, stairs: Staircase, lower_DD: torch.Tensor) -> float | None:
    import torch

    if len(one.mean) != len(target.mean):
        return None
    order = torch.from_numpy(stairs.order)
    ordered = torch.from_numpy(one.covariance)[order][:, order]
    factor_DD, failed = torch.linalg.cholesky_ex(ordered)
    pivots = factor_DD.diagonal().numpy()
    if int(failed) or not full_rank(pivots, ordered.diagonal().numpy()):
        return None
    delta = one.mean - target.mean
    shift, traces = float(delta @ delta), float(one.covariance.trace()) + stairs.trace
    log_determinant = 2 * float(np.log(pivots).sum() + np.log(stairs.lower.diagonal()).sum())
    try:
        squares = torch.linalg.eigvalsh(_lower_gram(_upper_times_lower(factor_DD, lower_DD)), UPLO="L").numpy()
    except torch.linalg.LinAlgError:
        return None
    spread = certain_spread(squares, log_determinant, traces, shift)
    return None if spread is None else shift + spread


def _upper_times_lower(a_DD: torch.Tensor, b_DD: torch.Tensor) -> torch.Tensor:
    """Return ``a.T @ b`` of lower triangular matrices."""
    out = a_DD.new_empty(a_DD.shape)
    for start in range(0, len(a_DD), _BLOCK):
        end = start + _BLOCK
        out[start:end, :end] = a_DD[start:, start:end].T @ b_DD[start:, :end]
        out[:start, start:end] = a_DD[start:, :start].T @ b_DD[start:, start:end]
    return out


def _lower_gram(c_DD: torch.Tensor) -> torch.Tensor:
    """Return ``c.T @ c``, whose lower triangle alone is filled."""
    out = c_DD.new_zeros(c_DD.shape)
    for start in range(0, len(c_DD), _BLOCK):
        end = start + _BLOCK
        out[start:end, :end] = c_DD[:, start:end].T @ c_DD[:, :end]
    return out


@contextmanager
def _single_threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool of threads in which torch uses one thread each; the caller's number stays as it is."""
    import torch

    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(count, "vidmetrics-distances", torch.set_num_threads, (1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(before)  # also the number for threads that start later
