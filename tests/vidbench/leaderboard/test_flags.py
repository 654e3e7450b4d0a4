"""Flags and retractions: shown, not ranked, cleared with a reason, and never removed quietly."""

from __future__ import annotations

import json

import pytest

from tests.vidbench.leaderboard.test_check import edit
from tests.vidbench.leaderboard.verified_rows import call_verified
from vidbench.leaderboard import check
from vidbench.leaderboard.adding import Submission, add_result
from vidbench.leaderboard.boards import read_board
from vidbench.leaderboard.check import check_folder
from vidbench.leaderboard.flags import FLAGS, flag_cell, reasons_of
from vidbench.leaderboard.pages.build import build_site
from vidbench.leaderboard.ranking import rank_groups
from vidbench.leaderboard.tables import FORMATS


@pytest.fixture
def board(tmp_path, result_document):
    """A board whose rows count as verified; the row of FVD is line 2."""
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result_document))
    add_result(path, tmp_path / "boards", Submission(model="Mine", training="train", extra_data="none"))
    board = tmp_path / "boards" / "shapes-gen.csv"
    call_verified(board)
    return board


def _entry(board):
    groups = rank_groups(read_board(board.parent, "shapes-gen").rows)
    (group,) = [group for group in groups if group.metric == "fvd-shapes"]
    return group.entries[0]


def _faults(board):
    return [(fault.row, fault.column) for fault in check_folder(board.parent)[1] if fault.column != "status"]


def test_a_flagged_row_is_shown_and_not_ranked_until_it_is_cleared_with_a_reason(board, tmp_path):
    assert _entry(board).rank == 1
    edit(board, 2, flags="seed-ignored; seed-outlier")
    assert (_entry(board).rank, _entry(board).unranked) == (None, "flagged seed-ignored, seed-outlier")
    edit(board, 2, cleared="seed-outlier: one of 20 honest draws")
    assert (_entry(board).rank, _entry(board).unranked) == (None, "flagged seed-ignored")
    groups = rank_groups(read_board(board.parent, "shapes-gen").rows)
    for name in ("table", "markdown"):
        shown = FORMATS[name](groups).replace("\\", "")
        assert "Mine [flagged]" in shown
        assert FLAGS["seed-ignored"] in shown
        assert "seed-outlier: one of 20 honest draws" in shown
    rows = {row["metric"]: row for group in json.loads(FORMATS["json"](groups)) for row in group["rows"]}
    assert rows["fvd-shapes"]["unranked"] == "flagged seed-ignored"
    edit(board, 2, cleared="seed-outlier: one of 20 honest draws; seed-ignored: a model without noise")
    assert _entry(board).rank == 1
    assert _faults(board) == []


def test_a_retracted_row_is_struck_out_and_stays(board, tmp_path):
    edit(board, 2, retracted="2026-11-30: trained on the test split")
    assert (_entry(board).rank, _entry(board).unranked) == (None, "retracted 2026-11-30: trained on the test split")
    groups = rank_groups(read_board(board.parent, "shapes-gen").rows)
    for name, write in FORMATS.items():
        assert "trained on the test split" in write(groups) or name == "latex", name
    assert "Mine [retracted]" in FORMATS["latex"](groups)
    assert _faults(board) == []


def test_the_page_strikes_a_retracted_row_and_names_flags(board, tmp_path, monkeypatch):
    edit(board, 2, retracted="2026-11-30: trained on the test split")
    edit(board, 3, flags="seed-ignored", cleared="seed-ignored: a model without noise")
    edit(board, 4, flags="seed-outlier")
    build_site(board.parent, tmp_path / "site")
    page = (tmp_path / "site" / "shapes-gen.html").read_text()
    assert page.count("<s>") == 2
    assert "2026-11-30: trained on the test split" in page
    assert f"seed-ignored: {FLAGS['seed-ignored']} Cleared: a model without noise" in page
    assert page.count(">flagged</span>") == 1


@pytest.mark.parametrize(
    ("cells", "columns"),
    [
        ({"flags": "suspicious"}, "flags"),
        ({"flags": "seed-ignored", "cleared": "seed-ignored"}, "cleared"),
        ({"flags": "seed-ignored", "cleared": "seed-ignored: "}, "cleared"),
        ({"cleared": "seed-ignored: because"}, "cleared"),
        ({"retracted": "yesterday: because"}, "retracted"),
        ({"retracted": "2026-11-30"}, "retracted"),
        ({"retracted": "2026-13-30: because"}, "retracted"),
        ({"reference_sha256": "0" * 64}, "group reference_sha256"),
        ({"reference_sha256": "short"}, "reference_sha256"),
    ],
)
def test_what_a_reviewer_writes_is_held_to_its_form(board, cells, columns):
    edit(board, 2, **cells)
    assert _faults(board) == [(2, column) for column in columns.split()]


def test_a_flag_that_the_result_brings_cannot_be_removed(board, monkeypatch):
    monkeypatch.setattr(check, "row_flags", lambda result: ("seed-ignored",))
    assert _faults(board) == [(2, "flags"), (3, "flags"), (4, "flags")]
    edit(board, 2, flags="seed-ignored", cleared="seed-ignored: a model without noise")
    assert _faults(board) == [(3, "flags"), (4, "flags")]


def test_codes_stand_once_and_in_one_order():
    assert flag_cell(["seed-outlier", "seed-ignored", "seed-outlier"]) == "seed-ignored; seed-outlier"
    assert reasons_of("a: x; b: y: z") == {"a": "x", "b": "y: z"}
