"""Kill every writing command at random moments, run it again, and compare with a run that nothing disturbed.

    python -m tests.abuse.kills --number 100

The process alone is killed, with SIGKILL, so that whatever it started would be left behind.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.abuse.faults.commands import COMMANDS, Command, outcome
from tests.abuse.judge import hidden_entries
from tests.abuse.runner import end, kill_session, rest_of_session, run_limited, start

# What a command says whose killed predecessor had already finished.
_FINISHED = ("already exists", "is on the board already")
_ORPHAN_SECONDS = 5.0


class Calm(NamedTuple):
    """An undisturbed run of a command: its inputs, what it left, what of it is hidden, its exit code and its seconds."""

    template: Path
    files: dict[str, str]
    hidden: set[str]
    code: int
    seconds: float


class Killed(NamedTuple):
    """What became of one kill.

    Args:
        died: whether the process was still running.
        faults: what was wrong afterwards, one sentence each.
    """

    died: bool
    faults: tuple[str, ...]


def run_calmly(command: Command, folder: Path) -> Calm:
    """Prepare a command below a folder and run it undisturbed."""
    template, calm = folder / "template", folder / "calm"
    template.mkdir(parents=True)
    command.prepare(template)
    shutil.copytree(template, calm)
    with command.around():
        ended = run_limited(command.line.split(), calm)
    assert ended.code in (0, 1), ended.stderr
    return Calm(template, outcome(calm), hidden(calm), ended.code, ended.seconds)


def kill_and_repeat(command: Command, calm: Calm, folder: Path, after: float) -> Killed:
    """Run a command in a copy of its inputs, kill it after some seconds, run it again, and look at what is there."""
    shutil.copytree(calm.template, folder)
    started = start(command.line.split(), folder)
    time.sleep(after)
    with contextlib.suppress(ProcessLookupError):
        os.kill(started.process, signal.SIGKILL)
    ended = end(started, kill_rest=False)
    faults = []
    if left := rest_of_session(started.process, _ORPHAN_SECONDS):
        faults.append(f"processes are left: {left}")
        kill_session(started.process)
    again = run_limited(command.line.split(), folder)
    if again.code != calm.code and not (again.code == 2 and any(word in again.stderr for word in _FINISHED)):
        faults.append(f"the second run ended with {again.code}: {again.stderr[-500:]}")
    if "Traceback" in again.stderr:
        faults.append("the second run printed a traceback")
    files = outcome(folder)
    if files != calm.files:
        differing = sorted(name for name in files.keys() | calm.files.keys() if files.get(name) != calm.files.get(name))
        faults.append(f"other files than without the kill: {differing[:5]}")
    if left_over := hidden(folder) - calm.hidden:
        faults.append(f"hidden files are left: {sorted(left_over)[:5]}")
    return Killed(ended.code == -signal.SIGKILL, tuple(faults))


def hidden(folder: Path) -> set[str]:
    """Return the hidden files and folders below a folder, without those of the temporary folder."""
    return {name for name in hidden_entries(folder) if not name.startswith("tmp")}


def kill_many(command: Command, number: int, seed: int, folder: Path) -> list[Killed]:
    """Kill a command a number of times at seeded random moments of its run."""
    calm = run_calmly(command, folder)
    moments = random.Random(f"{seed}/{command.name}")
    found = []
    for attempt in range(number):
        after = moments.uniform(0, calm.seconds)
        with command.around():
            killed = kill_and_repeat(command, calm, folder / f"kill-{attempt}", after)
        faults = tuple(f"kill {attempt} after {after:.3f} s: {fault}" for fault in killed.faults)
        found.append(Killed(killed.died, faults))
    return found


def main() -> None:
    """Print a table, and every fault; exit 1 if there is one."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--number", type=int, default=100, help="kills of each command")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--only", default="", help="commands whose names contain this text")
    given = arguments.parse_args()
    faults = 0
    print(f"{'command':<22} {'kills':>5} {'in work':>7} {'faults':>6} {'seconds':>8}")
    for command in COMMANDS:
        if given.only not in command.name:
            continue
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as name:
            found = kill_many(command, given.number, given.seed, Path(name))
        wrong = [fault for killed in found for fault in killed.faults]
        faults += len(wrong)
        in_work = sum(killed.died for killed in found)
        print(
            f"{command.name:<22} {len(found):>5} {in_work:>7} {len(wrong):>6} {time.monotonic() - began:>8.1f}",
            flush=True,
        )
        for fault in wrong[:10]:
            print(f"    {fault}", flush=True)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
