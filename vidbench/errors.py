"""`InputError`, raised for bad input everywhere; see `vidmetrics.errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidmetrics.errors import InputError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["InputError", "first_problem", "problem_text"]


def first_problem(error: ValidationError) -> tuple[str, str]:
    """Return the first violation of a schema: its place, e.g. ``"metrics.fvd.value"``, and the problem, each on one line."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the document"
    return place, problem_text(problem)


def problem_text(problem: ErrorDetails) -> str:
    """Return what is wrong in one place of a document that violates a schema, on one line, without a full stop."""
    return " ".join(problem["msg"].removeprefix("Value error, ").split())
