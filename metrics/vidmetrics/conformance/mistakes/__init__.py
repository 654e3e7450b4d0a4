"""Known mistakes as code: the answers of an implementation with one mistake.

`vidbench conformance --implementation vidmetrics.conformance.mistakes:ddof_0` runs the suite on ours with that one
mistake; this works for every id, with underscores for hyphens.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from vidmetrics.conformance.kinds import Implementation
from vidmetrics.conformance.mistakes.distances import DISTANCE_MISTAKES
from vidmetrics.conformance.mistakes.feature_extraction import FEATURE_MISTAKES
from vidmetrics.conformance.mistakes.mistake import Arrays, Mistake
from vidmetrics.conformance.mistakes.resizing import RESIZE_MISTAKES
from vidmetrics.conformance.mistakes.scores import SCORE_MISTAKES
from vidmetrics.conformance.mistakes.transformers import TRANSFORMER_MISTAKES
from vidmetrics.conformance.mistakes.whole_metrics import WHOLE_METRIC_MISTAKES

__all__ = ["MISTAKES", "Mistake", "with_mistake"]


def _joined() -> dict[str, Mistake]:
    joined: dict[str, Mistake] = {}
    for group in (
        DISTANCE_MISTAKES,
        SCORE_MISTAKES,
        RESIZE_MISTAKES,
        FEATURE_MISTAKES,
        TRANSFORMER_MISTAKES,
        WHOLE_METRIC_MISTAKES,
    ):
        for name, mistake in group.items():
            # A mistake that affects several kinds, such as a wrong resize, is defined in several files.
            known = joined.get(name)
            answers = {**known.answers, **mistake.answers} if known else mistake.answers
            joined[name] = Mistake(known.title if known else mistake.title, answers, mistake.rounding)
    return joined


MISTAKES: Mapping[str, Mistake] = MappingProxyType(_joined())
"""All known mistakes by id."""


def with_mistake(name: str) -> Implementation:
    """Return our implementation with one known mistake; kinds that it does not affect are answered correctly."""
    from vidmetrics.conformance.ours import implementation

    answers = MISTAKES[name].answers

    def mistaken(kind: str, inputs: Arrays, parameters: dict[str, Any]) -> Any:
        return answers[kind](inputs, parameters) if kind in answers else implementation(kind, inputs, parameters)

    return mistaken


def __getattr__(name: str) -> Any:
    if name.replace("_", "-") in MISTAKES:
        return with_mistake(name.replace("_", "-"))
    raise AttributeError(f"module 'vidmetrics.conformance.mistakes' has no attribute '{name}'")
