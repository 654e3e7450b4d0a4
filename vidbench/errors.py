"""`InputError`, raised for bad input everywhere; see `vidmetrics.errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidmetrics.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["InputError", "MissingSplitError", "first_problem", "problem_text"]


def first_problem(error: ValidationError) -> tuple[str, str]:
    """Return the first violation of a schema: its place, e.g. ``"metrics.fvd.value"``, and the problem, each on one line."""
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the document"
    return place, problem_text(problem)


def problem_text(problem: ErrorDetails) -> str:
    """Return what is wrong in one place of a document that violates a schema, on one line, without a full stop."""
    return " ".join(problem["msg"].removeprefix("Value error, ").split())


class MissingSplitError(InputError):
    """A data folder has no folder of a split.

    Attributes:
        fact: what is missing and what is there, without what to do.
        folder: where the videos of the split belong.
    """

    def __init__(self, root: Path, split: str, present: str) -> None:
        """Say what is missing."""
        self.fact = f"The data folder '{root}' has no split '{split}' (found: {present})"
        self.folder = root / split
        super().__init__(
            f"{self.fact}: name another with --data DIR, or put the videos of the split in '{self.folder}', in a layout of "
            "`docs/data.md`."
        )
