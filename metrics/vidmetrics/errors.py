"""The one exception that bad input raises in every package of the project, and the sentence for a wrong name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something given by the user cannot be used.

    The message is one sentence for a person: what is wrong, where, and what to do. The command line prints it
    to stderr without a traceback and exits with code 2.
    """


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the sentence that says a name is unknown, with the nearest known one if any is near."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'? Known" if near else "known"
    return f"Unknown {kind} '{name}'; {hint}: {', '.join(names)}."
