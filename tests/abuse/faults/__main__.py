"""`python -m tests.abuse.faults`: every command on a disk that fails at a few points, or with ``--all`` at every point."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.abuse.faults.commands import COMMANDS
from tests.abuse.faults.sweep import Bench, Verdict, build_layer, chosen, preloaded, report, table


def main() -> int:
    """Run the sweep; return 1 if anything was not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m tests.abuse.faults", description=__doc__)
    parser.add_argument("--all", action="store_true", help="fail at every event instead of a few")
    parser.add_argument("--points", type=int, default=3, help="events per command and fault without --all")
    parser.add_argument("--command", action="append", help="only commands whose name contains this; repeatable")
    parser.add_argument("--fault", action="append", help="only faults whose name contains this; repeatable")
    given = parser.parse_args()
    if not preloaded():
        with tempfile.TemporaryDirectory() as folder:
            layer = build_layer(Path(folder))
            environment = {**os.environ, "LD_PRELOAD": str(layer), "OMP_NUM_THREADS": "1"}
            return os.spawnve(
                os.P_WAIT, sys.executable, [sys.executable, "-m", "tests.abuse.faults", *sys.argv[1:]], environment
            )
    os.environ.pop("LD_PRELOAD", None)
    verdicts: list[Verdict] = []
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            if given.command and not any(word in command.name for word in given.command):
                continue
            bench = Bench(command, Path(folder).resolve() / command.name.replace(" ", "-"))
            for fault in bench.faults:
                if given.fault and not any(word in fault.name for word in given.fault):
                    continue
                for number in chosen(bench.counts[fault.kind], None if given.all else given.points):
                    verdict = bench.judge(fault, number)
                    verdicts.append(verdict)
                    for problem in verdict.problems:
                        report(f"{command.name}, {fault.name} {number} of {bench.counts[fault.kind]}: {problem}")
    report(table(verdicts))
    bad = sum(bool(verdict.problems) for verdict in verdicts)
    report(f"{len(verdicts)} points, {len(verdicts) - bad} as they must be, {bad} not")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
