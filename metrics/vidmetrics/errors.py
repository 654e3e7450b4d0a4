"""The exception that every package of the project raises for bad input, and the message for an unknown name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """User input that cannot be used.

    The message is one sentence: what is wrong, where, and what to do. The command line prints it to stderr without a
    traceback and exits with code 2.
    """


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the message for an unknown name, with the closest known one if it is similar; case and ``_`` do not matter."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    plain = {_plain(each): each for each in names}
    if _plain(name) in plain or not near:
        near = [plain[each] for each in difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.5)]
    hint = f"did you mean '{near[0]}'? Known" if near else "known"
    return f"Unknown {kind} '{name[:100]}'; {hint}: {', '.join(names)}."


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")
