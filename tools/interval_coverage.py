"""Measure by simulation on Gaussians how often each metric's 95 % confidence interval covers the truth.

    python tools/interval_coverage.py --repetitions 400

Prints the table of measured coverage in docs/intervals.md; other figures there come from --features, --num-real,
--counts and --metrics. One reference set is drawn and kept fixed. Each repetition draws N samples from one of three
Gaussians (the reference's own, one near it, one far from it) and checks whether their interval covers the truth: the
expectation of the estimator at this N against this reference, estimated as the mean over all repetitions; for the
extrapolated distance, the closed form at infinitely many samples.

``width`` is the mean interval width over the ideal width, 3.92 standard deviations of the value. ``naive`` is the
coverage of the obvious but wrong interval: for recall and coverage, Wilson's interval with real rows treated as
independent; for KID, the spread over subsets divided by the square root of their number.

    python tools/interval_coverage.py --orders --repetitions 150

Prints the table of orders there instead: the interval of a Fréchet distance over 400 rows of 8 labels, 50 of each, by groups that
are ranges of the order, drawn, and drawn with the labels balanced. Each repetition draws rows and one key for each.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vidmetrics.estimators.base import Estimate
from vidmetrics.estimators.extrapolation import FrechetInfinityEstimator
from vidmetrics.estimators.frechet import FrechetEstimator
from vidmetrics.estimators.inception_score import InceptionScoreEstimator
from vidmetrics.estimators.kernel import KernelEstimator, KernelSubsetsEstimator
from vidmetrics.estimators.manifold import CoverageEstimator, DensityEstimator, PrecisionEstimator, RecallEstimator
from vidmetrics.estimators.second_moments import SecondMomentsEstimator
from vidmetrics.statistics.clip_keys import drawn_groups
from vidmetrics.statistics.frechet import frechet_distance
from vidmetrics.statistics.intervals import jackknife_interval, mean_interval, share_interval
from vidmetrics.statistics.kernel import grouped_kid
from vidmetrics.statistics.moments import Moments

DIM = 6
NUM_REAL = 1000
CASES = {"same": (0.0, 1.0), "near": (0.2, 1.1), "far": (0.6, 0.8)}
"""Mean and standard deviation of each generated feature; real features have 0 and 1."""


@dataclass(frozen=True)
class Coverage:
    """Outcome of a simulation; fields as in the module docstring."""

    coverage: float
    width: float
    value: float
    naive: float | None


@dataclass(frozen=True)
class _Reference:
    rows: np.ndarray
    moments: Moments


Simulation = Callable[[np.ndarray, _Reference], tuple[Estimate, "tuple[float, float] | None"]]


def _on_features(make: Callable[[int, int], object]) -> Simulation:
    def once(rows: np.ndarray, reference: _Reference) -> tuple[Estimate, None]:
        estimator = make(rows.shape[1], len(rows))
        estimator.update(rows)
        return estimator.result([reference.rows]), None

    return once


def _on_moments(make: Callable[[int, int], object]) -> Simulation:
    def once(rows: np.ndarray, reference: _Reference) -> tuple[Estimate, None]:
        estimator = make(rows.shape[1], len(rows))
        estimator.update(rows)
        return estimator.result(reference.moments), None

    return once


def _with_share(simulation: Simulation) -> Simulation:
    def once(rows: np.ndarray, reference: _Reference) -> tuple[Estimate, tuple[float, float]]:
        estimate, _ = simulation(rows, reference)
        return estimate, share_interval(estimate.value, len(reference.rows))

    return once


def _frames(rows: np.ndarray, reference: _Reference) -> tuple[Estimate, None]:
    """Simulate clips of 4 frames: the clip's row plus, per frame, noise with a quarter of its variance."""
    noise = np.random.default_rng(np.abs(rows[:3, 0]).view(np.uint64)).normal(0, 0.5, (len(rows), 4, rows.shape[1]))
    estimator = FrechetEstimator(rows.shape[1], len(rows), rows_per_sample=4)
    estimator.update((rows[:, None] + noise).reshape(-1, rows.shape[1]))
    return estimator.result(reference.moments), None


def _score(splits: int) -> Simulation:
    def once(rows: np.ndarray, reference: _Reference) -> tuple[Estimate, None]:
        estimator = InceptionScoreEstimator(rows.shape[1], len(rows), splits)
        estimator.update(3 * rows)
        return estimator.result(), None

    return once


def _kid(rows: np.ndarray, reference: _Reference) -> tuple[Estimate, tuple[float, float]]:
    size = len(rows) // 2
    estimator = KernelSubsetsEstimator(rows.shape[1], len(rows), subset_size=size)
    estimator.update(rows)
    estimate = estimator.result([reference.rows])
    values, _ = grouped_kid(rows.astype(np.float32), reference.rows, np.zeros(len(rows), np.int64), 1, subset_size=size)
    half = 1.96 * values.std() / np.sqrt(len(values))
    return estimate, (values.mean() - half, values.mean() + half)


def _mean(rows: np.ndarray, reference: _Reference) -> tuple[Estimate, None]:
    scores = rows[:, 0] ** 2  # skewed, like per-clip scores
    return Estimate(float(scores.mean()), mean_interval(scores), len(rows), None), None


SIMULATIONS: dict[str, Simulation] = {
    "Fréchet distance": _on_moments(FrechetEstimator),
    "Fréchet distance, 4 frames a clip": _frames,
    "Fréchet distance at infinity": _on_moments(FrechetInfinityEstimator),
    "Inception Score, 1 split": _score(1),
    "Inception Score, 10 splits": _score(10),
    "kernel distance (KVD)": _on_features(KernelEstimator),
    "kernel distance, subsets (KID)": _kid,
    "second moments (JEDi)": _on_moments(SecondMomentsEstimator),
    "precision": _on_features(PrecisionEstimator),
    "recall": _with_share(_on_features(RecallEstimator)),
    "density": _on_features(DensityEstimator),
    "coverage": _with_share(_on_features(CoverageEstimator)),
    "mean over clips (PSNR, SSIM)": _mean,
}
"""One repetition per metric: maps rows and reference to the estimate and, if defined, the naive interval."""


def simulate(
    name: str, case: str, count: int, repetitions: int, seed: int = 0, num_real: int = NUM_REAL, dim: int = DIM
) -> Coverage:
    """Measure the coverage of one interval.

    Args:
        name: key of `SIMULATIONS`.
        case: key of `CASES`.
        count: samples per repetition.
        repetitions: number of repetitions.
        seed: seed of all draws.
        num_real: rows of the reference set.
        dim: number of features.
    """
    rng = np.random.default_rng(seed)
    real = rng.normal(size=(num_real, dim)).astype(np.float32)
    moments = Moments(dim)
    moments.update(real)
    shift, scale = CASES[case]
    found = [
        SIMULATIONS[name](rng.normal(shift, scale, (count, dim)), _Reference(real, moments)) for _ in range(repetitions)
    ]
    values = np.array([estimate.value for estimate, _ in found])
    truth = float(values.mean())
    if name == "Fréchet distance at infinity":
        truth = frechet_distance(np.full(dim, shift), scale**2 * np.eye(dim), moments.mean, moments.covariance)

    def share(intervals: np.ndarray) -> float:
        return float(((intervals[:, 0] <= truth) & (truth <= intervals[:, 1])).mean())

    intervals = np.array([estimate.interval for estimate, _ in found])
    naive = None if found[0][1] is None else share(np.array([other for _, other in found]))
    width = float((intervals[:, 1] - intervals[:, 0]).mean() / (3.92 * values.std()))
    return Coverage(share(intervals), width, truth, naive)


def _rows_in_turn(rows: np.ndarray, labels: np.ndarray, moments: Moments) -> np.ndarray:
    return np.argsort(np.arange(len(rows)) % (len(rows) // NUM_LABELS), kind="stable")


def _rows_by_label(rows: np.ndarray, labels: np.ndarray, moments: Moments) -> np.ndarray:
    return np.argsort(labels, kind="stable")


def _rows_dealt(rows: np.ndarray, labels: np.ndarray, moments: Moments) -> np.ndarray:
    """Order rows so that every range of the order has as much of the distance as the others."""
    count, everything = len(rows), Moments(rows.shape[1])
    everything.update(rows)
    centred = rows - everything.mean
    influence = np.array(
        [
            frechet_distance(
                everything.mean - row / (count - 1),
                (everything.covariance * (count - 1) - np.outer(row, row) * count / (count - 1)) / (count - 2),
                moments.mean,
                moments.covariance,
            )
            for row in centred
        ]
    )
    ranks = np.arange(count)
    turn, place = np.divmod(ranks, 20)
    # There and back over the ranges, so that each has one of the largest with one of the smallest.
    of_range = np.where(turn % 2, 19 - place, place)
    order = np.empty(count, np.int64)
    order[of_range * (count // 20) + turn] = np.argsort(influence)
    return order


NUM_LABELS = 8
ORDERS: dict[str, Callable[[np.ndarray, np.ndarray, Moments], np.ndarray]] = {
    "labels in turn": _rows_in_turn,
    "sorted by label": _rows_by_label,
    "dealt out": _rows_dealt,
}
GROUPS = ("ranges of the order", "drawn", "drawn, labels balanced")


def simulate_order(order: str, groups: str, repetitions: int, seed: int = 0, count: int = 400) -> Coverage:
    """Measure the coverage of the interval of a Fréchet distance for one order of the rows.

    Args:
        order: key of `ORDERS`.
        groups: one of `GROUPS`.
        repetitions: number of repetitions.
        seed: seed of all draws; rows and keys do not depend on order and groups.
        count: rows per repetition, a multiple of 40.
    """
    rng = np.random.default_rng(seed)
    means = rng.normal(0, 1, (NUM_LABELS, DIM))
    moments = Moments(DIM)
    moments.update(rng.normal(0, 1.2, (NUM_REAL, DIM)))
    labels = np.repeat(np.arange(NUM_LABELS), count // NUM_LABELS)
    found = []
    for _ in range(repetitions):
        rows = rng.normal(0, 0.4, (count, DIM)) + means[labels]
        keys = rng.integers(0, 1 << 63, count).astype(np.uint64)
        places = ORDERS[order](rows, labels, moments)
        rows, keys, of_row = rows[places], keys[places], labels[places]
        drawn = drawn_groups(keys, 20, 1, of_row if groups == GROUPS[2] else None)
        found.append(_jackknifed(rows, np.arange(count) * 20 // count if groups == GROUPS[0] else drawn, moments))
    values = np.array([value for value, _ in found])
    intervals = np.array([interval for _, interval in found])
    share = ((intervals[:, 0] <= values.mean()) & (values.mean() <= intervals[:, 1])).mean()
    width = (intervals[:, 1] - intervals[:, 0]).mean() / (3.92 * values.std())
    return Coverage(float(share), float(width), float(values.mean()), None)


def _jackknifed(rows: np.ndarray, group_of_row: np.ndarray, moments: Moments) -> tuple[float, tuple[float, float]]:
    def distance(kept: np.ndarray) -> float:
        return frechet_distance(kept.mean(0), np.cov(kept, rowvar=False), moments.mean, moments.covariance)

    value = distance(rows)
    return value, jackknife_interval(value, [distance(rows[group_of_row != group]) for group in range(20)])


def _print_orders(repetitions: int) -> None:
    print("| order of the rows | " + " | ".join(GROUPS) + " |")
    print("|---|" + "---|" * len(GROUPS))
    for order in ORDERS:
        cells = [simulate_order(order, groups, repetitions) for groups in GROUPS]
        print(
            f"| {order} | " + " | ".join(f"{each.coverage:.1%} ({each.width:.2f})" for each in cells) + " |", flush=True
        )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=400)
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 400])
    parser.add_argument("--features", type=int, default=DIM)
    parser.add_argument("--num-real", type=int, default=NUM_REAL)
    parser.add_argument("--metrics", nargs="+", choices=list(SIMULATIONS), default=list(SIMULATIONS))
    parser.add_argument("--orders", action="store_true")
    options = parser.parse_args()
    if options.orders:
        _print_orders(options.repetitions)
        return
    header = [f"{case}, N = {count}" for case in CASES for count in options.counts]
    print("| interval of | " + " | ".join(header) + " |")
    print("|---|" + "---|" * len(header))
    for name in options.metrics:
        cells = []
        for case in CASES:
            for count in options.counts:
                found = simulate(
                    name, case, count, options.repetitions, num_real=options.num_real, dim=options.features
                )
                naive = "" if found.naive is None else f"; naive {found.naive:.1%}"
                cells.append(f"{found.coverage:.1%} ({found.width:.2f}{naive})")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
