"""Mean and covariance of a stream of features, in float64, with an exact merge of parts.

The merge is the pairwise update of Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
Sample Variances" (1979): it combines sums of centred products, never raw second moments, so a large common offset
costs no digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError

Array = npt.NDArray[np.float64]


def check_rows(rows: npt.NDArray[Any], width: int, what: str, first_index: int = 0, rows_per_sample: int = 1) -> Array:
    """Return rows as float64 ``[N, width]`` after checking them.

    Args:
        rows: real-valued array ``[N, width]``.
        width: required number of columns.
        what: name of the rows in messages, e.g. ``"features"``.
        first_index: index of the first row in the stream, for messages.
        rows_per_sample: rows of one clip, for messages.

    Raises:
        InputError: wrong shape, a dtype that is not real, NaN or infinity (names the first such row).
    """
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise InputError(
            f"The {what} have shape {list(rows.shape)}, but [N, {width}] is needed; pass one row per clip."
        )
    if rows.dtype.kind not in "fiu":
        raise InputError(f"The {what} have dtype {rows.dtype}, but real numbers are needed; pass float32 or float64.")
    values = rows.astype(np.float64)
    bad = ~np.isfinite(values).all(axis=1)
    if bad.any():
        sample, frame = divmod(first_index + int(np.argmax(bad)), rows_per_sample)
        place = f"sample {sample}" if rows_per_sample == 1 else f"sample {sample}, frame {frame},"
        raise InputError(f"The {what} of {place} contain NaN or infinity; check the clip.")
    return values


class Moments:
    """Count, mean and covariance of ``[N, dim]`` features, updated batch by batch; memory does not grow with N.

    Args:
        dim: number of features per sample.
    """

    def __init__(self, dim: int) -> None:
        if dim < 1:
            raise InputError(f"Moments need at least one feature per sample, not {dim}.")
        self.dim = dim
        self._count = 0
        self._mean: Array = np.zeros(dim)
        self._scatter: Array = np.zeros((dim, dim))  # sum of outer products of centred rows

    @property
    def count(self) -> int:
        """Number of rows seen."""
        return self._count

    @property
    def mean(self) -> Array:
        """Mean, float64 ``[dim]``.

        Raises:
            InputError: no rows yet.
        """
        if self._count < 1:
            raise InputError("The mean of 0 samples is undefined; update the moments with features first.")
        return self._mean.copy()

    @property
    def covariance(self) -> Array:
        """Unbiased covariance (``ddof=1``), float64 ``[dim, dim]``, exactly symmetric.

        Raises:
            InputError: fewer than two rows yet.
        """
        if self._count < 2:
            raise InputError(f"A covariance needs at least 2 samples, not {self._count}; add more clips.")
        covariance: Array = (self._scatter + self._scatter.T) / (2.0 * (self._count - 1))
        return covariance

    def update(self, features: npt.NDArray[Any], what: str = "features", rows_per_sample: int = 1) -> None:
        """Add rows.

        Args:
            features: real ``[N, dim]`` of any real dtype, converted to float64; N may be 0.
            what: name of the rows in messages.
            rows_per_sample: rows of one clip, for messages.

        Raises:
            InputError: wrong shape or dtype, NaN or infinity (names the first such row); then nothing is added.
        """
        rows = check_rows(features, self.dim, what, self._count, rows_per_sample)
        if len(rows) == 0:
            return
        mean = rows.mean(axis=0)
        centred = rows - mean
        self._combine(len(rows), mean, centred.T @ centred)

    def merge(self, other: Moments) -> None:
        """Add all rows of another object.

        Raises:
            InputError: different numbers of features.
        """
        if other.dim != self.dim:
            raise InputError(f"Moments of {self.dim} and of {other.dim} features cannot be merged; use one network.")
        if other._count:
            self._combine(other._count, other._mean, other._scatter)

    def copy(self) -> Moments:
        """Return an independent copy."""
        twin = Moments(self.dim)
        twin.merge(self)
        return twin

    def _combine(self, count: int, mean: Array, scatter: Array) -> None:
        if self._count == 0:
            self._count, self._mean, self._scatter = count, mean.copy(), scatter.copy()
            return
        total = self._count + count
        delta = mean - self._mean
        self._mean = self._mean + delta * (count / total)
        self._scatter = self._scatter + scatter + np.outer(delta, delta) * (self._count * (count / total))
        self._count = total

    def to_tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state for saving: ``count`` int64 ``[]``, ``mean`` and ``scatter`` float64."""
        return {"count": np.array(self._count, np.int64), "mean": self._mean.copy(), "scatter": self._scatter.copy()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> Moments:
        """Restore moments from the tensors of `to_tensors`.

        Raises:
            InputError: a tensor is missing, unknown, of wrong shape or dtype, or not finite.
        """
        if set(tensors) != {"count", "mean", "scatter"}:
            raise InputError(f"Saved moments hold count, mean and scatter, not {sorted(tensors)}; save them again.")
        count, mean, scatter = (np.asarray(tensors[key]) for key in ("count", "mean", "scatter"))
        if count.shape != () or count.dtype != np.int64 or count < 0:
            raise InputError("The count of saved moments is not a non-negative int64 number; save them again.")
        if mean.ndim != 1 or mean.dtype != np.float64 or not np.isfinite(mean).all():
            raise InputError("The mean of saved moments is not a finite float64 vector; save them again.")
        if scatter.shape != 2 * mean.shape or scatter.dtype != np.float64 or not np.isfinite(scatter).all():
            raise InputError(
                "The scatter of saved moments is not a finite float64 square of the mean's size; save them again."
            )
        moments = cls(len(mean))
        if count:
            moments._combine(int(count), mean, scatter)
        return moments
