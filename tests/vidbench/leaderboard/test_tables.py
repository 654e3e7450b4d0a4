"""`vidbench leaderboard show`: ranks within groups, five formats, and a paper's row next to ours."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from vidbench.cli.leaderboard import command
from vidbench.errors import InputError
from vidbench.leaderboard import placement
from vidbench.leaderboard.boards import board_of_task, read_board
from vidbench.leaderboard.ranking import nearest_papers, rank_groups, rank_rows
from vidbench.leaderboard.rows import group_of
from vidbench.leaderboard.tables import FORMATS, score_cell, spread_note
from vidbench.rendering.latex import latex_escaped

BOARDS = Path(__file__).resolve().parents[3] / "leaderboards"


def show(*arguments):
    done = CliRunner().invoke(command, ["show", *arguments])
    assert done.exit_code == 0, done.exception
    return done.output


@pytest.fixture(scope="module")
def rows():
    return read_board(BOARDS, "k600-pred").rows


def test_ranks_start_again_in_every_group_and_follow_the_direction(rows):
    for group in rank_groups(rows):
        values = [entry.row.value for entry in group.entries]
        assert values == sorted(values, reverse=group.metric == "IS"), group.name
        alone = len(group.entries) == 1 and group.open
        assert group.entries[0].rank == (None if alone else 1)
        assert ("alone in its group" in group.entries[0].unranked) == bool(alone)


def test_what_plus_minus_covers_is_said_once_where_a_measured_row_has_it(rows):
    said = "sampling only"
    for form, times in (("table", 1), ("markdown", 1), ("latex", 1)):
        groups = rank_groups(read_board(BOARDS, "shapes-gen").rows)
        measured = [group for group in groups if any(entry.row.spread_kind == "interval-95" for entry in group.entries)]
        assert FORMATS[form](measured[:1]).count(said) == times
        assert said not in FORMATS[form](rank_groups(rows))
    assert spread_note(rows) is None


def test_ties_share_a_rank_and_real_data_has_none(rows):
    a = rows[0].model_copy(update={"value": 3.0, "year": 2020, "id": "a"})
    entries = rank_rows(
        [
            a.model_copy(update={"value": 5.0, "id": "c"}),
            a.model_copy(update={"id": "b", "year": 2021}),
            a,
            a.model_copy(update={"role": "real-data", "value": 1.0, "id": "real"}),
        ]
    )
    assert [(entry.row.id, entry.rank) for entry in entries] == [("real", None), ("a", 1), ("b", 1), ("c", 3)]


def test_the_table_holds_every_row_once_and_says_what_is_open():
    text = show("k600-pred")
    assert sum(bool(re.match(r"^ +(\d+|real|-)  ", line)) for line in text.splitlines()) == 44
    assert re.search(r"2  DVD-GAN-FP \(v2, vs test set\) \* +69\.15 ± 1\.16  2019  reported +arXiv 1907\.06571", text)
    assert "69.1 ± 0.78" in text
    assert "Not stated: reference, samples, training data, extra data, protocol" in text


def test_json_csv_and_table_agree(rows):
    groups = json.loads(show("k600-pred", "--format", "json"))
    flat = {row["id"]: (group["group"], row["rank"]) for group in groups for row in group["rows"]}
    table = list(csv.DictReader(io.StringIO(show("k600-pred", "--format", "csv"))))
    assert {row["id"]: (row["group"], int(row["rank"]) if row["rank"] else None) for row in table} == flat
    assert set(flat) == {row.id for row in rows}
    assert all((row["rank"] is None) == bool(row["unranked"]) for group in groups for row in group["rows"])
    assert {row["value"] for row in table} == {str(row.value) for row in rows}


def test_group_keeps_matching_groups_and_refuses_a_word_of_none():
    groups = json.loads(show("k600-pred", "--format", "json", "--group", "protocol=magvit", "--group", "REF=train"))
    assert {row["model"][:6] for group in groups for row in group["rows"]} == {"MAGVIT", "W.A.L.", "DVD-GA"}
    done = CliRunner().invoke(command, ["show", "k600-pred", "--group", "imagenet"])
    assert isinstance(done.exception, InputError)
    assert "imagenet" in str(done.exception)


def test_markdown_and_latex_are_well_formed():
    markdown = show("ucf101-gen", "--format", "markdown")
    tables = [line for line in markdown.splitlines() if line.startswith("|")]
    assert {line.count("|") - line.count("\\|") for line in tables} == {7}
    latex = show("ucf101-gen", "--format", "latex")
    body = [line for line in latex.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {line.count("&") - line.count(r"\&") for line in body} == {4}
    assert latex.count("_") == latex.count(r"\_")
    assert r"$\pm$" in latex
    assert "±" not in latex
    assert latex_escaped("50%_a&{b}\\") == r"50\%\_a\&\{b\}\textbackslash{}"


def test_a_variant_of_a_task_is_shown_on_its_board():
    assert board_of_task("k600-pred-dvdgan", ["k600-gen", "k600-pred"]) == "k600-pred"
    assert board_of_task("k600-predator", ["k600-gen", "k600-pred"]) == "k600-predator"
    assert show("k600-pred-dvdgan") == show("k600-pred")
    done = CliRunner().invoke(command, ["show", "k600-pre"])
    assert "did you mean 'k600-pred'" in str(done.exception)


def test_a_rounded_spread_keeps_its_decimals(rows):
    shown = {row.id: score_cell(row) for row in rows}
    assert shown["w-a-l-t-l-fvd"] == "3.3 ± 0.0"
    assert shown["phenaki-fvd"] == "36.4 ± 0.19"
    assert shown["sid2-fvd"] == "2.3"


@pytest.fixture
def ours(rows):
    """A row measured here, as close to MAGVIT's protocol as the columns allow."""
    row = next(row for row in rows if row.id == "magvit-l-fp-fvd").model_copy(
        update={
            "id": "ours",
            "model": "Ours",
            "metric": "fvd-magvit",
            "status": "recomputed",
            "protocol": "k600-pred-magvit-v2",
            "training": "train",
            "extra_data": "none",
            "value": 12.0,
            "task": "k600-pred-magvit",
            "task_version": 2,
            "result_sha256": "0" * 64,
        }
    )
    return row.model_copy(update={"group": group_of(row)})


def test_papers_stand_beside_a_measured_row_with_what_keeps_them_apart(rows, ours):
    (first, *_) = rank_groups([*rows, ours])
    assert [entry.row.id for entry in first.entries] == ["ours"]
    assert len(first.unranked) == 3
    for each in first.unranked:
        assert each.row.protocol == "magvit"
        assert set(each.differs) == {"metric", "protocol"}
        assert set(each.unknown) == {"training data", "extra data"}
    assert "differs in metric (FVD), protocol (magvit); does not state training data, extra data" in str(
        first.unranked[0]
    )


@pytest.mark.parametrize("protocol", ["magvit", "vdm", "dvdgan"])
def test_the_protocol_that_a_task_is_named_after_comes_first(rows, ours, protocol):
    row = ours.model_copy(update={"protocol": f"k600-pred-{protocol}-v1", "samples": None, "reference": "test-all"})
    assert nearest_papers(row, rows)[0].row.protocol == protocol


def test_a_truncation_chosen_for_its_score_stands_behind_the_untruncated_row(ours):
    generation = read_board(BOARDS, "k600-gen").rows
    paper = next(row for row in generation if row.id == "dvd-gan-v2-is-i3d-k600")
    row = paper.model_copy(
        update={
            "id": "ours",
            "metric": "is-i3d-k600",
            "status": "verified",
            "sampling": "",
            "protocol": "k600-gen-v1",
        }
    )
    first, *others = nearest_papers(row, generation, limit=30)
    assert "sampling" not in first.differs
    truncated = [each for each in others if each.row.sampling == "truncated-for-best-is"]
    assert truncated
    assert all("sampling (truncated-for-best-is)" in str(each) for each in truncated)


def test_what_is_not_the_same_kind_of_task_never_stands_beside(rows, ours):
    beside = nearest_papers(ours, rows, limit=100)
    assert {each.row.context_frames for each in beside} == {5}
    assert not any("synthesis" in each.row.model for each in beside)
    assert {each.row.metric for each in beside} == {"FVD"}


def test_neighbours_without_a_group_name_the_nearest_paper_or_say_there_is_none(rows, ours):
    (line,) = placement._of_metric(ours, rows)
    assert line == (
        "  fvd-magvit: no comparable row; the nearest is W.A.L.T-L 3.3 ± 0.0 (arXiv 2312.06662, reported), "
        "which differs in metric (FVD), protocol (magvit); does not state training data, extra data"
    )
    (line,) = placement._of_metric(ours.model_copy(update={"resolution": "32x32"}), rows)
    assert "no published one with the same frames, size and metric" in line


def test_text_from_data_takes_no_effect_in_any_format(rows):
    from vidbench.leaderboard.tables import FORMATS

    # A board with such a row is refused; the formats do not rely on it.
    evil = '=HYPERLINK("http://x")|`*[a](javascript:1)<b>\x1b[2J\u202e\nFVD'
    groups = rank_groups([rows[0].model_copy(update={"model": evil, "setting": "@SUM(A1)"})])
    shown = {name: write(groups) for name, write in FORMATS.items()}
    for name in ("table", "csv", "markdown", "latex"):
        assert "\x1b" not in shown[name], name
        assert "\u202e" not in shown[name], name
        assert "\\u001b" in shown[name].replace(r"\textbackslash{}", "\\"), name
    assert len(shown["table"].splitlines()) == 4
    (line,) = csv.DictReader(io.StringIO(shown["csv"]))
    assert (line["model"][0], line["setting"]) == ("'", "'@SUM(A1)")
    assert json.loads(shown["json"])[0]["rows"][0]["model"] == evil
    (cells,) = [line for line in shown["markdown"].splitlines() if "HYPERLINK" in line]
    assert cells.count("|") - cells.count("\\|") == 7
    assert "[a]" not in cells
    assert "<b>" not in cells
