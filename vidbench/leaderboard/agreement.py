"""Whether a result that was computed again has the values of the first, and how far they may differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from vidbench.leaderboard.ranking import printed_alike
from vidbench.leaderboard.verification import EQUAL
from vidbench.results.schema import EnvironmentRecord, Result

_FAST, _FAST_ON_CPU = 1e-3, 1e-2


@dataclass(frozen=True)
class Tolerance:
    """How far a value may differ.

    Attributes:
        relative: share of the value of the metric; 0 for equal bits.
        as_printed: whether a difference of a unit of the last digit that boards print is none either.
        why: where the bound comes from, in words.
    """

    relative: float
    as_printed: bool
    why: str

    def covers(self, one: float, other: float, scale: float) -> bool:
        """Return whether two values are the same within the bound.

        Args:
            one: a value.
            other: the other.
            scale: the value that `relative` is a share of, if it is larger than both: an end of an interval is as exact as its value.
        """
        if one == other or abs(one - other) <= self.relative * max(abs(one), abs(other), abs(scale)):
            return True
        return self.as_printed and printed_alike(one, other)


@dataclass(frozen=True)
class ValueAgain:
    """One number of a result.

    Attributes:
        name: what it is, such as ``"fvd-shapes"`` or ``"fvd-shapes floor"``.
        claimed: its value in the result.
        again: its value now; None if it was not measured.
        agrees: whether they are the same within the tolerance.
    """

    name: str
    claimed: float
    again: float | None
    agrees: bool


def tolerance(claimed: Result, again: Result, given: float | None = None) -> Tolerance:
    """Return how far the values of a result that was made again may differ.

    Args:
        claimed: the result.
        again: the same, made again.
        given: a relative bound that the user chose.
    """
    if given is not None:
        return Tolerance(given, False, "as given")
    kinds = [
        {(each.precision, each.implementation) for each in result.networks.values()} for result in (claimed, again)
    ]
    if claimed.environment == again.environment and kinds[0] == kinds[1]:
        return Tolerance(0.0, False, "the versions, the platform and the device are the same, so every bit must be")
    others = "another " + ", ".join(
        name
        for name in EnvironmentRecord.model_fields
        if getattr(claimed.environment, name) != getattr(again.environment, name)
    )
    if any(precision == "fast" for of_result in kinds for precision, _ in of_result):
        on_cpu = "cpu" in (claimed.environment.device, again.environment.device)
        return Tolerance(_FAST_ON_CPU if on_cpu else _FAST, False, f"precision 'fast', {others}")
    if claimed.model.samples_sha256 is not None:
        return Tolerance(EQUAL, False, f"stored samples, precision 'exact', {others}")
    return Tolerance(EQUAL, True, f"samples are made again, {others}")


def values_again(claimed: Result, again: Result, bound: Tolerance) -> tuple[ValueAgain, ...]:
    """Compare every number that a result states about its metrics with the same of a result that was made again.

    Ends of intervals are left out where other pixels are no difference: the groups of an interval are drawn by the bytes of the clips.
    """
    now = {name: value for name, value, _ in _values(again)}
    return tuple(
        ValueAgain(name, value, now.get(name), name in now and bound.covers(value, now[name], scale))
        for name, value, scale in _values(claimed)
        if not (bound.as_printed and " interval " in name)
    )


def in_last_digits(values: Iterable[ValueAgain], bound: Tolerance) -> bool:
    """Return whether bits were required and all that differs does so as between two processors."""
    close = replace(bound, relative=EQUAL)
    wrong = [value for value in values if not value.agrees]
    return bound.relative == 0 and all(
        value.again is not None and close.covers(value.claimed, value.again, value.claimed) for value in wrong
    )


def _values(result: Result) -> Iterator[tuple[str, float, float]]:
    """Yield the name and the value of each number, and the scale of its rounding."""
    for id, metric in result.metrics.items():
        yield id, metric.value, 0.0
        for number, value in enumerate(metric.runs or ()):
            yield f"{id} run {number}", value, 0.0
        for end, value in zip(("low", "high"), metric.interval or (), strict=False):
            yield f"{id} interval {end}", value, metric.value
        for bound, bounding in (("floor", metric.floor), ("ceiling", metric.ceiling)):
            if bounding is not None:
                yield f"{id} {bound}", bounding, 0.0
        sets = result.floor_sets_of(id)
        for number, value in enumerate(() if sets is None else sets.values):
            yield f"{id} floor set {number}", value, 0.0
