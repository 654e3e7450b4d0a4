"""A score as a function of the number of samples, and its extrapolation to infinitely many.

Most scores of generated clips depend on their number. Chong and Forsyth (arXiv 1911.07023) measure them at sizes from
N/10 to N and take the value of a straight line in 1/n at 1/n = 0. The reference set is fixed.

Our choices: 8 sizes; nested random sets from a fixed seed, so that a single pass over the features in constant memory
covers them all and the largest set is the full one; the splits of an Inception Score keep their members at every size. The
line is fitted to sizes with at least 5 rows per feature (or per class and split), and only if N has 10, for the reasons
given in `vidmetrics.statistics.extrapolation`. The interval at infinity is a delete-a-group jackknife over the whole procedure: each fold
removes a group of clips from every set, and fits its own line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.errors import InputError
from vidmetrics.estimators.jackknife_groups import ClipKeys, Groups
from vidmetrics.estimators.reference_gaussian import covariance_of, given_moments, reference_gaussian
from vidmetrics.estimators.row_blocks import RowBlocks, counting_message
from vidmetrics.statistics.extrapolation import MIN_ROWS_PER_FEATURE, MIN_SAMPLES, at_infinity
from vidmetrics.statistics.frechet import Gaussian, gaussian
from vidmetrics.statistics.frechet_float32 import distance_float32_svd
from vidmetrics.statistics.frechet_many import quick_distances
from vidmetrics.statistics.inception_score import ScoreSums, score_from_sums, score_sums
from vidmetrics.statistics.intervals import jackknife_interval
from vidmetrics.statistics.kernel import nested_mmd
from vidmetrics.statistics.moments import Moments, leave_one_out, merged_moments, merged_without_one

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]

NUM_SIZES = 8
MAX_PRODUCTS = 2_000_000_000_000
"""Limit for the curve of a kernel distance, in pairs of rows times features: 50,000 clips against 50,000 with 400 features,
about 5 minutes on one core. A Fréchet curve of 50,000 clips takes 10 seconds of CPU time with 1,024 features, 72 with 2,048.
With its folds it holds up to 110 matrices of D x D, 80 of them the moments: 0.9 GB with 1,024 features, 3.7 GB with 2,048. The
curve of an Inception Score takes seconds."""
NUM_GROUPS = 10
"""Jackknife groups: each fold of a Fréchet curve takes a distance per size."""
_UNBIASED = "The estimator is unbiased at any number of samples, so there is nothing to extrapolate."
_NO_FOLDS = "A curve over all pairs of rows has no folds, so a line through it would have no interval."


@dataclass(frozen=True)
class Growth:
    """A score at several sample counts.

    Attributes:
        counts: sample counts, ascending; empty if there is no curve.
        values: the score at each count.
        num_fitted: number of sizes, the largest ones, that the line is fitted to; 0 without a line.
        at_infinity: value of the line at infinitely many samples; None without a line.
        at_infinity_interval: its 95 % confidence interval over generated clips; None without a line.
        reason: why there is no line, or no curve; None if there is one.
    """

    counts: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
    num_fitted: int = 0
    at_infinity: float | None = None
    reason: str | None = None
    at_infinity_interval: tuple[float, float] | None = None


def score_against_count(
    definition: MetricDefinition,
    batches: Iterable[Array],
    dim: int,
    num_samples: int,
    rows_per_sample: int,
    reference: Any,
    keys: ClipKeys | None = None,
) -> Growth | None:
    """Return the growth curve of a metric, or None for a metric without one.

    Fréchet distances, Inception Scores and the kernel distance over all pairs have one. KID is defined on subsets of
    1,000 at any N and has none; nor have extrapolated distances and manifold statistics.

    Args:
        definition: the metric.
        batches: features real ``[n, dim]`` in index order.
        dim: size of the network output.
        num_samples: N.
        rows_per_sample: rows per sample.
        reference: input by `MetricDefinition.needs_reference`: moments, batches of features, or None.
        keys: keys of the clips, from which the groups of the interval are drawn; None to draw them by place.

    Raises:
        InputError: another number of rows than expected.
    """
    if not definition.facts.has_growth_curve:
        return None
    splits = definition.splits or 1
    if num_samples < max(MIN_SAMPLES, 2 * 10 * splits):
        return Growth(reason=f"{num_samples} samples are too few for {NUM_SIZES} sizes.")
    levels = nested_levels(num_samples, splits)
    counts = tuple(int(count) for count in np.cumsum(np.bincount(levels, minlength=NUM_SIZES)))
    if definition.needs_reference == "features":
        reference = np.concatenate([np.asarray(rows, np.float32) for rows in reference])
        if (products := _products(len(levels) * rows_per_sample, *reference.shape)) > MAX_PRODUCTS:
            return Growth(
                reason=f"The curve of a kernel distance is omitted above {MAX_PRODUCTS:.0e} multiplications; it would take "
                f"{products:.1e} here."
            )
    make = _CURVES.get(definition.statistic)
    if make is None:
        values = _kernel(batches, levels, rows_per_sample, reference)
        return Growth(counts, values, reason=_UNBIASED if definition.facts.unbiased else _NO_FOLDS)
    width = dim * splits
    needed = -(-MIN_ROWS_PER_FEATURE * width // rows_per_sample)
    groups = Groups.drawn(keys, num_samples, NUM_GROUPS if num_samples >= needed else 1)
    fitted = sum(count * rows_per_sample >= MIN_ROWS_PER_FEATURE * width / 2 for count in counts)
    curve = make(definition, dim, levels, rows_per_sample, reference, groups)
    for cell, rows in _by_cell(batches, curve.cells, dim, rows_per_sample):
        curve.add(cell, rows)
    values = tuple(curve.values(range(NUM_SIZES)))
    if num_samples < needed:
        return Growth(
            counts,
            values,
            reason=f"A line in 1/n needs {MIN_ROWS_PER_FEATURE} rows per feature (or per class and split), here "
            f"{needed:,} samples; there are {num_samples:,}.",
        )
    line = at_infinity(np.array(counts[-fitted:]), np.array(values[-fitted:]))
    interval = None
    if groups.count > 1:
        folds = curve.folds(range(NUM_SIZES - fitted, NUM_SIZES))
        left = np.array(counts)[:, None] - np.cumsum(_members(levels, groups), axis=0)
        lines = [at_infinity(left[-fitted:, group], folds[:, group]) for group in range(groups.count)]
        interval = jackknife_interval(line, lines)
    return Growth(counts, values, fitted, line, at_infinity_interval=interval)


def _members(levels: Labels, groups: Groups) -> Labels:
    """Return how many samples each group adds at each size, int64 ``[sizes, groups]``."""
    cells = np.bincount(levels * groups.count + groups.labels, minlength=NUM_SIZES * groups.count)
    return cells.reshape(NUM_SIZES, groups.count)


def nested_levels(num_samples: int, splits: int = 1, seed: int = 0) -> Labels:
    """Return the smallest nested set that each sample belongs to: int64 ``[N]``, 0 to 7.

    Set k contains the same share of each contiguous split ``s*N//S``. Drawn from raw PCG64 words, which numpy never changes.
    """
    sizes = np.linspace(num_samples / 10, num_samples, NUM_SIZES)
    levels = np.empty(num_samples, np.int64)
    for split in range(splits):
        first, end = split * num_samples // splits, (split + 1) * num_samples // splits
        words = np.random.PCG64(np.random.SeedSequence((seed, split))).random_raw(end - first)
        ranks = np.empty(end - first, np.int64)
        ranks[np.argsort(words, kind="stable")] = np.arange(end - first)
        ends = np.floor((end - first) * sizes / num_samples).astype(np.int64)
        ends[-1] = end - first
        levels[first:end] = np.searchsorted(ends, ranks, side="right")
    return levels


class _Curve(Protocol):
    """Sums of the cells of a curve, from which values at several sizes are computed.

    Attributes:
        cells: cell of each sample, int64 ``[N]``.
    """

    cells: Labels

    def add(self, cell: int, rows: Array) -> None: ...

    def values(self, sizes: range) -> list[float]: ...

    def folds(self, sizes: range) -> npt.NDArray[np.float64]: ...


class _FrechetCurve:
    """Moments of each group at each size: cells are levels, times groups."""

    def __init__(
        self, definition: MetricDefinition, dim: int, levels: Labels, _: int, real: object, groups: Groups
    ) -> None:
        self._ddof, self._by_root, self._count = definition.ddof, definition.root == "float32-svd", groups.count
        self._target = reference_gaussian(given_moments(real), definition.ddof)
        self.cells = levels * groups.count + groups.labels
        self._parts = [Moments(dim) for _ in range(NUM_SIZES * groups.count)]

    def add(self, cell: int, rows: Array) -> None:
        self._parts[cell].update(rows)

    def values(self, sizes: range) -> list[float]:
        """Return the distance at each size."""
        return self._distances((merged_moments(groups) for groups in self._up_to(sizes)), gaussian)

    def folds(self, sizes: range) -> npt.NDArray[np.float64]:
        """Return the distances without each group, float64 ``[sizes, groups]``."""
        rest = (
            fold
            for groups in self._up_to(sizes)
            for fold in (merged_without_one(groups) if self._by_root else leave_one_out(groups, merged_moments(groups)))
        )
        return np.array(self._distances(rest, Gaussian)).reshape(len(sizes), self._count)

    def _up_to(self, sizes: range) -> Iterator[list[Moments]]:
        """Yield the moments of the groups at each size; the lists share their objects, which grow."""
        groups = [part.copy() for part in self._parts[: self._count]]
        for size in range(sizes.stop):
            if size:
                for group, part in zip(groups, self._parts[size * self._count :], strict=False):
                    group.merge(part)
            if size in sizes:
                yield groups

    def _distances(self, sets: Iterable[Moments], make: Callable[..., Gaussian]) -> list[float]:
        ones = ((one.mean, covariance_of(one, self._ddof)) for one in sets)
        target = self._target
        if self._by_root:  # the last bits of a covariance move such a distance
            return [distance_float32_svd(*one, target.mean, target.covariance) for one in ones]
        return quick_distances((make(*one, "generated") for one in ones), target)


class _ScoreCurve:
    """Sums of each group of each split at each size: cells are levels, times splits, times groups."""

    def __init__(
        self, definition: MetricDefinition, num_classes: int, levels: Labels, _: int, __: object, groups: Groups
    ) -> None:
        self._splits, self._count = definition.splits or 1, groups.count
        ends = np.array([(split + 1) * len(levels) // self._splits for split in range(self._splits)])
        split_of_sample = np.searchsorted(ends, np.arange(len(levels)), side="right")
        self.cells = (levels * self._splits + split_of_sample) * self._count + groups.labels
        self._sums = [ScoreSums(0, 0.0, np.zeros(num_classes)) for _ in range(NUM_SIZES * self._splits * self._count)]

    def add(self, cell: int, rows: Array) -> None:
        self._sums[cell] = self._sums[cell] + score_sums(rows)

    def values(self, sizes: range) -> list[float]:
        """Return the score at each size."""
        return [self._score(size, range(self._count)) for size in sizes]

    def folds(self, sizes: range) -> npt.NDArray[np.float64]:
        """Return the scores without each group, float64 ``[sizes, groups]``."""
        kept = [[group for group in range(self._count) if group != gone] for gone in range(self._count)]
        return np.array([[self._score(size, groups) for groups in kept] for size in sizes])

    def _score(self, size: int, groups: Iterable[int]) -> float:
        step, chosen = self._splits * self._count, list(groups)
        scores = []
        for split in range(self._splits):
            first = split * self._count
            parts = [self._sums[level * step + first + group] for level in range(size + 1) for group in chosen]
            scores.append(score_from_sums(reduce(add, parts)))
        return float(np.mean(scores))


def _kernel(batches: Iterable[Array], levels: Labels, rows_per_sample: int, real: Array) -> tuple[float, ...]:
    rows = np.concatenate([np.asarray(rows, np.float32) for rows in batches])
    if len(rows) != len(levels) * rows_per_sample:
        raise InputError(counting_message(len(rows), len(levels), rows_per_sample))
    values = nested_mmd(rows, real, np.repeat(levels, rows_per_sample), NUM_SIZES)
    return tuple(float(value) for value in values)


def _products(n: int, m: int, dim: int) -> int:
    """Return the multiplications behind the kernels of ``n`` generated and ``m`` real rows."""
    return (n * n // 2 + m * m // 2 + n * m) * dim


_CURVES: Mapping[str, Callable[[MetricDefinition, int, Labels, int, Any, Groups], _Curve]] = MappingProxyType(
    {"frechet": _FrechetCurve, "inception-score": _ScoreCurve}
)


def _by_cell(batches: Iterable[Array], cells: Labels, width: int, rows_per_sample: int) -> Iterator[tuple[int, Array]]:
    blocks = RowBlocks(width, cells, rows_per_sample)
    for batch in batches:
        yield from blocks.push(batch)
    blocks.check_complete()
