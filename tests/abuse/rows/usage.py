"""Misspelt commands, options and names."""

from __future__ import annotations

from tests.abuse.case import Case


def _typed(line: str):
    return lambda folder: line.split()


# Command line, and what the message must contain.
_LINES = (
    ("evalute", "did you mean 'evaluate'?"),
    ("evaluate", "--model"),
    ("evaluate --model noise", "--task"),
    ("evaluate --model dvdgna --task shapes-gen --output out", "did you mean 'dvdgan'?"),
    ("evaluate --model noise --task shapes-gan --output out", "did you mean 'shapes-gen'?"),
)

CASES = tuple(Case(line, _typed(line), word) for line, word in _LINES)
