"""Bad input raises `InputError` everywhere; see `vidmetrics.errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidmetrics.errors import InputError

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["InputError", "first_problem"]


def first_problem(error: ValidationError) -> tuple[str, str]:
    """Return where a document first breaks its schema, ``"metrics.fvd.value"`` for example, and how; both on one line."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the document"
    return place, " ".join(problem["msg"].removeprefix("Value error, ").split())
