"""What a command of the table of malformed inputs did wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from tests.abuse.case import Case
from tests.abuse.runner import Limits, Outcome, run_limited


def judge(case: Case, folder: Path, run: Callable[..., Outcome] = run_limited) -> list[str]:
    """Run a case in an empty folder and return one sentence per fault of the command, none if it did what it must."""
    arguments = case.make(folder)
    (folder / "home").mkdir(exist_ok=True)
    (folder / "tmp").mkdir(exist_ok=True)
    before = hidden_entries(folder)
    out_before, theirs_before = _contents(folder / "out"), _contents(folder / "theirs")
    outcome = run(arguments, folder, case.environment)
    found = _faults_of_output(case, outcome)
    left = sorted(hidden_entries(folder) - before)
    if left:
        found.append(f"temporary files are left: {left[:5]}")
    if temporary := sorted(path.name for path in (folder / "tmp").iterdir()):
        found.append(f"files are left in the folder of temporary files: {temporary[:5]}")
    if outcome.orphans:
        found.append(f"processes are left: {outcome.orphans}")
    if case.exit_code == 2 and _contents(folder / "out") != out_before:
        changed = sorted(set(_contents(folder / "out").items()) ^ set(out_before.items()))
        found.append(f"the output folder has changed: {sorted({name for name, _ in changed})[:5]}")
    if _contents(folder / "theirs") != theirs_before:
        found.append("a file of somebody else has changed")
    if found:
        found.append(f"arguments: {arguments}\nstdout: {outcome.stdout[-1000:]}\nstderr: {outcome.stderr[-3000:]}")
    return found


def _faults_of_output(case: Case, outcome: Outcome) -> list[str]:
    found = []
    if outcome.code is None:
        found.append("it did not end in time")
    elif outcome.code != case.exit_code:
        found.append(f"it ended with code {outcome.code}, not {case.exit_code}")
    if max(len(outcome.stdout), len(outcome.stderr)) > Limits().output_bytes:
        found.append("it printed more than the limit")
    text = outcome.stderr if case.exit_code == 2 else outcome.stderr + outcome.stdout
    if case.word not in text:
        found.append(f"nothing says {case.word!r}")
    if "Traceback" in outcome.stderr:
        found.append("it printed a traceback")
    if "\x1b" in text:
        found.append("it printed an escape sequence")
    if case.exit_code == 2:
        lines = outcome.stderr.splitlines()
        if sum(line.startswith("Error: ") for line in lines) != 1 or not lines[-1].startswith("Error: "):
            found.append("stderr does not end in one sentence that starts with 'Error: '")
        if outcome.stdout:
            found.append("it printed to stdout")
    return found


def hidden_entries(folder: Path) -> set[str]:
    """Return the hidden entries of a folder and its sub-folders, which is what temporary names look like."""
    found = set()
    for root, folders, files in os.walk(folder):
        found |= {os.path.relpath(os.path.join(root, name), folder) for name in folders + files if name[0] == "."}  # noqa: PTH118
    return found


def _contents(folder: Path) -> dict[str, int]:
    """Return the files of a folder with a number that changes with their contents; a missing folder is empty."""
    if folder.is_file():
        return {"": hash(folder.read_bytes())}
    found = {}
    for root, _, files in os.walk(folder):
        for name in files:
            path = Path(root, name)
            found[os.path.relpath(path, folder)] = hash(path.read_bytes()) if path.is_file() else 0
    return found
