"""Decisions of GOVERNANCE.md on copies: a video is withdrawn, a row retracted, a task raised; what was there before stays readable."""

from __future__ import annotations

import csv
import json

import pytest

from tests.abuse.rows.folders import _video
from tests.task_texts import videos_task
from tests.vidbench.cli.test_command_line import run
from vidbench.data.layouts import withdrawn
from vidbench.results.comparison import compare_results
from vidbench.results.schema import read_result

SCAN = ("data", "scan", "data", "--task", "task.toml", "--workers", "1", "--json")
SCORE = ("score", "--samples", "samples", "--task", "task.toml", "--data", "data", "--json")


@pytest.fixture
def folder(tmp_path):
    """Three real videos, two samples, and a task on them."""
    for number in range(3):
        _video(tmp_path / "data" / "train" / f"v{number}.mkv", number)
    for number in range(2):
        _video(tmp_path / "samples" / f"{number}.mkv", 50 + number)
    (tmp_path / "task.toml").write_text(videos_task("folder", 2))
    return tmp_path


def test_a_withdrawn_video_makes_another_list_and_old_results_stay_readable(folder, monkeypatch):
    first = json.loads(run(*SCAN, "--output", "scan", cwd=folder).stdout)
    done = run(*SCORE, "--output", "before", cwd=folder)
    assert done.returncode == 0, done.stderr
    before = read_result(folder / "before")

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

    assert run(*SCORE, "--output", "after", cwd=folder).returncode == 0
    after = read_result(folder / "after")
    assert (before.data.reference.num_clips, after.data.reference.num_clips) == (3, 2)
    assert after.data.reference.sha256 != before.data.reference.sha256
    assert after.entries.unused["split 'train'"] == {"withdrawn": 1}
    # The old result says what it said, and that it is not comparable with the new one.
    assert read_result(folder / "before") == before
    comparison = compare_results(before, after)
    assert any("reference clips differ" in reason for reason in comparison.obstacles)
