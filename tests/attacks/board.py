"""A board of one's own, to which attacks bring results, and what becomes of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tests.task_texts import prediction_text, task_text
from vidbench.errors import InputError
from vidbench.jobs.evaluate import evaluate_model, score_samples
from vidbench.jobs.row_verification import VerifyOptions, verify_row
from vidbench.leaderboard.adding import Submission, add_result
from vidbench.leaderboard.boards import read_board, replace_cells
from vidbench.leaderboard.ranking import rank_groups
from vidbench.progress import Progress
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import load_task, loading
from vidmetrics.home import home_at

_MODELS = """
import numpy as np
from vidbench.data.shapes.dataset import render

class Model:
    def __init__(self, task, clip):
        self.task, self.clip = task, clip
    def sample(self, request):
        size = (self.task.num_frames, self.task.height, self.task.width)
        clips = [self.clip(int(i), int(seed), size) for i, seed in zip(request.indices, request.seeds)]
        return np.stack(clips)[:, -request.num_frames:]

def _clip(split, index, size):
    return render(split, np.array([index]), *size)[0][0]

def honest(checkpoint, task, device):
    # The true generator with a seed: a class of the task, and anything else from the seed.
    return Model(task, lambda i, seed, size: _clip("test", 24 * (100_000 + seed % 900_000) + i % 24, size))

def chosen(checkpoint, task, device):
    # Ignores the request's seeds: one draw that its author chose.
    return Model(task, lambda i, seed, size: _clip("test", 24 * 200_000 + i, size))

def futures(checkpoint, task, device):
    return Model(task, lambda i, seed, size: _clip("test", i, size))

def still(checkpoint, task, device):
    return Model(task, lambda i, seed, size: np.repeat(_clip("test", 24 * 100_000 + i, size)[:1], size[0], axis=0))
"""


@dataclass(frozen=True)
class Fate:
    """What became of a result.

    Attributes:
        value: score of the first metric as the author reports it.
        refused: why `leaderboard add` refused it; empty if it did not.
        status: tier of its row.
        flags: open flags of its row.
        rank: its rank, None for no rank.
        interval: half width of the interval.
    """

    value: float
    refused: str = ""
    status: str = ""
    flags: tuple[str, ...] = ()
    rank: int | None = None
    interval: float | None = None


class AttackedBoard:
    """A leaderboards folder, with results below ``folder``.

    Args:
        folder: where everything is.
        count: samples of the tasks.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count, self.boards = folder, count, folder / "boards"

    def scored(self, name: str, clips_NTHWC: np.ndarray, labels: np.ndarray | None = None) -> Path:
        """Score clips with the labels of the task, and return the result file."""
        given = np.arange(len(clips_NTHWC)) % 24 if labels is None else labels
        np.savez(self.folder / f"{name}.npz", samples=clips_NTHWC, labels=given)
        options = RunOptions(output=self.folder / name)
        score_samples(self.folder / f"{name}.npz", "shapes-gen", options, Progress(enabled=False))
        return self.folder / name / "result.json"

    def evaluated(self, name: str, task: str = "shapes-gen", again: bool = False) -> Path:
        """Evaluate one of the models, and return the result file."""
        options = RunOptions(output=self.folder / f"{task}-{name}", replace=again)
        evaluate_model(f"attack_models:{name}", task, options, Progress(enabled=False))
        return self.folder / f"{task}-{name}" / "result.json"

    def verified(self, row: str, **options: object) -> bool:
        """Verify a row, and return whether its values were made again."""
        run = RunOptions(output=self.folder / f"verified-{row}")
        return not verify_row(row, self.boards, VerifyOptions(run=run, **options), Progress(enabled=False)).differing  # type: ignore[arg-type]

    def added(self, result: Path, name: str) -> Fate:
        """Add a result to the board and return its fate; its rows are claimed."""
        record = next(iter(json.loads(result.read_text())["metrics"].values()))
        half = None if record["interval"] is None else (record["interval"][1] - record["interval"][0]) / 2
        try:
            rows = add_result(result, self.boards, Submission(model=name, training="train", extra_data="none"))
        except InputError as error:
            return Fate(record["value"], refused=str(error), interval=half)
        return self.fate(rows[0].id)

    def in_the_best_tier(self, row: str) -> Fate:
        """Give a row the highest tier for nothing, and return its fate: what flags alone achieve."""
        board = next(path for path in self.boards.glob("*.csv") if row in path.read_text())
        replace_cells(board, {row: {"status": "verified"}})
        return self.fate(row)

    def fate(self, row_id: str) -> Fate:
        """Return what the board says about a row now."""
        for board in self.boards.glob("*.csv"):
            for group in rank_groups(read_board(self.boards, board.stem).rows):
                for entry in group.entries:
                    if entry.row.id == row_id:
                        row = entry.row
                        return Fate(row.value, "", row.status, row.open_flags, entry.rank, row.spread)
        raise KeyError(row_id)

    def row_of(self, name: str) -> str:
        """Return the id of the first row of a model."""
        for board in self.boards.glob("*.csv"):
            for row in read_board(self.boards, board.stem).rows:
                if row.model == name:
                    return row.id
        raise KeyError(name)


@contextmanager
def attacked_board(folder: Path, count: int | None) -> Iterator[AttackedBoard]:
    """Make a board with the shipped tasks, or with tasks of their names and ``count`` samples that count as shipped."""
    (folder / "attack_models.py").write_text(_MODELS)
    with pytest.MonkeyPatch.context() as patch, home_at(folder / "home"):
        patch.syspath_prepend(str(folder))
        patch.chdir(folder)
        if count is not None:
            _small_tasks(folder / "tasks", count)
            patch.setattr(loading, "resources", SimpleNamespace(files=lambda package: folder / "tasks"))
        yield AttackedBoard(folder, load_task("shapes-gen").task.evaluation.num_samples)
    sys.modules.pop("attack_models", None)


def _small_tasks(folder: Path, count: int) -> None:
    folder.mkdir()
    gen = task_text("shapes-gen", num_clips=2 * count, num_samples=count, metrics=("fvd-shapes",))
    pred = prediction_text("shapes-pred", 64, 64)
    for name, text in (("shapes-gen", gen), ("shapes-pred", pred)):
        (folder / f"{name}.toml").write_text(text)
