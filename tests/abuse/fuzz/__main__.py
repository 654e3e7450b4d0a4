"""Fuzz the parsers for a while: ``python -m tests.abuse.fuzz --seconds 300 [--parser NAME] --seed N``."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.abuse.fuzz.parsers import PARSERS
from tests.abuse.fuzz.runner import fuzz, input_of


def main() -> int:
    """Print a line per parser, and the input of every failure as a file; return 1 if there is one."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=float, default=300.0, help="time for all parsers together")
    options.add_argument("--parser", choices=PARSERS, action="append", help="a parser; repeatable; default: all")
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--keep", type=Path, default=Path("fuzz-failures"), help="folder of the failing inputs")
    given = options.parse_args()
    chosen = [PARSERS[name] for name in given.parser or PARSERS]
    failed = False
    print("| parser | inputs | accepted | refused | failures |\n|---|---:|---:|---:|---:|")
    for parser in chosen:
        with tempfile.TemporaryDirectory() as folder:
            tally = fuzz(parser, Path(folder), given.seed, 10**9, given.seconds / len(chosen))
            samples = parser.samples(Path(folder))
        print(
            f"| {parser.name} | {tally.total:,} | {tally.accepted:,} | {tally.refused:,} | {len(tally.failures)} |",
            flush=True,
        )
        for failure in tally.failures:
            failed = True
            given.keep.mkdir(parents=True, exist_ok=True)
            path = given.keep / f"{parser.name}-{failure.seed}-{failure.number}{parser.suffix}"
            path.write_bytes(input_of(parser, samples, failure.seed, failure.number))
            print(f"{path}: {failure.what.strip().splitlines()[-1][:200]}", file=sys.stderr)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
