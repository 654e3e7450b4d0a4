"""Running the suite on an implementation, and saying of what fails which known mistake it looks like."""

from __future__ import annotations

import importlib
import sys
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
"""An answer is that of a mistake where it is this close to it, as a share of what the mistake changes."""

_ROUGHLY = 20.0
"""Mistakes of rounding differ between machines: theirs is an error of the same size, up to this factor."""


@dataclass(frozen=True)
class Outcome:
    """What an implementation did with one vector.

    Attributes:
        vector: the question.
        verdict: "passed", "failed" (another answer), "error" (it raised, or gave no number), "not offered".
        got: its answer, if it gave one.
        deviation: distance of that answer from the expected one, see `vectors.deviation`.
        message: of an error.
        candidates: ids of known mistakes that give this answer, the nearest first.
    """

    vector: Vector
    verdict: Verdict
    got: Answer | None = None
    deviation: float | None = None
    message: str = ""
    candidates: tuple[str, ...] = ()


def load_implementation(target: str) -> Implementation:
    """Return the callable that ``package.module:callable`` names; modules of the current folder are found too.

    Raises:
        InputError: the text has another form, the module cannot be imported, or it has no such callable.
    """
    module_name, _, attribute = target.partition(":")
    if not attribute or not all(part.isidentifier() for part in module_name.split(".")):
        raise InputError(f"'{target}' does not name an implementation; write package.module:callable.")
    if "" not in sys.path and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    try:
        found: Implementation | None = getattr(importlib.import_module(module_name), attribute, None)
    except ImportError as error:
        raise InputError(f"The module '{module_name}' cannot be imported ({error}); install what it needs.") from error
    if not callable(found):
        raise InputError(f"The module '{module_name}' has no callable '{attribute}'; name one after the colon.")
    return found


def check(vector: Vector, implementation: Implementation) -> Outcome:
    """Put one question to an implementation.

    Raises:
        InputError: the inputs cannot be made as they were; whatever the implementation raises is part of the outcome.
    """
    inputs = vector.inputs()
    try:
        given = implementation(vector.kind, inputs, dict(vector.parameters))
        if given is NotImplemented:
            return Outcome(vector, "not offered")
        got = as_answer(vector.kind, given)
    except Exception as error:  # noqa: BLE001,RUF100 - anything may come out of code that is being judged
        first_line = (str(error).splitlines() or [""])[0]
        return Outcome(vector, "error", message=f"{type(error).__name__}: {first_line}")
    distance = deviation(got, vector.expected)
    if distance <= vector.tolerance:
        return Outcome(vector, "passed", got, distance)
    return Outcome(vector, "failed", got, distance, candidates=diagnose(vector, got))


def run_suite(
    vectors: Iterable[Vector], implementation: Implementation, advance: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """Put all questions to an implementation, calling ``advance`` with each outcome."""

    def each() -> Iterator[Outcome]:
        for vector in vectors:
            outcome = check(vector, implementation)
            advance(outcome)
            yield outcome

    return list(each())


def diagnose(vector: Vector, got: Answer) -> tuple[str, ...]:
    """Return the ids of the known mistakes that give this answer, the nearest first; none where none is near."""
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
    """Return the fewest mistakes that explain the failed vectors, greedily: the mistake, and what it explains.

    A mistake that can be the cause of many failures is the likelier cause of each; failures without any candidate are
    left out.
    """
    left = [outcome for outcome in outcomes if outcome.candidates]
    found = []
    while left:
        votes = Counter(name for outcome in left for name in outcome.candidates)
        # Of equally frequent ones, the one that is nearest where it is nearest.
        ranks = {name: min(o.candidates.index(name) for o in left if name in o.candidates) for name in votes}
        best = min(votes, key=lambda name: (-votes[name], ranks[name], name))
        found.append((best, [outcome for outcome in left if best in outcome.candidates]))
        left = [outcome for outcome in left if best not in outcome.candidates]
    return found


def unexplained(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the failures that look like no known mistake."""
    return [outcome for outcome in outcomes if outcome.verdict == "failed" and not outcome.candidates]
