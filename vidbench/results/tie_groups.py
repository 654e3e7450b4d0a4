"""Which of several scores no difference tells apart, and the smallest difference that a task can tell.

Every two of k scores are compared, each at the level ``1 - 0.05 / m`` of the m = k (k - 1) / 2 comparisons (Bonferroni), so that the
chance of any false difference among them is at most 5 %. Scores that no comparison tells apart form a group of ties; one score may be in
several, since a tie is not transitive.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from vidbench.rendering.numbers import counted, score_text
from vidbench.results.difference_intervals import degrees_of, interval_of_difference
from vidbench.results.schema import MetricRecord
from vidmetrics.statistics.intervals import variance_interval

ERROR_RATE, POWER = 0.05, 0.80
"""Chance of any false difference among the scores of a group; chance to find a difference of the smallest size that a task resolves."""


@dataclass(frozen=True)
class Resolution:
    """The smallest difference that two results of a task are told apart by.

    Attributes:
        difference: true difference that a single comparison at the 5 % level finds with 80 %.
        paired: whether the results are compared in pairs.
        of_pairs: number of pairs of results that the noise was taken from, of which it is the median; 0 if it is that of two
            independent results, each as noisy as the only one.
    """

    difference: float
    paired: bool
    of_pairs: int


@dataclass(frozen=True)
class Ties:
    """Groups of ties among scores, best first.

    Attributes:
        letters: for each score the letters of its groups; scores that share one are tied.
        comparisons: number of comparisons that the level allows for.
        level: of the interval of each difference.
    """

    letters: tuple[str, ...]
    comparisons: int
    level: float


def tie_groups(count: int, differing: Collection[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Return the largest groups without a difference between any two members, ordered by their members.

    Insert and absorb (Piepho, Journal of Computational and Graphical Statistics 13, 2004, 456-466): each difference splits every
    group that holds both sides; a group within another goes.

    >>> tie_groups(3, {(0, 2)})
    [(0, 1), (1, 2)]

    Args:
        count: number of scores.
        differing: places of each two that differ.
    """
    groups = [frozenset(range(count))]
    for a, b in sorted(differing):
        split = [part for each in groups for part in ((each - {a}, each - {b}) if {a, b} <= each else (each,))]
        groups = [each for each in dict.fromkeys(split) if not any(each < other for other in split)]
    return sorted(tuple(sorted(each)) for each in groups)


def ties_among(records: Sequence[MetricRecord]) -> Ties | None:
    """Return the ties of scores of one metric, best first; None for fewer than two, or if one has no interval."""
    if len(records) < 2 or any(record.interval is None for record in records):
        return None
    places = list(itertools.combinations(range(len(records)), 2))
    level = 1 - ERROR_RATE / len(places)
    differing = {(a, b) for a, b in places if _differ(records[a], records[b], level)}
    groups = tie_groups(len(records), differing)
    letters = [
        "".join(_letter(i) for i, members in enumerate(groups) if place in members) for place in range(len(records))
    ]
    return Ties(tuple(letters), len(places), level)


def resolution(records: Sequence[MetricRecord]) -> Resolution | None:
    """Return the smallest difference that results like these are told apart by; None if none has an interval, or they do not scatter.

    A difference with standard error s and f degrees of freedom is found at the 5 % level if it exceeds t(0.975, f) s; a true
    difference of (t(0.975, f) + t(0.8, f)) s is, with 80 %. The noise is that of each two results, paired where their groups correspond,
    and its median; of one result, that of two independent ones like it.
    """
    found = [record for record in records if record.interval is not None]
    if not found:
        return None
    pairs = list(itertools.combinations(found, 2))
    alone = found[0].model_copy(update={"groups_sha256": None})
    of_each = [_resolved(a, b) for a, b in pairs or [(alone, alone)]]
    difference = statistics.median(each for each, _ in of_each)
    return Resolution(difference, all(paired for _, paired in of_each), len(pairs)) if difference else None


def _resolved(a: MetricRecord, b: MetricRecord) -> tuple[float, bool]:
    """Return the smallest difference that a comparison of two results with intervals finds, and whether it is of pairs."""
    interval, paired = interval_of_difference(a, b)
    if interval is None:
        return 0.0, paired
    degrees = min(degrees_of(a), degrees_of(b))
    # The wider arm: an interval that was clipped to the range of the metric says less on that side.
    half = max(interval[1] - (b.value - a.value), (b.value - a.value) - interval[0])
    return half * (1 + _quantile(POWER, degrees) / _quantile(1 - ERROR_RATE / 2, degrees)), paired


def _quantile(share: float, degrees: float) -> float:
    return variance_interval(0, 1, degrees, 2 * share - 1)[1]


def _differ(a: MetricRecord, b: MetricRecord, level: float) -> bool:
    interval, _ = interval_of_difference(a, b, level)
    return interval is not None and (interval[0] > 0 or interval[1] < 0)


def _letter(i: int) -> str:
    """Return a to z, then a1, b1 and so on."""
    turn, letter = divmod(i, 26)
    return f"{chr(ord('a') + letter)}{turn or ''}"


def resolution_sentence(found: Resolution, best: float, num_samples: int) -> str:
    """Return what a task resolves, in words.

    Args:
        found: the smallest difference.
        best: the best of the values, that the difference is a share of.
        num_samples: number of samples of each result.
    """
    share = (
        f" ({100 * found.difference / abs(best):.0f} % of {score_text(best)})" if math.isfinite(best) and best else ""
    )
    kind = "paired, " if found.paired else "independent, " if found.of_pairs else ""
    noise = (
        f"{kind}median noise of {counted(found.of_pairs, 'pair')} of rows"
        if found.of_pairs
        else "two independent results as noisy as this one"
    )
    return (
        f"Smallest difference resolved at N = {num_samples:,}: {score_text(found.difference)}{share}, found with "
        f"{100 * POWER:.0f} % power by one comparison at the {100 * ERROR_RATE:.0f} % level; {noise}."
    )


def ties_sentence(found: Ties) -> str:
    """Return what the letters of a group say, in words."""
    return (
        f"Ties: rows that share a letter do not differ beyond the noise of {counted(found.comparisons, 'comparison')} "
        f"({100 * (1 - ERROR_RATE):.0f} % together, Bonferroni)."
    )
