"""Decisions of GOVERNANCE.md on copies: a video is withdrawn, a row retracted, a task raised; what was there before stays readable."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.abuse.rows.folders import _video
from tests.task_texts import videos_task
from tests.vidbench.cli.test_command_line import run
from tests.vidbench.leaderboard.test_check import edit
from vidbench.data.layouts import withdrawn
from vidbench.leaderboard.boards import read_board
from vidbench.results.comparison import compare_results
from vidbench.results.schema import read_result
from vidbench.tasks import load_task, loading
from vidbench.tasks.frozen_lists import read_frozen_list
from vidbench.tasks.loading import measured_task

ROOT = Path(__file__).resolve().parents[2]

SCAN = ("data", "scan", "data", "--task", "task.toml", "--workers", "1", "--json")
FREEZE = ("data", "freeze", "data", "--task", "task.toml", "--year", "2026")
SCORE = ("score", "--samples", "samples", "--task", "task.toml", "--data", "data", "--json")
ADDED = ("--leaderboards", "boards", "--training", "train", "--extra-data", "none")


@pytest.fixture
def folder(tmp_path):
    """Three real videos, two samples, and a task on them."""
    for number in range(3):
        _video(tmp_path / "data" / "train" / f"v{number}.mkv", number)
    for number in range(2):
        _video(tmp_path / "samples" / f"{number}.mkv", 50 + number)
    # A takedown may take some videos of a task, and the list of a year needs its share.
    text = videos_task("folder", 2).replace(
        'reference_split = "train"\n', 'reference_split = "train"\nmin_coverage = 0.5\n'
    )
    (tmp_path / "task.toml").write_text(text)
    return tmp_path


def test_a_withdrawn_video_makes_another_list_and_old_results_stay_readable(folder, monkeypatch):
    first = json.loads(run(*SCAN, "--output", "scan", cwd=folder).stdout)
    done = run(*SCORE, "--output", "before", cwd=folder)
    assert done.returncode == 0, done.stderr
    before = read_result(folder / "before")
    done = run(*FREEZE, "--output", "list-2026.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    frozen = read_frozen_list(folder / "list-2026.json")

    with (folder / "scan" / "manifest.csv").open(newline="") as lines:
        names = [row["id"] for row in csv.DictReader(lines)]
    (folder / "withdrawn.toml").write_text(
        f'[[withdrawn]]\ndatasets = ["folder"]\nname_sha256 = "{withdrawn.name_sha256(names[1])}"\n'
        'date = "2026-12-01"\nasked_by = "person shown"\n'
    )
    monkeypatch.setattr(withdrawn, "LIST", folder / "withdrawn.toml")

    # What was scanned is no longer what is there, and a run says so instead of reading on.
    refused = run(*SCORE, "--output", "after", cwd=folder)
    assert refused.returncode == 2
    assert "v1.mkv' is gone; run `vidbench data scan` on it again" in refused.stderr

    done = run(*SCAN, "--output", "scan", cwd=folder)
    assert done.returncode == 1
    assert "Not used in split 'train' of 'data': 1 withdrawn." in done.stderr
    with (folder / "scan" / "problems.csv").open(newline="") as lines:
        (problem,) = csv.DictReader(lines)
    assert (problem["id"], problem["problem"]) == (names[1], "withdrawn")
    assert "delete it" in problem["reason"]
    second = json.loads(done.stdout)
    assert second["manifest_sha256"] != first["manifest_sha256"]
    assert second["splits"][0]["coverage"] == pytest.approx(2 / 3)

    # The next list is without it and has another digest; the old one says what it said, and is no longer complete.
    done = run(*FREEZE, "--output", "list-next.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    following = read_frozen_list(folder / "list-next.json")
    assert following.sha256 != frozen.sha256
    assert read_frozen_list(folder / "list-2026.json") == frozen
    listed = [sorted(each.splits["train"].videos) for each in (frozen, following)]
    assert listed == [names, [name for name in names if name != names[1]]]

    assert run(*SCORE, "--output", "after", cwd=folder).returncode == 0
    after = read_result(folder / "after")
    assert (before.data.reference.num_clips, after.data.reference.num_clips) == (3, 2)
    assert after.data.reference.sha256 != before.data.reference.sha256
    assert after.entries.unused["split 'train'"] == {"withdrawn": 1}
    # The old result says what it said, and that it is not comparable with the new one.
    assert read_result(folder / "before") == before
    comparison = compare_results(before, after)
    assert any("reference clips differ" in reason for reason in comparison.obstacles)


@pytest.fixture
def boards(tmp_path):
    """A copy of the shipped leaderboards."""
    return shutil.copytree(ROOT / "leaderboards", tmp_path / "boards")


def _shown(boards, board):
    done = run("leaderboard", "show", board, "--leaderboards", "boards", "--format", "json", cwd=boards.parent)
    assert done.returncode == 0, done.stderr
    return {row["id"]: row for group in json.loads(done.stdout) for row in group["rows"]}


def _checked(boards):
    return run("leaderboard", "check", "--leaderboards", "boards", cwd=boards.parent)


def _measured(boards, board):
    return [row for row in read_board(boards, board).rows if row.task]


def test_a_retracted_row_stays_with_its_result_and_has_no_rank(boards):
    before, files = _shown(boards, "shapes-gen"), sorted((boards / "results").iterdir())
    row = _measured(boards, "shapes-gen")[0]
    lines = (boards / "shapes-gen.csv").read_text().splitlines()
    place = next(number for number, line in enumerate(lines, 1) if line.startswith(f"{row.id},"))
    reason = "2026-12-01: the checkpoint was trained on the test split"
    edit(boards / "shapes-gen.csv", place, retracted=reason)
    after = _shown(boards, "shapes-gen")
    assert sorted(after) == sorted(before)  # a group without a ranked row may stand elsewhere
    assert (after[row.id]["rank"], after[row.id]["unranked"]) == (None, f"retracted {reason}")
    assert (after[row.id]["value"], after[row.id]["retracted"]) == (before[row.id]["value"], reason)
    assert _checked(boards).returncode == 0, _checked(boards).stdout
    assert sorted((boards / "results").iterdir()) == files
    stored = read_result(boards / "results" / f"{row.result_sha256}.json")
    assert stored.metrics[row.metric].value == row.value
    # A retraction does not hide a change of the row: it is still compared with its result.
    edit(boards / "shapes-gen.csv", place, value="0.3")
    assert _checked(boards).returncode == 1
    edit(boards / "shapes-gen.csv", place, value=str(before[row.id]["value"]), retracted="")
    assert _shown(boards, "shapes-gen") == before


@pytest.fixture
def raised(tmp_path, monkeypatch):
    """Shipped tasks of which shapes-gen has a version 2 with fewer reference clips; the file of version 1 is kept."""
    tasks = tmp_path / "tasks"
    (tasks / "earlier").mkdir(parents=True)
    for path in (ROOT / "vidbench" / "tasks").glob("*.toml"):
        shutil.copy(path, tasks)
    (tasks / "shapes-gen.toml").rename(tasks / "earlier" / "shapes-gen-v1.toml")
    text = (tasks / "earlier" / "shapes-gen-v1.toml").read_text()
    (tasks / "shapes-gen.toml").write_text(
        text.replace("version = 1\n", "version = 2\n").replace("num_clips = 4096", "num_clips = 2048")
    )
    monkeypatch.setattr(loading, "resources", SimpleNamespace(files=lambda _: tasks))
    return tasks


def test_rows_of_an_earlier_version_of_a_task_stay_and_are_not_ranked_with_the_new_ones(raised, boards):
    task = load_task("shapes-gen").task
    assert (task.version, measured_task("shapes-gen", 1).task.version, measured_task("shapes-gen", 3).task.version) == (
        2,
        1,
        2,
    )
    before = _shown(boards, "shapes-gen")
    assert _checked(boards).returncode == 0, _checked(boards).stdout

    old = read_result(boards / "results" / f"{_measured(boards, 'shapes-gen')[0].result_sha256}.json")
    (boards.parent / "old.json").write_text(old.to_json())
    refused = run("leaderboard", "add", "old.json", *ADDED, cwd=boards.parent)
    assert refused.returncode == 2
    assert "it uses version 1 of 'shapes-gen', but this vidbench ships version 2" in refused.stderr

    # A result of the new version stands in a group of its own, and is not comparable with the old one.
    document = json.loads(old.to_json())
    document["task"] |= {"version": 2, "fingerprint": task.fingerprint}
    document["model"] |= {"name": "another", "checkpoint_sha256": hashlib.sha256(b"another").hexdigest()}
    for metric in document["metrics"].values():
        metric["num_reference"] = 2048 if metric["num_reference"] else None
        metric["value"] *= 1.01
        metric["interval"] = [1.01 * end for end in metric["interval"]]
    (boards.parent / "new.json").write_text(json.dumps(document))
    added = run("leaderboard", "add", "new.json", *ADDED, cwd=boards.parent)
    assert added.returncode == 0, added.stderr
    after = _shown(boards, "shapes-gen")
    assert {name: after[name] for name in before} == before
    new = [row for row in _measured(boards, "shapes-gen") if row.task_version == 2]
    assert len(new) == len(old.metrics)
    assert not {row.group for row in new} & {
        row.group for row in _measured(boards, "shapes-gen") if row.task_version == 1
    }
    assert _checked(boards).returncode == 0, _checked(boards).stdout
    comparison = compare_results(old, read_result(boards.parent / "new.json"))
    assert comparison.obstacles[0] == "The versions of shapes-gen differ: 1 and 2."

    # Without the file of the version, nobody could check its rows, and that is said.
    (raised / "earlier" / "shapes-gen-v1.toml").unlink()
    done = _checked(boards)
    assert done.returncode == 1
    assert "uses version 1 of 'shapes-gen', but this vidbench ships version 2" in done.stdout
