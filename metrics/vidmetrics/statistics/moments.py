"""Mean and covariance of a stream of features, in float64, with an exact merge of parts.

The merge is the pairwise update of Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing
Sample Variances" (1979): it combines sums of centred products, never raw second moments, so a large common offset
costs no digits. A block of rows costs one pass over the sum of products: the rows, less their mean, and the shift of the mean as one
more row are one product (BLAS ``syrk``) that is added in place, to one triangle. On a GPU, see
`vidmetrics.statistics.tensor_moments`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError

if TYPE_CHECKING:
    from vidmetrics.statistics.tensor_moments import TensorMoments

Array = npt.NDArray[np.float64]

_BLOCK = 4096
"""Rows that are converted to float64 and multiplied at once."""
_KEPT = 1 / 16
"""Share of a feature's variance that must remain when a part is subtracted: at most four bits are lost."""
_SQUARE = 256
"""Rows and columns that are mirrored at once."""
WITHOUT_FLOAT64 = ("cpu", "mps")
"""Devices of tensors that are summed as arrays on the host: Apple's has no float64, and the processor needs no second way."""


def check_rows(rows: npt.NDArray[Any], width: int, what: str, first_index: int = 0, rows_per_sample: int = 1) -> Array:
    """Return rows as float64 ``[N, width]`` after checking them; float64 rows are not copied.

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
    values = rows.astype(np.float64, copy=False)
    finite = np.isfinite(values)
    if not finite.all():
        sample, frame = divmod(first_index + int(np.argmin(finite.all(axis=1))), rows_per_sample)
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
        # Sum of outer products of centred rows: the lower triangle, in the order of LAPACK; what is above it is not read.
        self._scatter: Array = np.zeros((dim, dim), order="F")
        self._on_devices: dict[str, TensorMoments] = {}

    @property
    def count(self) -> int:
        """Number of rows seen."""
        return self._count + sum(moments.count for moments in self._on_devices.values())

    @property
    def mean(self) -> Array:
        """Mean, float64 ``[dim]``.

        Raises:
            InputError: no rows yet.
        """
        self.collect()
        if self._count < 1:
            raise InputError("The mean of 0 samples is undefined; update the moments with features first.")
        return self._mean.copy()

    @property
    def covariance(self) -> Array:
        """Unbiased covariance (``ddof=1``), float64 ``[dim, dim]``, exactly symmetric.

        Raises:
            InputError: fewer than two rows yet.
        """
        self.collect()
        if self._count < 2:
            raise InputError(f"A covariance needs at least 2 samples, not {self._count}; add more clips.")
        covariance = self._whole_scatter()
        covariance /= self._count - 1
        return covariance

    def update(self, features: Any, what: str = "features", rows_per_sample: int = 1) -> None:
        """Add rows.

        Args:
            features: real ``[N, dim]`` of any real dtype, converted to float64; N may be 0. A torch tensor on a GPU is summed there.
            what: name of the rows in messages.
            rows_per_sample: rows of one clip, for messages.

        Raises:
            InputError: wrong shape or dtype, NaN or infinity (names the first such row); then nothing is added.
        """
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(features, torch.Tensor):
            if features.device.type not in WITHOUT_FLOAT64 and self._add_tensor(features):
                return
            features = features.detach().cpu()
            features = (features.float() if features.dtype == torch.bfloat16 else features).numpy()
        features = np.asarray(features)
        first = self.count
        if features.ndim != 2 or len(features) <= _BLOCK:
            self._add(check_rows(features, self.dim, what, first, rows_per_sample))
            return
        blocks = [slice(start, start + _BLOCK) for start in range(0, len(features), _BLOCK)]
        for rows in blocks:  # all of them before the first is added
            check_rows(features[rows], self.dim, what, first + rows.start, rows_per_sample)
        for rows in blocks:
            self._add(features[rows].astype(np.float64, copy=False))

    def merge(self, other: Moments) -> None:
        """Add all rows of another object.

        Raises:
            InputError: different numbers of features.
        """
        if other.dim != self.dim:
            raise InputError(f"Moments of {self.dim} and of {other.dim} features cannot be merged; use one network.")
        self.collect()
        other.collect()
        self._combine(other._count, other._mean, other._scatter)

    def without(self, part: Moments) -> Moments | None:
        """Return the moments of the rows that are not in a part of them, or None if the subtraction would lose digits.

        The part is subtracted, in a third of the time of a merge of the others. Where it had nearly all of a feature's variance, as
        one outlier may, digits of the rest would be lost.

        Args:
            part: moments of some of these rows.

        Raises:
            InputError: different numbers of features, or no row is left.
        """
        if part.dim != self.dim or part.count >= self.count:
            raise InputError(
                f"{part.count} rows of {part.dim} features are not a part of {self.count} rows of {self.dim}; take some of them."
            )
        self.collect()
        part.collect()
        rest = Moments(self.dim)
        rest._count = self._count - part._count
        shift = part._mean - self._mean
        rest._mean = self._mean - shift * (part._count / rest._count)
        np.subtract(self._scatter, part._scatter, out=rest._scatter)
        rest._scatter -= np.multiply.outer(shift * (part._count * (self._count / rest._count)), shift).T
        kept, all_of_it = rest._scatter.diagonal(), self._scatter.diagonal()
        return rest if (kept >= all_of_it * _KEPT).all() else None

    def copy(self) -> Moments:
        """Return an independent copy."""
        twin = Moments(self.dim)
        twin.merge(self)
        return twin

    def _add(self, rows: Array) -> None:
        from scipy.linalg import blas

        if len(rows) == 0:
            return
        mean = rows.mean(axis=0)
        shift, weight = self._shift(len(rows), mean)
        centred = np.empty((len(rows) + 1, self.dim))
        np.subtract(rows, mean, out=centred[:-1])
        np.multiply(shift, weight**0.5, out=centred[-1])
        # The transpose of rows in C order is a matrix in the order of LAPACK.
        self._scatter = blas.dsyrk(1.0, centred.T, beta=1.0, c=self._scatter, lower=1, overwrite_c=1)

    def _combine(self, count: int, mean: Array, scatter: Array) -> None:
        from scipy.linalg import blas

        if count == 0:
            return
        shift, weight = self._shift(count, mean)
        self._scatter += scatter
        self._scatter = blas.dsyr(weight, shift, a=self._scatter, lower=1, overwrite_a=1)

    def _shift(self, count: int, mean: Array) -> tuple[Array, float]:
        """Count rows of this mean, and return how far they are from the mean before, and the weight of its square."""
        shift, before = mean - self._mean, self._count
        self._count += count
        self._mean = self._mean + shift * (count / self._count)
        return shift, before * (count / self._count)

    def _whole_scatter(self) -> Array:
        """Return both triangles of the sum of products."""
        whole = self._scatter.T.copy()
        for start in range(0, self.dim, _SQUARE):
            end = start + _SQUARE
            whole[end:, start:end] = whole[start:end, end:].T
            square = np.triu(whole[start:end, start:end])
            whole[start:end, start:end] = square + np.triu(square, 1).T
        return whole

    def _add_tensor(self, features: Any) -> bool:
        """Sum a tensor on its device, if it has the right shape and only finite numbers."""
        from vidmetrics.statistics.tensor_moments import TensorMoments

        place = str(features.device)
        moments = self._on_devices.get(place) or TensorMoments(self.dim, features.device)
        if not moments.update(features):
            return False
        self._on_devices[place] = moments
        return True

    def collect(self) -> None:
        """Bring what was summed on devices here, and free their memory; reading the moments does so too."""
        while self._on_devices:
            _, moments = self._on_devices.popitem()
            self._combine(*moments.on_host())

    def to_tensors(self) -> dict[str, npt.NDArray[Any]]:
        """Return the state for saving: ``count`` int64 ``[]``, ``mean`` and ``scatter`` float64."""
        self.collect()
        return {
            "count": np.array(self._count, np.int64),
            "mean": self._mean.copy(),
            "scatter": self._whole_scatter(),
        }

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
            moments._combine(int(count), mean, (scatter + scatter.T) / 2)
        return moments


def merged_moments(parts: Sequence[Moments]) -> Moments:
    """Return the moments of all parts, at least one."""
    total = parts[0].copy()
    for part in parts[1:]:
        total.merge(part)
    return total


def leave_one_out(parts: Sequence[Moments], everything: Moments) -> Iterator[Moments]:
    """Yield the moments without each part, one at a time: with thousands of features they dominate the memory.

    Args:
        parts: at least two.
        everything: the merge of all.
    """
    for gone, part in enumerate(parts):
        rest = everything.without(part)
        yield merged_moments([*parts[:gone], *parts[gone + 1 :]]) if rest is None else rest


def merged_without_one(parts: Sequence[Moments], others: Moments | None = None) -> Iterator[Moments]:
    """Yield the same as `leave_one_out`, summed instead of subtracted, for what depends on the last bits.

    By recursive halving, in which only about log2(parts) merges are alive at any time instead of one per part.
    """
    others = Moments(parts[0].dim) if others is None else others
    if len(parts) == 1:
        yield others
        return
    first, second = parts[: len(parts) // 2], parts[len(parts) // 2 :]
    for mine, rest in ((first, second), (second, first)):
        yield from merged_without_one(mine, merged_moments([others, *rest]))
