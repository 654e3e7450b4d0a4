"""A score as a function of the number of samples, and its extrapolation to infinitely many.

Most scores of generated clips depend on their number. Chong and Forsyth (arXiv 1911.07023) measure them at sizes from
N/10 to N and take the value of a straight line in 1/n at 1/n = 0. The reference set is fixed.

Our choices: 8 sizes; nested random sets from a fixed seed, so that a single pass over the features in constant memory
covers them all and the largest set is the full one; the splits of an Inception Score keep their members at every size. The
line is fitted to sizes with at least 5 rows per feature (or per class and split), and only if N has 10, for the reasons
given in `vidmetrics.statistics.extrapolation`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import add
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.errors import InputError
from vidmetrics.estimators.base import counting_message
from vidmetrics.estimators.reference_gaussian import covariance_of, given_moments, reference_gaussian
from vidmetrics.statistics.extrapolation import MIN_ROWS_PER_FEATURE, MIN_SAMPLES, at_infinity
from vidmetrics.statistics.frechet import gaussian
from vidmetrics.statistics.frechet_float32 import distance_float32_svd
from vidmetrics.statistics.frechet_many import quick_distances
from vidmetrics.statistics.inception_score import ScoreSums, score_from_sums, score_sums
from vidmetrics.statistics.kernel import nested_mmd
from vidmetrics.statistics.moments import Moments

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int64]

NUM_SIZES = 8
MAX_PRODUCTS = 2_000_000_000_000
"""Limit for the curve of a kernel distance, in pairs of rows times features: 50,000 clips against 50,000 with 400 features,
about 5 minutes on one core. A Fréchet curve of 50,000 clips takes 10 seconds of CPU time and 0.2 GB with 1,024 features,
72 seconds and 0.6 GB with 2,048; the curve of an Inception Score takes seconds."""
_BLOCK = 1024


@dataclass(frozen=True)
class Growth:
    """A score at several sample counts.

    Attributes:
        counts: sample counts, ascending; empty if there is no curve.
        values: the score at each count.
        num_fitted: number of sizes, the largest ones, that the line is fitted to; 0 without a line.
        at_infinity: value of the line at infinitely many samples; None without a line.
        reason: why there is no line, or no curve; None if there is one.
    """

    counts: tuple[int, ...] = ()
    values: tuple[float, ...] = ()
    num_fitted: int = 0
    at_infinity: float | None = None
    reason: str | None = None


def score_against_count(
    definition: MetricDefinition,
    batches: Iterable[Array],
    dim: int,
    num_samples: int,
    rows_per_sample: int,
    reference: Any,
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
    values = _CURVES[definition.statistic](definition, batches, dim, levels, rows_per_sample, reference)
    if definition.facts.unbiased:
        reason = "The estimator is unbiased at any number of samples, so there is nothing to extrapolate."
        return Growth(counts, values, reason=reason)
    return _with_line(counts, values, dim * splits, rows_per_sample)


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


def _with_line(counts: tuple[int, ...], values: tuple[float, ...], width: int, rows_per_sample: int) -> Growth:
    needed = -(-MIN_ROWS_PER_FEATURE * width // rows_per_sample)
    if counts[-1] < needed:
        return Growth(
            counts,
            values,
            reason=f"A line in 1/n needs {MIN_ROWS_PER_FEATURE} rows per feature (or per class and split), here "
            f"{needed:,} samples; there are {counts[-1]:,}.",
        )
    fitted = sum(count * rows_per_sample >= MIN_ROWS_PER_FEATURE * width / 2 for count in counts)
    line = at_infinity(np.array(counts[-fitted:]), np.array(values[-fitted:]))
    return Growth(counts, values, fitted, line)


def _frechet(
    definition: MetricDefinition, batches: Iterable[Array], dim: int, levels: Labels, rows_per_sample: int, real: Any
) -> tuple[float, ...]:
    target = reference_gaussian(given_moments(real), definition.ddof)
    parts = [Moments(dim) for _ in range(NUM_SIZES)]
    for level, rows in _by_level(batches, levels, rows_per_sample):
        parts[level].update(rows)
    sets = ((total.mean, covariance_of(total, definition.ddof)) for total in _running_totals(parts))
    if definition.root == "float32-svd":
        return tuple(distance_float32_svd(*one, target.mean, target.covariance) for one in sets)
    return tuple(quick_distances((gaussian(*one, "generated") for one in sets), target))


def _running_totals(parts: Iterable[Moments]) -> Iterator[Moments]:
    total: Moments | None = None
    for part in parts:
        if total is None:
            total = part.copy()
        else:
            total.merge(part)
        yield total


def _scores(
    definition: MetricDefinition,
    batches: Iterable[Array],
    num_classes: int,
    levels: Labels,
    rows_per_sample: int,
    _: Any,
) -> tuple[float, ...]:
    splits = definition.splits or 1
    ends = np.array([(split + 1) * len(levels) // splits for split in range(splits)])
    cells = levels * splits + np.searchsorted(ends, np.arange(len(levels)), side="right")
    sums = [ScoreSums(0, 0.0, np.zeros(num_classes)) for _ in range(NUM_SIZES * splits)]
    for cell, rows in _by_level(batches, cells, rows_per_sample):
        sums[cell] = sums[cell] + score_sums(rows)
    by_size = [[reduce(add, sums[s : k * splits + s + 1 : splits]) for s in range(splits)] for k in range(NUM_SIZES)]
    return tuple(float(np.mean([score_from_sums(part) for part in parts])) for parts in by_size)


def _kernel(
    _: MetricDefinition, batches: Iterable[Array], dim: int, levels: Labels, rows_per_sample: int, real: Array
) -> tuple[float, ...]:
    rows = np.concatenate([np.asarray(rows, np.float32) for rows in batches])
    if len(rows) != len(levels) * rows_per_sample:
        raise InputError(counting_message(len(rows), len(levels), rows_per_sample))
    values = nested_mmd(rows, real, np.repeat(levels, rows_per_sample), NUM_SIZES)
    return tuple(float(value) for value in values)


def _products(n: int, m: int, dim: int) -> int:
    """Return the multiplications behind the kernels of ``n`` generated and ``m`` real rows."""
    return (n * n // 2 + m * m // 2 + n * m) * dim


_CURVES: Mapping[str, Callable[[MetricDefinition, Iterable[Array], int, Labels, int, Any], tuple[float, ...]]] = (
    MappingProxyType({"frechet": _frechet, "inception-score": _scores, "kernel": _kernel})
)


def _by_level(batches: Iterable[Array], labels: Labels, rows_per_sample: int) -> Iterable[tuple[int, Array]]:
    """Yield rows of one label at a time, in blocks that do not depend on the batch size."""
    waiting: dict[int, list[Array]] = {}
    held: dict[int, int] = {}
    row_labels = np.repeat(labels, rows_per_sample)
    seen = 0
    for batch in batches:
        if seen + len(batch) > len(row_labels):
            raise InputError(counting_message(seen + len(batch), len(labels), rows_per_sample))
        of_batch = row_labels[seen : seen + len(batch)]
        seen += len(batch)
        for label in np.unique(of_batch).tolist():
            waiting.setdefault(label, []).append(batch[of_batch == label])
            held[label] = held.get(label, 0) + len(waiting[label][-1])
            if held[label] >= _BLOCK:
                rows = np.concatenate(waiting[label])
                full = len(rows) // _BLOCK * _BLOCK
                for start in range(0, full, _BLOCK):
                    yield label, rows[start : start + _BLOCK]
                waiting[label], held[label] = [rows[full:]], len(rows) - full
    if seen != len(row_labels):
        raise InputError(counting_message(seen, len(labels), rows_per_sample))
    for label in sorted(waiting):
        if held[label]:
            yield label, np.concatenate(waiting[label])
