"""What an ablation decides: which of the paper's orderings hold here, with the noise of the seeds.

Scores are compared as logarithms, since their noise is a proportion: a difference is a ratio of scores. All runs together
estimate the noise: a score is modelled as the product of a factor of its variant, a factor of its seed and noise, with the
same noise for every variant, so that three seeds of nine variants give it 16 degrees of freedom instead of 4.
"""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LEVEL = 0.05
"""An ordering is decided if p, corrected for the number of orderings that a metric judges, is below this."""

PAPER = {
    "phi": {"4x4": (2.0, 33.5), "2x2": (2.0, 37.5), "identity": (2.2, 43.0), "crop": (2.1, 34.2)},
    "k": {"1": (3.7, 24.4), "4": (2.4, 32.1), "8": (2.1, 39.5), "10": (1.8, 39.6)},
}
"""FID and IS (I3D-K600) read off the ablation figure of arXiv 1907.06571 v2: K600, 12 frames, 64x64, 100,000 steps, means
of 3 seeds. Read by eye from an image, so the last digit is uncertain."""

ORDERINGS = (
    ("discriminators", "D_S only", "both", "both discriminators are better than D_S alone (not in the figure)"),
    ("discriminators", "D_T only", "both", "both discriminators are better than D_T alone (not in the figure)"),
    ("k", "1", "4", "more frames seen by D_S are better: k = 1 to 4"),
    ("k", "4", "8", "more frames seen by D_S are better: k = 4 to 8"),
    ("k", "8", "10", "more frames seen by D_S are better: k = 8 to 10 (the paper: hardly)"),
    ("phi", "4x4", "2x2", "less downsampling for D_T is better: 4x4 to 2x2"),
    ("phi", "2x2", "identity", "less downsampling for D_T is better: 2x2 to identity"),
    ("phi", "crop", "2x2", "pooling is better than cropping: crop to 2x2"),
)
"""Orderings in the paper's figure as (group, worse, better, in words); each is judged by every metric."""

METRICS = (("fid", "FID", -1, 0), ("inception_score", "IS", 1, 1), ("fvd", "FVD", -1, None))
"""Metrics as (attribute of a score, label, sign of better, place in `PAPER`)."""


@dataclass(frozen=True)
class AblationScore:
    """One run: its place in the figure and its three scores on the task's own network, means over its draws of samples."""

    group: str
    variant: str
    seed: int
    steps: int
    fid: float
    inception_score: float
    fvd: float


@dataclass(frozen=True)
class VariantRatio:
    """The second of two variants against the first, by one metric.

    Attributes:
        ratio: geometric mean over seeds of the second's score over the first's.
        low: lower end of the 95 % interval of that ratio.
        high: upper end.
        better: seeds with which the second is better.
        seeds: seeds compared.
        p: two-sided p of a ratio of 1 by t, for this pair alone.
    """

    ratio: float
    low: float
    high: float
    better: int
    seeds: int
    p: float


def read_scores(path: Path) -> list[AblationScore]:
    """Read a table that ``dvdgan.studies.ablation run`` wrote, and average the draws of each run."""
    draws = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            key = row["group"], row["variant"], int(row["seed"]), int(row["steps"])
            draws[key].append([float(row[name]) for name in ("fid", "is", "fvd")])
    return [AblationScore(*key, *(float(v) for v in np.mean(values, axis=0))) for key, values in draws.items()]


def select(rows: Sequence[AblationScore], group: str, variant: str) -> list[AblationScore]:
    """Select the runs at one place in the figure; the default run is in all groups."""
    shared = (group, variant) in {("phi", "2x2"), ("k", "8"), ("discriminators", "both")}
    return [row for row in rows if (row.group == "default" if shared else (row.group, row.variant) == (group, variant))]


def seed_noise(rows: Sequence[AblationScore], metric: str) -> tuple[float, int]:
    """Estimate the noise of a log score from the seeds that every variant has.

    Returns:
        Standard deviation of the residuals of variant + seed, and its degrees of freedom; nan and 0 from a single seed or
        variant.
    """
    table: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for row in rows:
        table[row.group, row.variant][row.seed] = math.log(getattr(row, metric))
    seeds = sorted(set.intersection(*(set(found) for found in table.values()))) if table else []
    y_VS = np.array([[found[seed] for seed in seeds] for found in table.values()])
    degrees = max(0, len(table) - 1) * max(0, len(seeds) - 1)
    if not degrees:
        return math.nan, 0
    rest_VS = y_VS - y_VS.mean(0) - y_VS.mean(1, keepdims=True) + y_VS.mean()
    return float(np.sqrt((rest_VS**2).sum() / degrees)), degrees


def compare(rows: Sequence[AblationScore], group: str, first: str, second: str, metric: str, sign: int) -> VariantRatio:
    """Compare two variants over the seeds that both have, with the noise of all runs (`seed_noise`).

    Args:
        rows: all runs.
        group: group of both.
        first: variant expected to be worse.
        second: variant expected to be better.
        metric: attribute of `AblationScore`.
        sign: 1 if more is better, -1 if less is.
    """
    from scipy.stats import t

    a, b = ({row.seed: math.log(getattr(row, metric)) for row in select(rows, group, name)} for name in (first, second))
    differences = [b[seed] - a[seed] for seed in sorted({*a} & {*b})]
    deviation, degrees = seed_noise(rows, metric)
    mean, count = float(np.mean(differences)), len(differences)
    better = sum(sign * difference > 0 for difference in differences)
    if not degrees:
        return VariantRatio(math.exp(mean), 0.0, math.inf, better, count, 1.0)
    error = deviation * math.sqrt(2 / count)
    reach = float(t.ppf(1 - LEVEL / 2, degrees)) * error
    p = 2 * float(t.sf(abs(mean) / error, degrees)) if error else float(mean == 0)
    return VariantRatio(math.exp(mean), math.exp(mean - reach), math.exp(mean + reach), better, count, p)


def holm(values: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm, 1979), in the order given."""
    order, corrected, most = np.argsort(values, kind="stable"), [0.0] * len(values), 0.0
    for place, index in enumerate(order):
        most = max(most, min(1.0, (len(values) - place) * values[index]))
        corrected[index] = most
    return corrected


def orderings(rows: Sequence[AblationScore]) -> list[str]:
    """One sentence per metric on what can be decided, then one per ordering whose runs are there, with its statistics."""
    lines = []
    wanted = [o for o in ORDERINGS if select(rows, o[0], o[1]) and select(rows, o[0], o[2])]
    for metric, label, sign, place in METRICS:
        found = [compare(rows, group, worse, better, metric, sign) for group, worse, better, _ in wanted]
        lines.append(_power_sentence(rows, metric, label))
        for (group, worse, better, words), one, p in zip(wanted, found, holm([c.p for c in found]), strict=True):
            paper = "" if place is None or group not in PAPER else (
                f"paper {PAPER[group][worse][place]} to {PAPER[group][better][place]}, "
            )  # fmt: skip
            means = [np.mean([getattr(row, metric) for row in select(rows, group, name)]) for name in (worse, better)]
            gain = sign * (one.ratio - 1)
            verdict = "is within the noise" if p >= LEVEL else "holds" if gain > 0 else "is reversed"
            lines.append(
                f"{label}: {words}: {paper}here {means[0]:.2f} to {means[1]:.2f}, times {one.ratio:.2f} "
                f"({one.low:.2f} to {one.high:.2f}), better with {one.better} of {one.seeds} seeds, "
                f"p = {one.p:.2g}, corrected {p:.2g}: {verdict}."
            )
    return lines


def _power_sentence(rows: Sequence[AblationScore], metric: str, label: str) -> str:
    """How large a difference has to be."""
    from scipy.stats import t

    deviation, degrees = seed_noise(rows, metric)
    if not degrees:
        return f"{label}: runs of one seed decide nothing."
    seeds = len({row.seed for row in rows})
    least = math.exp(float(t.ppf(1 - LEVEL / 2, degrees)) * deviation * math.sqrt(2 / seeds))
    return (
        f"{label}: the noise of a run is {100 * math.expm1(deviation):.0f} % ({degrees} degrees of freedom), so that {seeds} seeds "
        f"tell two variants apart from a ratio of {least:.2f} on, one pair alone; they are {len({(r.group, r.variant) for r in rows})} variants."
    )
