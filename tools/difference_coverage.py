"""Measure by simulation how often the 95 % confidence interval of a difference of two Fréchet distances covers the truth.

    python tools/difference_coverage.py --repetitions 1000

Prints the table of differences in docs/intervals.md. Two models continue the same contexts: the features of a prediction are those of
the true future, shrunk and shifted as the model does, plus noise of its own. One reference set is drawn and kept fixed; each repetition
draws contexts and predictions, and compares the two models by pairs (`vidbench.results.difference_intervals.paired_interval`) and as
independent results (`difference_interval`). The truth is the mean difference over all repetitions. ``width`` is the mean width of an
interval over the ideal width, 3.92 standard deviations of the difference.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

from vidbench.results.difference_intervals import difference_interval, paired_interval
from vidbench.results.schema import MetricRecord
from vidmetrics.estimators.frechet import FrechetEstimator
from vidmetrics.estimators.jackknife_groups import ClipKeys
from vidmetrics.statistics.moments import Moments

DIM, NUM_REAL = 6, 2000
# Shrinking, shift and noise of the two models.
MODELS = ((0.90, 0.30, 0.20), (0.85, 0.35, 0.20))


@dataclass(frozen=True)
class DifferenceCoverage:
    """What the intervals of one kind did: share that covers the truth, and mean width over the ideal width."""

    coverage: float
    width: float


def _record(rows: np.ndarray, keys: np.ndarray, reference: Moments) -> MetricRecord:
    estimator = FrechetEstimator(rows.shape[1], len(rows), keys=ClipKeys(keys))
    estimator.update(rows)
    found = estimator.result(reference)
    return MetricRecord(
        value=found.value, interval=found.interval, runs=None, leave_one_out=found.leave_one_out,
        groups_sha256=found.groups_sha256, num_samples=len(rows), num_reference=NUM_REAL, higher_is_better=False,
        network="", floor=None, ceiling=None,
    )  # fmt: skip


def simulate(count: int, shared: bool, repetitions: int, seed: int = 0) -> dict[str, DifferenceCoverage]:
    """Compare two models over and over.

    Args:
        count: predictions of each model in a repetition.
        shared: whether both models continue the same contexts; if not, each has its own, and no pair exists.
        repetitions: number of repetitions.
        seed: seed of all draws.

    Returns:
        ``"paired"`` and ``"independent"``; without shared contexts the second alone.
    """
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(NUM_REAL, DIM)).astype(np.float32)
    reference = Moments(DIM)
    reference.update(real)
    differences, intervals = [], {"paired": [], "independent": []}
    for _ in range(repetitions):
        pair = []
        for shrink, shift, noise in MODELS:
            if not pair or not shared:
                futures = rng.normal(size=(count, DIM))
                keys = rng.integers(0, 1 << 63, count).astype(np.uint64)
            rows = shrink * futures + shift + noise * rng.normal(size=futures.shape)
            pair.append(_record(rows.astype(np.float32), keys, reference))
        a, b = pair
        differences.append(b.value - a.value)
        intervals["independent"].append(difference_interval(a.value, a.interval, b.value, b.interval))
        of_pairs = paired_interval(a, b)
        if of_pairs is not None:
            intervals["paired"].append(of_pairs)
    truth, ideal = np.mean(differences), 3.92 * np.std(differences)
    return {
        kind: DifferenceCoverage(
            float(np.mean([low <= truth <= high for low, high in found])),
            float(np.mean([high - low for low, high in found]) / ideal),
        )
        for kind, found in intervals.items()
        if found
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1000)
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 400])
    options = parser.parse_args()
    print("| contexts | N | paired | independent |")
    print("|---|---:|---|---|")
    for shared in (True, False):
        for count in options.counts:
            found = simulate(count, shared, options.repetitions)
            cells = [
                f"{found[kind].coverage:.1%} ({found[kind].width:.2f})" if kind in found else "refused"
                for kind in ("paired", "independent")
            ]
            print(f"| {'shared' if shared else 'different'} | {count} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
