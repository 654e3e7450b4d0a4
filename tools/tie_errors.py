"""Measure by simulation how often ties are broken falsely, and how often a difference of the smallest resolved size is found.

    python tools/tie_errors.py --repetitions 1000

Prints the two tables of docs/intervals.md on ties. Results are Fréchet distances over the same contexts, or each over its own, as in
tools/difference_coverage.py: one reference set is drawn and kept fixed. The first table has several models that are equally good: the
share of repetitions in which any two get no letter in common, at the level for the number of comparisons and, as a check, each at 95 %.
The second has two models whose true difference is about the smallest one that their results state: the share in which it is found.
"""

from __future__ import annotations

import argparse
import itertools
import statistics

import numpy as np

from vidbench.results.difference_intervals import interval_of_difference
from vidbench.results.schema import MetricRecord
from vidbench.results.tie_groups import resolution, ties_among
from vidmetrics.estimators.frechet import FrechetEstimator
from vidmetrics.estimators.jackknife_groups import ClipKeys
from vidmetrics.statistics.moments import Moments

DIM, NUM_REAL = 6, 2000
SHRINK, SHIFT, NOISE = 0.9, 0.3, 0.2


def _reference(rng: np.random.Generator) -> Moments:
    reference = Moments(DIM)
    reference.update(rng.normal(size=(NUM_REAL, DIM)).astype(np.float32))
    return reference


def _records(
    rng: np.random.Generator, reference: Moments, shifts: list[float], count: int, shared: bool
) -> list[MetricRecord]:
    """Return a result for each shift."""
    found = []
    for shift in shifts:
        if not found or not shared:
            futures = rng.normal(size=(count, DIM))
            keys = ClipKeys(rng.integers(0, 1 << 63, count).astype(np.uint64))
        rows = SHRINK * futures + shift + NOISE * rng.normal(size=futures.shape)
        estimator = FrechetEstimator(DIM, count, keys=keys)
        estimator.update(rows.astype(np.float32))
        each = estimator.result(reference)
        found.append(MetricRecord(
            value=each.value, interval=each.interval, runs=None, leave_one_out=each.leave_one_out,
            groups_sha256=each.groups_sha256, num_samples=count, num_reference=NUM_REAL, higher_is_better=False,
            network="", floor=None, ceiling=None,
        ))  # fmt: skip
    return found


def false_differences(models: int, count: int, shared: bool, repetitions: int, seed: int = 0) -> tuple[float, float]:
    """Return the share of repetitions with any difference among equal models: with the correction, and without."""
    rng = np.random.default_rng(seed)
    reference = _reference(rng)
    corrected = naive = 0
    for _ in range(repetitions):
        records = sorted(_records(rng, reference, [SHIFT] * models, count, shared), key=lambda record: record.value)
        ties = ties_among(records)
        corrected += ties is not None and set(ties.letters) != {"a"}
        each = [interval_of_difference(a, b)[0] for a, b in itertools.combinations(records, 2)]
        naive += any(low > 0 or high < 0 for low, high in each)
    return corrected / repetitions, naive / repetitions


def found_differences(
    more_shift: float, count: int, shared: bool, repetitions: int, seed: int = 0
) -> tuple[float, float]:
    """Return the true difference over the smallest one that is resolved (median over repetitions), and how often it is found."""
    rng = np.random.default_rng(seed)
    reference = _reference(rng)
    differences, resolved, found = [], [], 0
    for _ in range(repetitions):
        a, b = _records(rng, reference, [SHIFT, SHIFT + more_shift], count, shared)
        interval, _ = interval_of_difference(a, b)
        found += interval[0] > 0 or interval[1] < 0
        smallest = resolution([a, b])
        differences.append(b.value - a.value)
        resolved.append(smallest.difference if smallest else 0.0)
    return float(np.mean(differences)) / statistics.median(resolved), found / repetitions


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 400])
    options = parser.parse_args()
    print("| equal models | contexts | N | any false difference | each comparison at 95 % |")
    print("|---:|---|---:|---:|---:|")
    for models, shared, count in itertools.product((3, 6), (True, False), options.counts):
        corrected, naive = false_differences(models, count, shared, options.repetitions)
        contexts = "shared" if shared else "different"
        print(f"| {models} | {contexts} | {count} | {corrected:.1%} | {naive:.1%} |", flush=True)
    print("\n| contexts | N | true difference over the smallest resolved | found |")
    print("|---|---:|---:|---:|")
    for shared, count in itertools.product((True, False), options.counts):
        unit = (0.42 if shared else 1.75) / count**0.5  # about what is resolved
        for share in (0.7, 1.0, 1.4):
            ratio, power = found_differences(share * unit, count, shared, options.repetitions)
            print(f"| {'shared' if shared else 'different'} | {count} | {ratio:.2f} | {power:.1%} |", flush=True)


if __name__ == "__main__":
    main()
