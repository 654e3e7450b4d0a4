"""Run the suite on an implementation, and diagnose failures as known mistakes."""

from __future__ import annotations

import importlib
import inspect
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vidmetrics.conformance.kinds import Answer, Implementation, as_answer
from vidmetrics.conformance.mistakes import MISTAKES
from vidmetrics.conformance.vectors import Vector, deviation
from vidmetrics.errors import InputError

OURS = "vidmetrics.conformance.ours:implementation"

Verdict = Literal["passed", "failed", "error", "not offered"]

_CLOSE = 0.02
"""An answer is attributed to a mistake if it is this close to it, as a fraction of the mistake's effect."""

_ROUGHLY = 20.0
"""Rounding mistakes differ between machines: an error is attributed to one if its size agrees up to this factor."""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one vector.

    Attributes:
        vector: the question.
        verdict: "passed", "failed" (wrong answer), "error" (an exception, or not a number), "not offered".
        got: the answer, if any.
        deviation: deviation of the answer from the expected one, see `vectors.deviation`.
        message: message of an error.
        candidates: ids of known mistakes with this answer, the closest first.
    """

    vector: Vector
    verdict: Verdict
    got: Answer | None = None
    deviation: float | None = None
    message: str = ""
    candidates: tuple[str, ...] = ()


def load_implementation(target: str) -> Implementation:
    """Return the callable named ``package.module:callable``; the module may be in the current folder.

    Raises:
        InputError: the name has another form, the module cannot be imported, or it has no such callable with three
            arguments.
    """
    module_name, _, attribute = target.partition(":")
    if not attribute or not all(part.isidentifier() for part in module_name.split(".")):
        raise InputError(f"'{target}' does not name an implementation; write package.module:callable.")
    if module_name.endswith(".py"):
        raise InputError(f"'{target}' names a file; name its module, '{module_name.removesuffix('.py')}:{attribute}'.")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Implementation | None = getattr(importlib.import_module(module_name), attribute, None)
    except ImportError as error:
        raise InputError(f"The module '{module_name}' cannot be imported ({error}); install what it needs.") from error
    if not callable(found):
        raise InputError(f"The module '{module_name}' has no callable '{attribute}'; name one after the colon.")
    _refuse_other_arguments(target, found)
    return found


def _refuse_other_arguments(target: str, found: Implementation) -> None:
    """Refuse the metric itself in place of its adapter, which would be one error for each vector."""
    try:
        signature = inspect.signature(found)
    except (TypeError, ValueError):  # of some built-in functions
        return
    try:
        signature.bind("kind", {}, {})
    except TypeError as error:
        raise InputError(
            f"'{target}' takes {signature} and not (kind, inputs, parameters): name an adapter instead, as of_features or "
            "of_videos of vidmetrics.conformance.adapters makes of a function (real, fake); docs/ci.md shows one."
        ) from error


def check(vector: Vector, implementation: Implementation) -> Outcome:
    """Run one vector on an implementation.

    Raises:
        InputError: the inputs cannot be reproduced. Exceptions of the implementation are part of the outcome.
    """
    inputs = vector.inputs()
    try:
        given = implementation(vector.kind, inputs, dict(vector.parameters))
        if given is NotImplemented:
            return Outcome(vector, "not offered")
        got = as_answer(vector.kind, given)
    except Exception as error:  # noqa: BLE001,RUF100 - the implementation may raise anything
        first_line = (str(error).splitlines() or [""])[0]
        return Outcome(vector, "error", message=f"{type(error).__name__}: {first_line}{_place(error)}")
    distance = deviation(got, vector.expected)
    if distance <= vector.tolerance:
        return Outcome(vector, "passed", got, distance)
    return Outcome(vector, "failed", got, distance, candidates=diagnose(vector, got))


def _place(error: BaseException) -> str:
    """Return the innermost line of an exception, or nothing if it was raised here, by an answer that is no number."""
    innermost = traceback.extract_tb(error.__traceback__)[-1]
    path = Path(innermost.filename)
    return "" if path.parent == Path(__file__).parent else f" ({path.name}, line {innermost.lineno})"


def nothing_tested(outcomes: Iterable[Outcome]) -> bool:
    """Return whether the implementation offered none of the kinds, so that nothing is known about it."""
    return all(outcome.verdict == "not offered" for outcome in outcomes)


def errors(outcomes: Iterable[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """Return each message of an error with the outcomes that have it, in order of the first."""
    by_message: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.verdict == "error":
            by_message.setdefault(outcome.message, []).append(outcome)
    return list(by_message.items())


def run_suite(
    vectors: Iterable[Vector], implementation: Implementation, advance: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """Run all vectors on an implementation, calling ``advance`` with each outcome."""

    def each() -> Iterator[Outcome]:
        for vector in vectors:
            outcome = check(vector, implementation)
            advance(outcome)
            yield outcome

    return list(each())


def diagnose(vector: Vector, got: Answer) -> tuple[str, ...]:
    """Return the ids of the known mistakes with this answer, the closest first; empty if none is close."""
    error = deviation(got, vector.expected)
    exact: list[tuple[float, str]] = []
    rough: list[tuple[float, str]] = []
    for name, answer in vector.mistakes.items():
        effect = deviation(answer, vector.expected)
        distance = deviation(got, answer)
        if MISTAKES[name].rounding:
            if effect / _ROUGHLY <= error <= effect * _ROUGHLY:
                rough.append((max(error / effect, effect / error), name))
        elif distance <= max(vector.tolerance, _CLOSE * min(effect, 1.0)):
            exact.append((distance, name))
    return tuple(name for _, name in sorted(exact) + sorted(rough))


def explanations(outcomes: Iterable[Outcome]) -> list[tuple[str, list[Outcome]]]:
    """Return a small set of mistakes that explains the failed vectors: each mistake with the outcomes it explains.

    Greedy: a mistake that can explain many failures is the more likely cause of each. Failures without a candidate are
    omitted.
    """
    left = [outcome for outcome in outcomes if outcome.candidates]
    found = []
    while left:
        votes = Counter(name for outcome in left for name in outcome.candidates)
        # Ties are broken by the best rank among the candidates of any failure.
        ranks = {name: min(o.candidates.index(name) for o in left if name in o.candidates) for name in votes}
        best = min(votes, key=lambda name: (-votes[name], ranks[name], name))
        found.append((best, [outcome for outcome in left if best in outcome.candidates]))
        left = [outcome for outcome in left if best not in outcome.candidates]
    return found


def unexplained(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the failures without a known mistake."""
    return [outcome for outcome in outcomes if outcome.verdict == "failed" and not outcome.candidates]
