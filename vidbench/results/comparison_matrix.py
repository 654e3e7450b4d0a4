"""Many results against each other, metric by metric, at a level that allows for the number of comparisons."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from vidbench.errors import InputError
from vidbench.results.comparability import obstacles
from vidbench.results.comparison import Difference, metric_difference
from vidbench.results.schema import Result


@dataclass(frozen=True)
class Pair:
    """Two results on one metric.

    Attributes:
        a, b: their places in the list of results.
        difference: of their values, with an interval of the level of the matrix; None if they are not comparable.
        obstacles: each reason why they are not.
    """

    a: int
    b: int
    difference: Difference | None
    obstacles: tuple[str, ...]


@dataclass(frozen=True)
class Matrix:
    """All pairs of the results that have a metric.

    Attributes:
        metric: metric id.
        places: places of the results that have it, best first.
        level: of each interval, so that all of them together cover with 95 % (Bonferroni).
        pairs: one for each two of them, the better first.
    """

    metric: str
    places: tuple[int, ...]
    level: float
    pairs: tuple[Pair, ...]


def compare_many(results: Sequence[Result]) -> list[Matrix]:
    """Compare every two of at least two results on every metric that two of them have.

    Of m pairs each gets an interval of level ``1 - 0.05 / m``: the chance that any of them misses is then at most 5 %, whatever they
    share (Bonferroni's inequality).

    Raises:
        InputError: no two results have a metric in common.
    """
    matrices = []
    for name in dict.fromkeys(name for result in results for name in result.metrics):
        records = {place: result.metrics[name] for place, result in enumerate(results) if name in result.metrics}
        if len(records) < 2:
            continue
        sign = -1 if next(iter(records.values())).higher_is_better else 1
        places = sorted(records, key=lambda place: sign * records[place].value)
        level = 1 - 0.05 / (len(places) * (len(places) - 1) // 2)
        pairs = []
        for a, b in itertools.combinations(places, 2):
            found = obstacles(results[a], results[b], name)
            difference = None if found else metric_difference(name, records[a], records[b], level)
            pairs.append(Pair(a, b, difference, tuple(found)))
        matrices.append(Matrix(name, tuple(places), level, tuple(pairs)))
    if not matrices:
        raise InputError("No two of these results have a metric in common; name results of one task.")
    return matrices
