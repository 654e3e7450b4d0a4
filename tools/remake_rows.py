"""Measure the rows of leaderboards/ whose models are part of this repository again, and put the new results in place of the old.

    python tools/remake_rows.py [--output DIR] [--device cpu]

For use after a checkpoint, a network or the validity panel changed. Each result is evaluated once; its rows, its stored file and its
digest wherever a file of the repository names it are replaced, and the log of its verification is removed: `make verify-boards` and
``python tools/verify_boards.py --write`` come next. Values of an unchanged checkpoint must print as before, else nothing is changed.
The work is kept in DIR and resumed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from vidbench.files import write_bytes
from vidbench.jobs.evaluate import evaluate_model
from vidbench.leaderboard.adding import Submission, add_result
from vidbench.leaderboard.boards import RESULTS, packaged_folder
from vidbench.leaderboard.check import check_folder
from vidbench.leaderboard.ranking import printed_alike
from vidbench.leaderboard.rows import BoardRow
from vidbench.leaderboard.verification import verification_path
from vidbench.progress import Progress
from vidbench.results.schema import Result, read_result
from vidbench.scoring.run_options import RunOptions

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("baselines", "docs", "tests", "README.md")
TEXTS = (".md", ".toml", ".py", ".csv")


@dataclass(frozen=True)
class Stored:
    """The rows of one result, and what they rest on."""

    board: Path
    rows: tuple[BoardRow, ...]
    result: Result

    @property
    def sha256(self) -> str:
        """Digest of the stored result."""
        return self.rows[0].result_sha256

    @property
    def submission(self) -> Submission:
        """What the file of the result does not contain."""
        row = self.rows[0]
        return Submission(
            model=row.model,
            training=row.training,
            extra_data=row.extra_data,
            paper=row.paper,
            arxiv=row.arxiv,
            note=row.setting,
        )


def measured(folder: Path) -> list[Stored]:
    """Return the results of a leaderboards folder that are of a model."""
    found = []
    for board in check_folder(folder)[0]:
        for sha256 in dict.fromkeys(row.result_sha256 for row in board.rows if row.result_sha256 and not row.retracted):
            result = read_result(folder / RESULTS / f"{sha256}.json")
            if result.model.samples_sha256 is None:
                rows = tuple(row for row in board.rows if row.result_sha256 == sha256)
                found.append(Stored(board.path, rows, result))
    return found


def moved(old: Result, new: Result) -> list[str]:
    """Return the metrics that print another value, for one checkpoint."""
    if old.model.checkpoint_sha256 != new.model.checkpoint_sha256:
        return []
    return [name for name, record in old.metrics.items() if not printed_alike(record.value, new.metrics[name].value)]


def replace_rows(stored: Stored, result: Path, folder: Path) -> str:
    """Replace rows, stored file and log in a leaderboards folder; return the digest of the new result."""
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "leaderboards"
        shutil.copytree(folder, copy)
        board = copy / stored.board.name
        lines = board.read_bytes().splitlines(keepends=True)
        gone = tuple(f"{row.id},".encode() for row in stored.rows)
        board.write_bytes(b"".join(line for line in lines if not line.startswith(gone)))
        (copy / RESULTS / f"{stored.sha256}.json").unlink()
        rows = add_result(result, copy, stored.submission)
        sha256 = rows[0].result_sha256
        write_bytes(folder / RESULTS / f"{sha256}.json", (copy / RESULTS / f"{sha256}.json").read_bytes())
        write_bytes(folder / board.name, board.read_bytes())
    if sha256 != stored.sha256:
        (folder / RESULTS / f"{stored.sha256}.json").unlink()
        verification_path(folder, stored.sha256).unlink(missing_ok=True)
    return sha256


def rename(old: str, new: str, root: Path) -> list[Path]:
    """Replace a digest, and its first 8 digits, in the files that name it; return those files."""
    changed = []
    places = [
        each for place in PLACES for each in ([root / place] if (root / place).is_file() else (root / place).rglob("*"))
    ]
    for path in places:
        if path.suffix in TEXTS and path.is_file():
            before = path.read_bytes()
            after = before.replace(old.encode(), new.encode()).replace(old[:8].encode(), new[:8].encode())
            if after != before:
                write_bytes(path, after)
                changed.append(path)
    return changed


def main() -> int:
    """Make every result again."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/remade"), help="folder of the work")
    parser.add_argument("--device", default="cpu", help="torch device")
    chosen = parser.parse_args()
    folder, _ = packaged_folder()
    failed = False
    for stored in measured(folder):
        task, model = stored.result.task.name, stored.result.model.name
        output = chosen.output / task
        new, path = evaluate_model(model, task, RunOptions(output=output, device=chosen.device), Progress())
        values = {name: (record.value, new.metrics[name].value) for name, record in stored.result.metrics.items()}
        print(
            f"{model} on {task}: " + ", ".join(f"{name} {old:.6g} now {now:.6g}" for name, (old, now) in values.items())
        )
        if moved(stored.result, new):
            print(f"not replaced: another value of {', '.join(moved(stored.result, new))} from the same checkpoint")
            failed = True
            continue
        sha256 = replace_rows(stored, path, folder)
        print(f"{stored.sha256} is now {sha256}, also in", *rename(stored.sha256, sha256, ROOT))
    faults = check_folder(folder)[1]
    for fault in faults:
        print(fault)
    return int(failed or bool(faults))


if __name__ == "__main__":
    sys.exit(main())
