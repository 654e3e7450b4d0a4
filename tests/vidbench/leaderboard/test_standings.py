"""One rule for group and rank: what `evaluate` announces is what `add` does and what the board then shows."""

from __future__ import annotations

import copy
import csv
import io
import json

import pytest
from click.testing import CliRunner

from tests.vidbench.leaderboard.verified_rows import call_verified
from vidbench.cli.leaderboard import command
from vidbench.errors import InputError
from vidbench.leaderboard import placement
from vidbench.leaderboard.adding import Submission, add_result, result_rows
from vidbench.leaderboard.boards import read_board
from vidbench.leaderboard.check import check_folder
from vidbench.leaderboard.pages.build import build_site
from vidbench.leaderboard.ranking import rank_groups, rank_rows, standings, tied
from vidbench.results.schema import Result
from vidbench.tasks import load_task

_LEADER = Submission(model="Leader", training="train", extra_data="none")


@pytest.fixture(autouse=True)
def _with_ranks(monkeypatch):
    """Rank the boards of moving shapes, which their tasks leave without ranks: these tests are about ranks."""
    monkeypatch.setattr("vidbench.leaderboard.boards.task_names", tuple)


@pytest.fixture
def boards(tmp_path, result_document):
    """A leaderboards folder with one measured row of each metric."""
    leader = copy.deepcopy(result_document)
    for metric, value in (("fvd-shapes", 0.6009579649727047), ("fid-shapes", 0.25), ("is-shapes", 18.0)):
        leader["metrics"][metric] |= {"value": value, "interval": [value * 0.9, value * 1.1]}
    _add(tmp_path, leader, _LEADER)
    call_verified(tmp_path / "boards" / "shapes-gen.csv")
    return tmp_path / "boards"


def _add(tmp_path, document, submission):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(document))
    return add_result(path, tmp_path / "boards", submission)


def _announced(document, folder, monkeypatch):
    monkeypatch.setattr(placement, "leaderboards_folder", lambda given: folder)
    return "\n".join(placement.placement_lines(Result.model_validate(document), load_task("shapes-gen").task))


def _on_the_board(folder, row):
    (group,) = [each for each in rank_groups(read_board(folder, "shapes-gen").rows) if each.name == row.group]
    (entry,) = [entry for entry in group.entries if entry.row.id == row.id]
    return group, entry


@pytest.mark.parametrize("training", ["train", "none"])
def test_a_result_is_ranked_where_evaluate_said_it_would(tmp_path, boards, result_document, monkeypatch, training):
    text = _announced(result_document, boards, monkeypatch)
    assert "fvd-shapes: would rank 2 of 2 once verified, if trained on train, no extra data" in text
    assert "better: Leader 0.601" in text
    _add(tmp_path, result_document, Submission(model="Untrained", training=training, extra_data="none"))
    call_verified(boards / "shapes-gen.csv")
    rows = [row for row in read_board(boards, "shapes-gen").rows if row.model == "Untrained"]
    assert len(rows) == 3
    for row in rows:
        group, entry = _on_the_board(boards, row)
        (standing,) = standings(row, read_board(boards, "shapes-gen").rows)
        assert (entry.rank, len(group.entries)) == (2, 2)
        assert (standing.rank, standing.num_ranked, standing.condition) == (2, 2, "")
        assert standing.entries == group.entries
    assert check_folder(boards)[1] == []


def test_what_is_not_stated_is_shown_as_such_and_not_ranked(tmp_path, boards, result_document):
    result_document["metrics"]["fvd-shapes"] |= {"value": 0.3, "interval": [0.2, 0.4]}
    _add(tmp_path, result_document, Submission(model="Silent"))
    call_verified(boards / "shapes-gen.csv")
    rows = [row for row in read_board(boards, "shapes-gen").rows if row.model == "Silent"]
    group, entry = _on_the_board(boards, rows[0])
    assert (entry.rank, entry.unranked) == (None, "training data, extra data not stated")
    assert group.open == ("training data", "extra data")
    (standing,) = standings(rows[0], read_board(boards, "shapes-gen").rows)
    assert (standing.rank, standing.num_ranked, standing.condition) == (1, 2, "trained on train, no extra data")
    shown = CliRunner().invoke(command, ["show", "shapes-gen", "--leaderboards", str(boards)]).output
    assert "Not stated: training data, extra data; hence no rank." in shown


def test_several_groups_are_each_announced_with_their_condition(tmp_path, boards, result_document, monkeypatch):
    other = copy.deepcopy(result_document)
    other["metrics"]["fvd-shapes"] |= {"value": 90.0, "interval": [89.0, 91.0]}
    _add(tmp_path, other, Submission(model="More data", training="train", extra_data="pre-training"))
    call_verified(boards / "shapes-gen.csv")
    text = _announced(result_document, boards, monkeypatch)
    assert "would rank 2 of 2 once verified, if trained on train, no extra data" in text
    assert "would rank 1 of 2 once verified, if trained on train, extra pre-training data" in text


def test_the_command_asks_for_what_a_result_does_not_say(tmp_path, boards, result_document):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result_document))
    before = (boards / "shapes-gen.csv").read_bytes()
    arguments = ["add", str(path), "--leaderboards", str(boards), "--name", "Mine"]
    refused = CliRunner().invoke(command, arguments)
    assert isinstance(refused.exception, InputError)
    assert "--training train|train+test|none|not-stated and --extra-data none|" in str(refused.exception)
    half = CliRunner().invoke(command, [*arguments, "--training", "none"])
    assert "give --extra-data none" in str(half.exception)
    assert (boards / "shapes-gen.csv").read_bytes() == before
    path.write_text(json.dumps({**result_document, "seed": 5}))
    assert "its seed is 5" in str(CliRunner().invoke(command, arguments).exception)
    path.write_text(json.dumps(result_document))
    done = CliRunner().invoke(command, [*arguments, "--training", "not-stated", "--extra-data", "not-stated"])
    assert (
        "not ranked (claimed; training data, extra data not stated; would rank 2 of 2 once verified, if trained on train"
        in done.output
    )


def test_scores_are_tied_within_the_last_printed_digit(boards):
    row = next(row for row in read_board(boards, "shapes-gen").rows if row.metric == "fvd-shapes")

    def ranks(*values):
        rows = [row.model_copy(update={"id": f"row-{i}", "value": value}) for i, value in enumerate(values)]
        return [entry.rank for entry in rank_rows(rows)]

    assert ranks(0.6009579649727047, 0.6009579649727120, 0.60104) == [1, 1, 1]
    # A chain of ties ends where its first member is no longer tied.
    assert ranks(0.6009, 0.60095, 0.60102, 0.6012) == [1, 1, 3, 4]
    assert ranks(181.9, 181.95, 182.3) == [1, 1, 3]
    assert ranks(0.0, 0.0, 1e-9) == [1, 1, 3]
    paper = row.model_copy(update={"status": "reported", "value": 69.1})
    assert tied(paper, paper)
    assert not tied(paper, paper.model_copy(update={"value": 69.15}))


def test_the_same_model_on_another_machine_is_level(boards, result_document, monkeypatch):
    for metric, value in (("fvd-shapes", 0.60096), ("fid-shapes", 0.25), ("is-shapes", 18.0)):
        result_document["metrics"][metric] |= {"value": value, "interval": [value * 0.9, value * 1.1]}
    text = _announced(result_document, boards, monkeypatch)
    assert "fvd-shapes: would rank 1 of 2" in text
    assert "tied: Leader 0.601" in text
    assert "better:" not in text


def test_an_unstated_row_is_never_the_condition_of_another(tmp_path, result_document):
    _add(tmp_path, result_document, Submission(model="Silent"))
    row = result_rows(Result.model_validate(result_document), load_task("shapes-gen").task, "0" * 64, Submission())[0]
    assert standings(row, read_board(tmp_path / "boards", "shapes-gen").rows) == []


@pytest.fixture
def tied_boards(tmp_path, result_document):
    """Three verified results: fvd-shapes 50 ± 4, 56 ± 4 and 62 ± 4, where each two neighbours are tied."""
    for name, value in (("First", 50.0), ("Second", 56.0), ("Third", 62.0)):
        document = copy.deepcopy(result_document)
        for metric, share in (("fvd-shapes", 1.0), ("fid-shapes", 0.09), ("is-shapes", 0.2)):
            document["metrics"][metric] |= {
                "value": value * share,
                "interval": [(value - 4) * share, (value + 4) * share],
            }
        _add(tmp_path, document, Submission(model=name, training="train", extra_data="none"))
    call_verified(tmp_path / "boards" / "shapes-gen.csv")
    return tmp_path / "boards"


def _shown(boards, form):
    done = CliRunner().invoke(command, ["show", "shapes-gen", "--leaderboards", str(boards), "--format", form])
    return done.output


def test_ties_and_the_smallest_difference_are_in_every_export(tied_boards):
    # 6 against a noise of 5.66 at 95 %, and of 6.91 for three comparisons: only the first and the last differ.
    table = _shown(tied_boards, "table")
    assert [line.split()[:3] for line in table.splitlines()[1:5]] == [
        ["rank", "ties", "model"], ["1", "a", "First"], ["2", "ab", "Second"], ["3", "b", "Third"]
    ]  # fmt: skip
    said = "Ties: rows that share a letter do not differ beyond the noise of 3 comparisons (95 % together, Bonferroni)."
    # 32 ** 0.5 * (1.960 + 0.842) / 1.960
    resolved = "Smallest difference resolved at N = 1,024: 8.09 (16 % of 50.00), found with 80 % power"
    assert said in table
    assert resolved in table
    markdown = _shown(tied_boards, "markdown")
    assert "| 2 | ab | Second | 56 ± 4 |" in markdown
    assert resolved in markdown.replace("\\", "")
    assert r"Second & 56 $\pm$ 4$^{\mathrm{ab}}$ & 2026" in _shown(tied_boards, "latex")
    rows = list(csv.DictReader(io.StringIO(_shown(tied_boards, "csv"))))[:3]
    assert [row["ties"] for row in rows] == ["a", "ab", "b"]
    assert [float(row["resolved_difference"]) for row in rows] == pytest.approx([8.086] * 3, abs=1e-3)
    group = json.loads(_shown(tied_boards, "json"))[0]
    assert [row["ties"] for row in group["rows"]] == ["a", "ab", "b"]
    assert group["ties"] == {"comparisons": 3, "level": pytest.approx(1 - 0.05 / 3)}
    assert group["resolution"] == {"difference": pytest.approx(8.086, abs=1e-3), "paired": False, "of_pairs": 3}


def test_the_page_shows_ties_and_the_index_says_that_the_leader_has_some(tied_boards, tmp_path):
    build_site(tied_boards, tmp_path / "site")
    page = (tmp_path / "site" / "shapes-gen.html").read_text()
    assert '2 <span class="ties" title="tied with First, Third">ab</span>' in page
    assert "<dt>Ties</dt><dd>First, Third</dd>" in page
    assert "Smallest difference resolved at N = 1,024: 8.09 (16 % of 50.00)" in page
    assert "first of 3, tied with 1 of them, in the group" in (tmp_path / "site" / "index.html").read_text()


def test_rows_without_their_results_have_no_letters(tied_boards):
    for path in sorted((tied_boards / "results").iterdir())[:1]:
        path.unlink()
    assert "Ties:" not in _shown(tied_boards, "table")
