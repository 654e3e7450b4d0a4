"""Kill every writing command at random moments, run it again, and compare with a run that nothing disturbed.

    python -m tests.abuse.kills --number 100

With ``--journal FILE`` an interrupted sweep is resumed by the same command.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.abuse.faults.commands import COMMANDS, Command
from tests.abuse.killing import Killed, kill_many


def main() -> None:
    """Print a table, and every fault; exit 1 if there is one."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--number", type=int, default=100, help="kills of each command")
    arguments.add_argument("--fresh", type=int, default=3, help="how many of them start a Python of their own")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--only", default="", help="commands whose names contain this text")
    arguments.add_argument("--journal", type=Path, help="file of the kills that are done; one line each")
    given = arguments.parse_args()
    faults = 0
    print(f"{'command':<22} {'kills':>5} {'in work':>7} {'had written':>11} {'faults':>6} {'seconds':>8}")
    for command in COMMANDS:
        if given.only not in command.name:
            continue
        began = time.monotonic()
        found = list(_kills(command, given.number, given.fresh, given.seed, given.journal))
        wrong = [fault for killed in found for fault in killed.faults]
        faults += len(wrong)
        in_work, had_written = sum(killed.in_work for killed in found), sum(killed.had_written for killed in found)
        seconds = time.monotonic() - began
        print(
            f"{command.name:<22} {len(found):>5} {in_work:>7} {had_written:>11} {len(wrong):>6} {seconds:>8.1f}",
            flush=True,
        )
        for fault in wrong[:10]:
            print(f"    {fault}", flush=True)
    sys.exit(1 if faults else 0)


def _kills(command: Command, number: int, fresh: int, seed: int, journal: Path | None) -> Iterator[Killed]:
    """Yield the kills of a command: those of the journal, then the others, which are added to it."""
    done = dict(_journalled(command, seed, journal) if journal and journal.exists() else ())
    yield from (killed for attempt, killed in done.items() if attempt < number)
    with tempfile.TemporaryDirectory() as name:
        for killed in kill_many(command, number, seed, Path(name) / "kills", fresh, done.keys()):
            if journal:
                with journal.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps([command.name, command.line, seed, *killed]) + "\n")
            yield killed


def _journalled(command: Command, seed: int, journal: Path) -> Iterator[tuple[int, Killed]]:
    for line in journal.read_text(encoding="utf-8").splitlines():
        name, words, of_seed, attempt, in_work, had_written, faults = json.loads(line)
        if (name, words, of_seed) == (command.name, command.line, seed):
            yield attempt, Killed(attempt, in_work, had_written, tuple(faults))


if __name__ == "__main__":
    main()
