"""Verify the measured rows of leaderboards/ whose models are part of this repository: `make verify-boards`.

    python tools/verify_boards.py [--write] [--output DIR] [--by TEXT]

Works on a copy of the boards, so that a run for CI changes nothing; ``--write`` changes the boards and stores the logs. The work is
kept in DIR and resumed. Exit code 1 if a value is not made again, a row is flagged, or `vidbench leaderboard check` finds a fault.
Nine evaluations of each result: measured 7.5 minutes for shapes-gen and 4.3 for shapes-pred, side by side with 8 threads each. On two idle
cores a set of samples takes 104 and 51 seconds, so about half an hour in all.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from vidbench.jobs.row_verification import VerifyOptions, verify_row
from vidbench.leaderboard.boards import packaged_folder
from vidbench.leaderboard.check import check_folder
from vidbench.progress import Progress
from vidbench.scoring.run_options import RunOptions


def main() -> int:
    """Verify each result once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="change leaderboards/ and not a copy")
    parser.add_argument("--output", type=Path, default=Path("runs/verify-boards"), help="folder of the work")
    parser.add_argument("--by", default="make verify-boards", help="name of the person who verifies, for the log")
    chosen = parser.parse_args()
    shipped, _ = packaged_folder()
    folder = shipped if chosen.write else chosen.output / "leaderboards"
    if not folder.is_dir():
        shutil.copytree(shipped, folder)
    boards, _ = check_folder(folder)
    measured = {
        row.result_sha256: row.id for board in boards for row in board.rows if row.result_sha256 and not row.retracted
    }
    failed = False
    for sha256, row in measured.items():
        options = VerifyOptions(by=chosen.by, run=RunOptions(output=chosen.output / sha256[:12]))
        found = verify_row(row, folder, options, Progress())
        failed |= bool(found.differing) or any(each.open_flags for each in found.rows)
        print(f"{row}: {found.log.tier}, differing: {found.differing}, flags: {found.log.flags}, log: {found.path}")
    faults = check_folder(folder)[1]
    for fault in faults:
        print(fault)
    return int(failed or bool(faults))


if __name__ == "__main__":
    sys.exit(main())
