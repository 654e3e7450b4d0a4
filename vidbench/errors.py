"""`InputError`, raised for bad input everywhere; see `vidmetrics.errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vidmetrics.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

__all__ = ["InputError", "LackingError", "MissingSplitError", "first_problem", "problem_text"]


class LackingError(InputError):
    """Several things are missing for a run; the command line prints one line for each.

    Attributes:
        head: how many are missing, as a clause.
        lines: one line for each, with what brings it.
        advice: what to do, as a clause.
    """

    def __init__(self, head: str, lines: tuple[str, ...], advice: str) -> None:
        self.head, self.lines, self.advice = head, lines, advice
        told = "; ".join(" ".join(line.split()) for line in lines)
        super().__init__(f"{head} ({told}): {advice}.")


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
