"""Kernel distances over a stream of features: KVD over all rows, KID over subsets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.estimators.base import Estimate, KeptFeatures
from vidmetrics.estimators.jackknife_groups import ClipKeys
from vidmetrics.statistics.kernel import SUBSET_SIZE, grouped_kid, grouped_mmd


class KernelEstimator(KeptFeatures):
    """Unbiased squared MMD over all rows; may be negative. Interval: delete-a-group jackknife."""

    def result(self, reference: Iterable[npt.NDArray[Any]] | None) -> Estimate:
        """Return the estimate.

        Raises:
            InputError: fewer samples than expected, too few rows on one side, or no reference features.
        """
        rows, real = self._features(), self._reference(reference, 2)
        if len(rows) < 2:
            raise InputError(f"An unbiased MMD needs at least 2 samples, not {len(rows)}; add more clips.")
        value, folds = grouped_mmd(rows, real, self._group_of_row(), self._groups.count)
        return self._jackknifed(value, folds, len(real))


class KernelSubsetsEstimator(KeptFeatures):
    """KID: mean of the unbiased squared MMD over 100 seeded subsets of 1,000 rows; may be negative.

    Interval: delete-a-group jackknife over the whole procedure; a fold removes the rows of a group from every subset.
    The spread over subsets, which other tools print, is not the error of the mean: subsets share rows.

    Args:
        dim: number of features per row.
        num_samples: exact number of samples to expect.
        rows_per_sample: rows per sample.
        subset_size: rows of each side in a subset; 1,000 in the definition of KID.
        keys: as for `KeptFeatures`.
    """

    def __init__(
        self,
        dim: int,
        num_samples: int,
        rows_per_sample: int = 1,
        subset_size: int = SUBSET_SIZE,
        keys: ClipKeys | None = None,
    ) -> None:
        super().__init__(dim, num_samples, rows_per_sample, keys=keys)
        self._subset_size = subset_size
        if num_samples * rows_per_sample < subset_size:
            raise InputError(
                f"KID draws subsets of {subset_size} rows without replacement, but there are "
                f"{num_samples * rows_per_sample}; give more clips."
            )

    def result(self, reference: Iterable[npt.NDArray[Any]] | None) -> Estimate:
        """Return the estimate; raises like `KernelEstimator.result`, and if the reference is smaller than a subset."""
        rows, real = self._features(), self._reference(reference, self._subset_size)
        values, folds = grouped_kid(rows, real, self._group_of_row(), self._groups.count, subset_size=self._subset_size)
        value = float(values.mean())
        return self._jackknifed(value, folds, len(real))
