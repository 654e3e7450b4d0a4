"""Comparison of two results: the difference of each score, whether it exceeds the noise, and why they may not be comparable."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidbench.results.comparability import network_obstacles, obstacles, protocol_obstacles
from vidbench.results.difference_intervals import interval_of_difference
from vidbench.results.schema import MetricRecord, Result, read_result


@dataclass(frozen=True)
class Difference:
    """One metric in two results.

    Attributes:
        metric: metric id.
        a, b: the two values.
        difference: ``b - a``.
        interval: confidence interval of the difference, 95 % unless another level is requested; None if either value has none.
        paired: whether the interval is that of pairs: clips of the same contexts left out of both sides together.
        exceeds_noise: whether the interval excludes 0; None without an interval.
        better: ``"a"`` or ``"b"``, the side with the better value; None if the values are equal.
    """

    metric: str
    a: float
    b: float
    difference: float
    interval: tuple[float, float] | None
    paired: bool
    exceeds_noise: bool | None
    better: str | None


@dataclass(frozen=True)
class Comparison:
    """Two results side by side.

    Attributes:
        differences: one for each metric that both have.
        obstacles: each reason why the two are not comparable; empty if they are.
        remarks: other differences, which do not affect comparability.
    """

    differences: tuple[Difference, ...]
    obstacles: tuple[str, ...]
    remarks: tuple[str, ...]

    @property
    def comparable(self) -> bool:
        """Whether the two results are comparable."""
        return not self.obstacles


def load(path: Path) -> Result:
    """Read a result file, or the ``result.json`` in a run folder."""
    return read_result(path)


def compare_results(a: Result, b: Result) -> Comparison:
    """Compare two results; their order only affects the sign of the differences."""
    shared = [name for name in a.metrics if name in b.metrics]
    return Comparison(
        differences=tuple(metric_difference(name, a.metrics[name], b.metrics[name]) for name in shared),
        obstacles=tuple(_obstacles(a, b, shared)),
        remarks=tuple(_remarks(a, b)),
    )


def regressions(found: Comparison, max_regression: float) -> tuple[str, ...]:
    """Return a sentence for each metric whose value is worse in B, beyond the noise and beyond what is allowed.

    Args:
        found: a comparison of an earlier result A with a new one, B.
        max_regression: share of A's value by which B may be worse, at least 0. A value without an interval counts as free of noise.
    """
    return tuple(
        f"{each.metric} is worse in B: {each.b:.6g} after {each.a:.6g}, {abs(each.difference / each.a):.2%} of A "
        f"where {max_regression:.2%} is allowed."
        if each.a
        else f"{each.metric} is worse in B: {each.b:.6g} after 0."
        for each in found.differences
        if each.better == "a"
        and each.exceeds_noise is not False
        and abs(each.difference) > max_regression * abs(each.a)
    )


def metric_difference(name: str, a: MetricRecord, b: MetricRecord, level: float = 0.95) -> Difference:
    """Return the difference of one metric, with an interval of a level."""
    interval, paired = interval_of_difference(a, b, level)
    better = None if a.value == b.value else "b" if (b.value > a.value) == a.higher_is_better else "a"
    exceeds = None if interval is None else interval[0] > 0 or interval[1] < 0
    return Difference(name, a.value, b.value, b.value - a.value, interval, paired, exceeds, better)


def _obstacles(a: Result, b: Result, shared: list[str]) -> list[str]:
    found = protocol_obstacles(a, b)
    for name in sorted(set(a.metrics) ^ set(b.metrics)):
        found.append(f"Only {'A' if name in a.metrics else 'B'} has the metric {name}.")
    # Metric by metric, what does not depend on the metric once.
    for name in shared:
        found += [each for each in obstacles(a, b, name) if each not in found]
    return found


def _remarks(a: Result, b: Result) -> list[str]:
    found = []
    if not a.official and not b.official and set(a.reasons) == set(b.reasons):
        found.append(f"Both are unofficial: {' '.join(a.reasons)}")
    if a.seed != b.seed:
        found.append(f"The samples have different seeds: {a.seed} and {b.seed}.")
    if a.model == b.model:
        found.append("Both have the same model, code and weights.")
    for name in sorted(a.networks.keys() & b.networks.keys()):
        digests = a.networks[name].weights_sha256, b.networks[name].weights_sha256
        if digests[0] != digests[1] and not network_obstacles(name, a, b):
            found.append(f"The files of the weights of {name} differ, and both hold the published weights.")
        ours, theirs = a.networks[name].implementation, b.networks[name].implementation
        if ours != theirs:
            found.append(
                f"{name} ran with {ours} arithmetic in A and {theirs} in B, both within the bound of their precision."
            )
    for name in type(a.environment).model_fields:
        ours, theirs = getattr(a.environment, name), getattr(b.environment, name)
        if ours != theirs:
            found.append(f"{name} differs: {ours} and {theirs}.")
    return found
