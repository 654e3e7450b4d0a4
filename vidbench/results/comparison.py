"""Comparison of two results: the difference of each score, whether it exceeds the noise, and why they may not be comparable."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from vidbench.results.schema import MetricRecord, NetworkRecord, Result, SplitRecord, read_result


@dataclass(frozen=True)
class Difference:
    """One metric in two results.

    Attributes:
        metric: metric id.
        a, b: the two values.
        difference: ``b - a``.
        interval: 95 % confidence interval of the difference; None if either value has none.
        exceeds_noise: whether the interval excludes 0; None without an interval.
        better: ``"a"`` or ``"b"``, the side with the better value; None if the values are equal.
    """

    metric: str
    a: float
    b: float
    difference: float
    interval: tuple[float, float] | None
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
        differences=tuple(_difference(name, a.metrics[name], b.metrics[name]) for name in shared),
        obstacles=tuple(_obstacles(a, b, shared)),
        remarks=tuple(_remarks(a, b)),
    )


def difference_interval(
    a: float, a_interval: tuple[float, float], b: float, b_interval: tuple[float, float]
) -> tuple[float, float]:
    """Return the 95 % confidence interval of ``b - a`` from the intervals of two independent estimates.

    The method of variance estimates recovery (Zou and Donner, Statistics in Medicine 27, 2008, 1693-1702, equation 7): each
    limit combines the arms of the two intervals that face it, so asymmetric intervals give an asymmetric result. For
    symmetric intervals this is the root of the summed squares.
    """
    difference = b - a
    low = difference - math.hypot(b - b_interval[0], a_interval[1] - a)
    high = difference + math.hypot(b_interval[1] - b, a - a_interval[0])
    return low, high


def _difference(name: str, a: MetricRecord, b: MetricRecord) -> Difference:
    interval = None
    if a.interval is not None and b.interval is not None:
        interval = difference_interval(a.value, a.interval, b.value, b.interval)
    better = None if a.value == b.value else "b" if (b.value > a.value) == a.higher_is_better else "a"
    exceeds = None if interval is None else interval[0] > 0 or interval[1] < 0
    return Difference(name, a.value, b.value, b.value - a.value, interval, exceeds, better)


def _obstacles(a: Result, b: Result, shared: list[str]) -> list[str]:
    found = _task_obstacles(a, b)
    if a.pixels.convention != b.pixels.convention:
        found.append(
            f"The pixel conventions differ: frames were converted to RGB by '{a.pixels.convention}' in A and by "
            f"'{b.pixels.convention}' in B."
        )
    for name in sorted(set(a.metrics) ^ set(b.metrics)):
        found.append(f"Only {'A' if name in a.metrics else 'B'} has the metric {name}.")
    for name in shared:
        found += _metric_obstacles(name, a.metrics[name], b.metrics[name])
    for name in sorted(set(a.networks) & set(b.networks)):
        found += _network_obstacles(name, a.networks[name], b.networks[name])
    same_frames = a.data.manifest == b.data.manifest == "scan" and a.data.manifest_sha256 == b.data.manifest_sha256
    found += _data_obstacles("reference", a.data.reference, b.data.reference, same_frames)
    found += _data_obstacles("evaluation", a.data.evaluation, b.data.evaluation, same_frames)
    if a.official != b.official:
        side, result = ("A", a) if not a.official else ("B", b)
        found.append(f"Only {side} is unofficial: {' '.join(result.reasons) or 'no reason is recorded.'}")
    elif set(a.reasons) != set(b.reasons):
        found += [f"Only A is unofficial because: {reason}" for reason in a.reasons if reason not in b.reasons]
        found += [f"Only B is unofficial because: {reason}" for reason in b.reasons if reason not in a.reasons]
    return found


def _task_obstacles(a: Result, b: Result) -> list[str]:
    if a.task.name != b.task.name:
        return [f"The tasks differ: {a.task.name} and {b.task.name}."]
    if a.task.version != b.task.version:
        return [f"The versions of {a.task.name} differ: {a.task.version} and {b.task.version}."]
    if a.task.fingerprint != b.task.fingerprint:
        return [
            f"The fingerprints of {a.task.name} v{a.task.version} differ: {a.task.fingerprint[:12]} and "
            f"{b.task.fingerprint[:12]}: two different protocols have the same name."
        ]
    return []


def _metric_obstacles(name: str, a: MetricRecord, b: MetricRecord) -> list[str]:
    found = []
    if a.num_samples != b.num_samples:
        found.append(
            f"{name} is over {a.num_samples} samples in A and {b.num_samples} in B; its bias depends on that number."
        )
    if a.num_reference != b.num_reference:
        found.append(f"{name} uses {a.num_reference} reference clips in A and {b.num_reference} in B.")
    if a.network != b.network:
        found.append(f"{name} was measured on {a.network} in A and on {b.network} in B.")
    return found


def _network_obstacles(name: str, a: NetworkRecord, b: NetworkRecord) -> list[str]:
    found = []
    if a.weights_sha256 != b.weights_sha256:
        found.append(f"The weights of {name} differ: {a.weights_sha256[:12]} and {b.weights_sha256[:12]}.")
    if a.preprocessing != b.preprocessing:
        found.append(f"The preprocessing of {name} differs: {a.preprocessing} and {b.preprocessing}.")
    if a.precision != b.precision:
        found.append(f"{name} ran with precision {a.precision} in A and {b.precision} in B.")
    if a.proven != b.proven:
        found.append(f"The weights of {name} are proven only in {'A' if a.proven else 'B'}.")
    return found


def _data_obstacles(part: str, a: SplitRecord, b: SplitRecord, same_frames: bool) -> list[str]:
    found = []
    if a.split != b.split:
        found.append(f"The {part} clips are from the split {a.split} in A and {b.split} in B.")
    # Different files, e.g. in another container, may contain the same frames; only a scan can tell.
    if a.sha256 != b.sha256 and not same_frames:
        found.append(f"The {part} clips differ: {a.sha256[:12]} and {b.sha256[:12]}.")
    if a.coverage != b.coverage:
        found.append(f"{a.coverage:.2%} of the {part} clips were available in A and {b.coverage:.2%} in B.")
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
