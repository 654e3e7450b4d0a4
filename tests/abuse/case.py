"""One row of the table of malformed inputs, and the collection of all rows."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Case(NamedTuple):
    """One command that must end in a certain way.

    With exit code 2 the command must print one sentence that starts with ``Error: ``, and leave ``out`` as it was. With
    another code (0: a warning; 1: a check said no) it may write there, and the word may be on either stream.

    Args:
        name: unique in its file.
        make: writes the input files below the folder, which is also the current folder of the command, and returns the
            arguments of ``vidbench``. Outputs belong below ``folder / "out"``, or are given as ``out/...``. Files below ``folder / "theirs"`` must stay as they are.
        word: what the message must contain; it names the fault.
        exit_code: expected exit code.
        environment: further variables of the environment; None removes one.
    """

    name: str
    make: Callable[[Path], list[str]]
    word: str
    exit_code: int = 2
    environment: dict[str, str | None] = {}  # noqa: RUF012 - never changed


def all_cases() -> dict[str, Case]:
    """Return the rows of every file of ``rows/``, by ``subject:name``."""
    cases: dict[str, Case] = {}
    for file in sorted((Path(__file__).parent / "rows").glob("*.py")):
        if file.stem.startswith("_"):
            continue
        rows: tuple[Case, ...] = importlib.import_module(f"tests.abuse.rows.{file.stem}").CASES
        for case in rows:
            name = f"{file.stem}:{case.name}"
            if name in cases:
                raise ValueError(f"two cases are named {name}")
            cases[name] = case
    return cases
