"""`vidbench leaderboard add`: what may enter, what may not, and what is written."""

from __future__ import annotations

import copy
import csv
import hashlib
import json
import re
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.vidbench.leaderboard.verified_rows import call_verified
from vidbench.cli.leaderboard import command
from vidbench.errors import InputError
from vidbench.files import digest as digest_of
from vidbench.leaderboard import placement
from vidbench.leaderboard.adding import Submission, add_result, result_rows
from vidbench.leaderboard.admission import objections
from vidbench.leaderboard.boards import packaged_folder, read_board
from vidbench.leaderboard.check import check_folder
from vidbench.leaderboard.ranking import rank_groups
from vidbench.results.schema import Result
from vidbench.tasks import load_task

_SAID = ["--training", "train", "--extra-data", "none"]
ROOT = Path(__file__).resolve().parents[3]


def _write(path, document):
    path.write_text(json.dumps(document))
    return path


def _objections(document):
    return objections(Result.model_validate_json(json.dumps(document)))


@pytest.fixture(autouse=True)
def _with_ranks(monkeypatch):
    """Rank the boards of moving shapes, which their tasks leave without ranks: these tests are about ranks."""
    monkeypatch.setattr("vidbench.leaderboard.boards.task_names", tuple)


def test_a_sound_result_enters_and_is_stored_byte_for_byte(tmp_path, result_document):
    path = _write(tmp_path / "result.json", result_document)
    rows = add_result(path, tmp_path / "boards", Submission(model="Mine", training="train", arxiv="2601.00001"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (tmp_path / "boards" / "results" / f"{digest}.json").read_bytes() == path.read_bytes()
    board = read_board(tmp_path / "boards", "shapes-gen")
    assert board.rows == tuple(rows)
    assert check_folder(tmp_path / "boards")[1] == []
    fvd = next(row for row in rows if row.metric == "fvd-shapes")
    assert (fvd.value, fvd.spread, fvd.spread_kind, fvd.status) == (56.0, 4.0, "interval-95", "claimed")
    assert (fvd.samples, fvd.reference, fvd.training, fvd.year) == (1024, "train-4096", "train", 2026)
    assert fvd.result_sha256 == digest
    reference = digest_of([result_document["data"][split]["sha256"] for split in ("reference", "evaluation")])
    assert {row.metric: row.reference_sha256 for row in rows} == {
        "fvd-shapes": reference,
        "fid-shapes": reference,
        "is-shapes": "",
    }


def test_scored_files_are_claimed_and_a_second_result_ranks_beside_the_first_once_both_are_verified(
    tmp_path, result_document
):
    said = {"training": "train", "extra_data": "none"}
    add_result(_write(tmp_path / "a.json", result_document), tmp_path / "boards", Submission(model="First", **said))
    before = (tmp_path / "boards" / "shapes-gen.csv").read_bytes()
    result_document["model"] |= {"name": "samples", "checkpoint_sha256": None, "samples_sha256": "f" * 64}
    result_document["metrics"]["fvd-shapes"] |= {"value": 40.0, "interval": [36.0, 44.0]}
    rows = add_result(
        _write(tmp_path / "b.json", result_document), tmp_path / "boards", Submission(model="Second", **said)
    )
    assert {row.status for row in rows} == {"claimed"}
    assert (tmp_path / "boards" / "shapes-gen.csv").read_bytes().startswith(before)
    group = next(g for g in rank_groups(read_board(tmp_path / "boards", "shapes-gen").rows) if g.metric == "fvd-shapes")
    assert [(entry.rank, entry.unranked) for entry in group.entries] == [(None, "claimed")] * 2
    call_verified(tmp_path / "boards" / "shapes-gen.csv")
    group = next(g for g in rank_groups(read_board(tmp_path / "boards", "shapes-gen").rows) if g.metric == "fvd-shapes")
    assert [(entry.rank, entry.row.model) for entry in group.entries] == [(1, "Second"), (2, "First")]


def test_imported_statistics_enter_with_their_floor_alone_and_are_named(tmp_path, result_document):
    imported = {"sha256": "ab" * 32, "environment": result_document["environment"]}
    result_document["data"]["imported"] = imported
    rows = add_result(_write(tmp_path / "a.json", result_document), tmp_path / "boards", Submission(note="Mine"))
    assert {row.setting for row in rows} == {"Mine; reference statistics from the file abababababab"}
    assert check_folder(tmp_path / "boards")[1] == []
    for metric in result_document["metrics"].values():
        metric["floor"] = None
    assert any("without the score of real clips" in reason for reason in _objections(result_document))
    del result_document["data"]["imported"]
    assert _objections(result_document) == []


def _change(document, path, value):
    *parents, last = path.split("/")
    for key in parents:
        document = document[key]
    document[last] = value


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("task/name", "small-gen", "not a shipped task"),
        ("task/fingerprint", "0" * 64, "fingerprint"),
        ("task/version", 99, "version 99"),
        ("official", False, "unofficial"),
        ("reasons", ["The seed is 1."], "reasons why it is not"),
        ("seed", 5, "seed"),
        ("networks/shapes/proven", False, "not proven"),
        ("networks/shapes/weights_sha256", "0" * 64, "not the ones that ship"),
        ("networks/shapes/precision", "fast", "precision 'fast'"),
        ("networks", {}, "does not describe"),
        ("data/reference/coverage", 0.9, "90.00% of the split 'train'"),
        ("data/evaluation/coverage", 0.5, "50.00% of the split 'test'"),
        ("model/name", "real", "bound of the task"),
        ("model/name", "noise", "bound of the task"),
        ("bounds", {"third-party": {"what": "", "values": {}, "absent": None}}, "bound of the task"),
        ("metrics/fvd-shapes/num_samples", 512, "512 samples"),
        ("metrics/fvd-shapes/num_reference", 100, "100 real clips"),
        ("metrics/fvd-shapes/runs", [55.0, 57.0], "2 runs but the task has 1"),
        ("metrics/fvd-shapes/runs", [50.0], "not the mean of its 1 runs"),
        ("metrics/fvd-shapes/network", "i3d-kinetics-400", "defined with 'shapes'"),
        ("metrics/fvd-shapes/higher_is_better", True, "direction"),
        ("metrics/fvd-shapes/interval", [0.0, 1.0], "outside its own interval"),
        ("metrics/is-shapes/interval", [30.0, 40.0], "outside its own interval"),
        ("execution/finished", "yesterday", "not a date"),
        ("pixels", {"convention": "ffmpeg-default"}, "converted to RGB by 'ffmpeg-default'"),
    ],
)
def test_what_may_not_enter_is_refused_by_its_reason(tmp_path, result_document, path, value, word):
    assert _objections(result_document) == []
    _change(result_document, path, value)
    with pytest.raises(InputError, match="cannot enter") as refusal:
        add_result(_write(tmp_path / "r.json", result_document), tmp_path / "boards", Submission())
    assert word in str(refusal.value)
    assert not (tmp_path / "boards").exists()


@pytest.mark.parametrize(
    ("metric", "value", "word"),
    [
        ("fid-shapes", -0.5, "outside the attainable range, 0 to inf"),
        ("fvd-shapes", 331.0, "trivial model"),
        ("is-shapes", 24.5, "outside the attainable range, 1 to 24 (the number of classes)"),
        ("is-shapes", 0.9, "trivial model"),
    ],
)
def test_plausibility_has_two_sides(result_document, metric, value, word):
    result_document["metrics"][metric] |= {"value": value, "interval": [value - 0.05, value + 0.05]}
    assert any(word in reason for reason in _objections(result_document))


def test_a_score_at_the_floor_or_the_ceiling_is_possible(result_document):
    fvd = result_document["metrics"]["fvd-shapes"]
    for value in (fvd["floor"], fvd["ceiling"]):
        fvd |= {"value": value, "interval": [value, value]}
        assert _objections(result_document) == []
    # Below the floor too: tests/vidbench/leaderboard/test_better_than_real.py has when that is flagged.
    for metric, value in (("fvd-shapes", 0.19), ("fid-shapes", 0.0)):
        low = copy.deepcopy(result_document)
        low["metrics"][metric] |= {"value": value, "interval": [value - 0.05, value + 0.05]}
        assert _objections(low) == []
    # Samples can be classified with more confidence than real clips.
    result_document["metrics"]["is-shapes"] |= {"value": 22.0, "interval": [21.0, 23.0]}
    assert _objections(result_document) == []


def test_a_missing_metric_and_a_second_entry_are_refused(tmp_path, result_document):
    short = copy.deepcopy(result_document)
    del short["metrics"]["is-shapes"]
    assert "its metrics are" in _objections(short)[0]
    path = _write(tmp_path / "r.json", result_document)
    add_result(path, tmp_path / "boards", Submission())
    before = (tmp_path / "boards" / "shapes-gen.csv").read_bytes()
    with pytest.raises(InputError, match="on the board already"):
        add_result(path, tmp_path / "boards", Submission())
    assert (tmp_path / "boards" / "shapes-gen.csv").read_bytes() == before


def test_the_command_prints_the_rows(tmp_path, result_document):
    path = _write(tmp_path / "r.json", result_document)
    done = CliRunner().invoke(
        command,
        [
            "add",
            str(path),
            "--leaderboards",
            str(tmp_path / "boards"),
            "--name",
            "A\nB",
            "--extra-data",
            "none",
            "--training",
            "none",
        ],
    )
    assert done.exit_code == 0, done.output
    assert re.search(
        r"^fvd-shapes +56 ± 4  claimed  not ranked \(claimed; would rank 1 of 1 once verified\)  fvd-shapes/",
        done.output,
        re.MULTILINE,
    )
    with (tmp_path / "boards" / "shapes-gen.csv").open(newline="") as file:
        assert {row["model"] for row in csv.DictReader(file)} == {"A B"}
    refused = CliRunner().invoke(
        command, ["add", str(path), "--leaderboards", str(tmp_path / "boards"), "--arxiv", "not an id", *_SAID]
    )
    assert isinstance(refused.exception, InputError)


def _lines(document, folder, monkeypatch):
    monkeypatch.setattr(placement, "leaderboards_folder", lambda given: folder)
    return "\n".join(placement.placement_lines(Result.model_validate(document), load_task("shapes-gen").task))


def test_neighbours_of_a_result(tmp_path, result_document, monkeypatch):
    boards = tmp_path / "boards"
    boards.mkdir()
    assert "no leaderboard yet" in _lines(result_document, boards, monkeypatch)
    for name, value in (("Worse", 90.0), ("Better", 20.0)):
        other = copy.deepcopy(result_document)
        other["metrics"]["fvd-shapes"] |= {"value": value, "interval": [value - 1, value + 1]}
        said = Submission(model=name, training="train+test", extra_data="none")
        add_result(_write(tmp_path / f"{name}.json", other), boards, said)
    assert "no comparable row" in _lines(result_document, boards, monkeypatch)
    call_verified(boards / "shapes-gen.csv")
    text = _lines(result_document, boards, monkeypatch)
    assert "fvd-shapes: would rank 2 of 3 once verified, if trained on train+test, no extra data" in text
    assert text.index("better: Better 20") < text.index("worse: Worse 90")
    result_document |= {"official": False, "reasons": ["The seed is 1 where the task requires 0."]}
    assert "unofficial results do not enter" in _lines(result_document, boards, monkeypatch)


def test_a_row_of_the_same_score_is_level(tmp_path, result_document, monkeypatch):
    boards = tmp_path / "boards"
    boards.mkdir()
    add_result(
        _write(tmp_path / "same.json", result_document),
        boards,
        Submission(model="Same", training="train", extra_data="none"),
    )
    call_verified(boards / "shapes-gen.csv")
    text = _lines(result_document, boards, monkeypatch)
    assert "fvd-shapes: would rank 1 of 2" in text
    assert "tied: Same" in text
    assert "better:" not in text


def test_evaluate_ends_with_its_neighbours_and_json_has_nothing_extra(tmp_path, small_task, monkeypatch):
    from vidbench.cli.evaluate import command as evaluate

    monkeypatch.chdir(tmp_path)
    arguments = ["--model", "noise", "--task", str(small_task), "--output", "out"]
    done = CliRunner().invoke(evaluate, arguments, catch_exceptions=False)
    assert done.stdout.splitlines()[-1] == "neighbours: none, the task 'small-gen' has no leaderboard yet."
    again = CliRunner().invoke(evaluate, [*arguments, "--json"], catch_exceptions=False)
    assert Result.model_validate_json(again.stdout).task.name == "small-gen"


def test_the_rows_of_two_coverages_of_all_clips_share_a_group(result_document):
    # How many clips "all" are depends on which videos are still available; an official result has enough of them.
    task = load_task("shapes-gen").task
    task = task.model_copy(update={"reference": task.reference.model_copy(update={"num_clips": "all"})})
    groups = set()
    for count in (4096, 4090):
        result_document["metrics"]["fvd-shapes"]["num_reference"] = count
        groups.add(result_rows(Result.model_validate(result_document), task, "0" * 64, Submission())[0].group)
    assert len(groups) == 1
    assert "/ref=train/" in groups.pop()


def test_an_installed_package_shows_its_boards_and_takes_none(tmp_path, result_document, monkeypatch):
    from vidbench import version

    package = tmp_path / "vidbench"
    (package / "leaderboards").mkdir(parents=True)
    monkeypatch.setattr(version, "__file__", str(package / "version.py"))
    assert packaged_folder() == (package / "leaderboards", False)
    path = _write(tmp_path / "r.json", result_document)
    done = CliRunner().invoke(command, ["add", str(path), *_SAID])
    assert isinstance(done.exception, InputError)
    assert "--leaderboards" in str(done.exception)
    with (ROOT / "pyproject.toml").open("rb") as file:
        wheel = tomllib.load(file)["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"]["leaderboards"] == "vidbench/leaderboards"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_every_byte_of_a_board_stays_and_new_lines_end_like_its_first(tmp_path, result_document, ending, last, mark):
    folder = tmp_path / "boards"
    add_result(_write(tmp_path / "a.json", result_document), folder, Submission(model="First, with a comma ±"))
    board = folder / "shapes-gen.csv"
    text = mark + board.read_text().replace("\n", ending)
    before = (text if last else text.removesuffix(ending)).encode()
    board.write_bytes(before)
    result_document["metrics"]["fvd-shapes"] |= {"value": 40.0, "interval": [36.0, 44.0]}
    rows = add_result(_write(tmp_path / "b.json", result_document), folder, Submission(model="Second"))
    after = board.read_bytes()
    assert after.startswith(before)
    added = after[len(before) :].decode()
    assert added.startswith("" if last else ending)
    assert added.count("\n") == len(rows) + (not last)
    assert added.count("\r") == (added.count("\n") if ending == "\r\n" else 0)
    assert len(read_board(folder, "shapes-gen").rows) == 2 * len(rows)
    assert check_folder(folder)[1] == []


@pytest.mark.parametrize(
    ("field", "text"),
    [("model", "a\x1b[2Jb"), ("note", "a\u202eb"), ("model", "=1+1"), ("paper", "javascript:alert(1)")],
)
def test_text_that_would_take_effect_where_it_is_shown_may_not_enter(tmp_path, result_document, field, text):
    with pytest.raises(InputError, match="cannot be used in a leaderboard"):
        add_result(_write(tmp_path / "r.json", result_document), tmp_path / "boards", Submission(**{field: text}))
    assert not (tmp_path / "boards").exists()
