"""Tasks whose results are shown without ranks: everywhere that a rank would be shown, with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.vidbench.leaderboard.verified_rows import call_verified
from vidbench.cli.leaderboard import command
from vidbench.leaderboard import placement
from vidbench.leaderboard.adding import Submission, add_result
from vidbench.leaderboard.boards import read_board, why_unranked
from vidbench.leaderboard.ranking import rank_groups
from vidbench.results.schema import Result
from vidbench.tasks import load_task, task_names
from vidbench.tasks.words import protocol_text


@pytest.fixture
def boards(tmp_path, result_document):
    """A leaderboards folder with a verified row for each metric of shapes-gen."""
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result_document))
    add_result(path, tmp_path / "boards", Submission(model="One", training="train", extra_data="none"))
    call_verified(tmp_path / "boards" / "shapes-gen.csv")
    return tmp_path / "boards"


def test_only_moving_shapes_are_without_ranks_and_say_why_with_the_measured_number():
    found = {name: load_task(name).task.unranked for name in task_names()}
    assert {name for name, reason in found.items() if reason} == {
        name for name in task_names() if name.startswith("shapes-")
    }
    study = json.loads((Path(__file__).parents[3] / "docs" / "shapes-agreement.json").read_text(encoding="utf-8"))
    kinds = ("corrupted held-out clips", "damaged checkpoints", "trained checkpoints")
    for kind in kinds:
        pairs = study["agreement"][kind]["pairs"]
        assert len(pairs) == 15
        for pair, stored in pairs.items():
            one, other = (study["networks"][network][kind] for network in pair.split(" | "))
            ranks = [np.argsort(np.argsort([scores[case] for case in one])) for scores in (one, other)]
            assert np.corrcoef(*ranks)[0, 1] == pytest.approx(stored, abs=1e-4)
        assert np.median(list(pairs.values())) == pytest.approx(study["agreement"][kind]["median"], abs=1e-4)
    # Every kind has to reach what was required beforehand.
    median = min(study["agreement"][kind]["median"] for kind in kinds)
    assert median < 0.9
    for name in ("shapes-gen", "shapes-pred"):
        assert f"{median:.2f}" in found[name]
        assert found[name] == why_unranked(name)
        shown = " ".join(protocol_text(load_task(name).task).split())
        assert f"Its results are not ranked: {found[name]}." in shown
    assert why_unranked("of-no-task") == ""


def test_the_reason_is_no_part_of_the_protocol():
    task = load_task("shapes-gen").task
    assert task.model_copy(update={"unranked": ""}).fingerprint == task.fingerprint


def test_the_board_shows_scores_in_order_and_no_rank(boards, tmp_path):
    reason, rows = why_unranked("shapes-gen"), read_board(boards, "shapes-gen").rows
    ranked, without = rank_groups(rows), rank_groups(rows, no_ranks=reason)
    assert {entry.rank for group in ranked for entry in group.entries} == {1}
    assert {(entry.rank, entry.unranked) for group in without for entry in group.entries} == {(None, reason)}
    assert [[entry.row for entry in group.entries] for group in without] == [
        [entry.row for entry in group.entries] for group in ranked
    ]
    shown = CliRunner().invoke(command, ["show", "shapes-gen", "--leaderboards", str(boards)]).output
    assert f"No ranks: {reason}." in shown
    assert "     -  One" in shown


def test_the_page_says_why(boards, tmp_path):
    path = tmp_path / "result.json"
    add_result(path, tmp_path / "claimed", Submission(model="One", training="train", extra_data="none"))
    arguments = ["build", "--output", str(tmp_path / "site"), "--leaderboards", str(tmp_path / "claimed")]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.exception
    assert f"no ranks: {why_unranked('shapes-gen')}" in (tmp_path / "site" / "shapes-gen.html").read_text()


def test_evaluate_and_add_promise_no_rank(boards, tmp_path, result_document, monkeypatch):
    reason = why_unranked("shapes-gen")
    monkeypatch.setattr(placement, "leaderboards_folder", lambda given: boards)
    lines = placement.placement_lines(Result.model_validate(result_document), load_task("shapes-gen").task)
    assert lines == [f"neighbours: none, results of 'shapes-gen' are not ranked: {reason}."]
    path = tmp_path / "result.json"
    arguments = [
        "add",
        str(path),
        "--leaderboards",
        str(tmp_path / "others"),
        "--training",
        "train",
        "--extra-data",
        "none",
    ]
    done = CliRunner().invoke(command, arguments)
    assert f"not ranked (claimed; {reason})" in done.output, done.output
