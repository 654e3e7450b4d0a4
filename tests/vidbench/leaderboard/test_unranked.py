"""Tasks whose results are shown without ranks: everywhere that a rank would be shown, with the reason."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from tests.vidbench.leaderboard.verified_rows import call_verified
from vidbench.cli.leaderboard import command
from vidbench.leaderboard import boards as boards_module
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


@pytest.fixture
def reason(monkeypatch):
    """Why shapes-gen has no ranks, in these tests alone: no shipped task is without them."""
    shipped, reason = boards_module.load_task, "an installation test: networks rank its clips otherwise"

    def with_reason(name):
        loaded = shipped(name)
        return replace(loaded, task=loaded.task.model_copy(update={"unranked": reason if name == "shapes-gen" else ""}))

    monkeypatch.setattr(boards_module, "load_task", with_reason)
    return reason


def test_moving_shapes_are_ranked_as_long_as_networks_of_them_rank_alike():
    assert {load_task(name).task.unranked for name in task_names()} == {""}
    study = json.loads((Path(__file__).parents[3] / "docs" / "shapes-agreement.json").read_text(encoding="utf-8"))
    for kind in ("corrupted held-out clips", "damaged checkpoints"):
        found = study["agreement"][kind]
        assert len(found["pairs"]) == 15
        assert found["enough"]
        # The median is that of the pairs, and these are of the stored scores.
        assert np.median(list(found["pairs"].values())) == pytest.approx(found["median"], abs=1e-4)
        assert found["median"] >= 0.9
        for pair, stored in found["pairs"].items():
            one, other = (study["networks"][name][kind] for name in pair.split(" | "))
            ranks = [np.argsort(np.argsort([scores[case] for case in one])) for scores in (one, other)]
            assert np.corrcoef(*ranks)[0, 1] == pytest.approx(stored, abs=1e-4)


def test_a_reason_is_shown_with_the_protocol(reason):
    assert (why_unranked("shapes-gen"), why_unranked("shapes-pred"), why_unranked("of-no-task")) == (reason, "", "")
    task = load_task("shapes-gen").task.model_copy(update={"unranked": reason})
    assert f"Its results are not ranked: {reason}." in " ".join(protocol_text(task).split())


def test_the_reason_is_no_part_of_the_protocol():
    task = load_task("shapes-gen").task
    assert task.model_copy(update={"unranked": "a reason"}).fingerprint == task.fingerprint


def test_the_board_shows_scores_in_order_and_no_rank(boards, reason):
    rows = read_board(boards, "shapes-gen").rows
    ranked, without = rank_groups(rows), rank_groups(rows, no_ranks=reason)
    assert {entry.rank for group in ranked for entry in group.entries} == {1}
    assert {(entry.rank, entry.unranked) for group in without for entry in group.entries} == {(None, reason)}
    assert [[entry.row for entry in group.entries] for group in without] == [
        [entry.row for entry in group.entries] for group in ranked
    ]
    shown = CliRunner().invoke(command, ["show", "shapes-gen", "--leaderboards", str(boards)]).output
    assert f"No ranks: {reason}." in shown
    assert "     -  One" in shown


def test_the_page_says_why(boards, tmp_path, reason):
    path = tmp_path / "result.json"
    add_result(path, tmp_path / "claimed", Submission(model="One", training="train", extra_data="none"))
    arguments = ["build", "--output", str(tmp_path / "site"), "--leaderboards", str(tmp_path / "claimed")]
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.exception
    assert f"no ranks: {reason}" in (tmp_path / "site" / "shapes-gen.html").read_text()


def test_evaluate_and_add_promise_no_rank(boards, tmp_path, result_document, monkeypatch, reason):
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
