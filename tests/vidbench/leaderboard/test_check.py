"""`vidbench leaderboard check`: each kind of fault is found, at its file, row and column."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from vidbench.cli.leaderboard import command
from vidbench.leaderboard.adding import Submission, add_result
from vidbench.leaderboard.check import check_folder

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path):
    """A copy of one shipped board."""
    boards = tmp_path / "boards"
    boards.mkdir()
    shutil.copy(ROOT / "leaderboards" / "bair-pred.csv", boards)
    return boards


def edit(path, line, **cells):
    """Change cells of one line, the header being line 1; `_delete` removes it."""
    with path.open(newline="") as file:
        table = list(csv.reader(file))
    for column, value in cells.items():
        table[line - 1][table[0].index(column)] = value
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)


def places(folder):
    return [(Path(f.file).name, f.row, f.column) for f in check_folder(folder)[1]]


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"value": "sixty-two"}, "value"),
        ({"value": "nan"}, "value"),
        ({"value": "-62"}, "value"),
        ({"spread": "-0.1"}, "spread"),
        ({"spread": ""}, "spread_kind"),
        ({"metric": "FVDD"}, "metric"),
        ({"status": "believed"}, "status"),
        ({"id": "MAGVIT L"}, "id"),
        ({"confidence": "sure"}, "confidence"),
        ({"source": ""}, "source"),
        ({"paper": ""}, "paper"),
        ({"arxiv": "2212.5199"}, "arxiv"),
        ({"year": "2021"}, "year"),
        ({"context_frames": "16"}, "context_frames"),
        ({"samples": "2048"}, "group"),
        ({"known_error": "copied"}, "known_error"),
        ({"camera": "image-main"}, "group"),
        ({"reference": "reconstructions"}, "known_error"),
        ({"result_sha256": "0" * 64}, "result_sha256"),
    ],
)
def test_a_faulty_cell_is_named(folder, cells, column):
    edit(folder / "bair-pred.csv", 4, **cells)
    assert ("bair-pred.csv", 4, column) in places(folder)
    assert all(place[:2] == ("bair-pred.csv", 4) for place in places(folder))


def test_a_repeated_id_is_named_with_the_row_that_has_it(folder):
    edit(folder / "bair-pred.csv", 5, id="magvit-l-fp-fvd")
    (finding,) = check_folder(folder)[1]
    assert (finding.row, finding.column) == (5, "id")
    assert "row 2" in finding.message


def test_the_header_is_held_to_the_schema(folder):
    path = folder / "bair-pred.csv"
    text = path.read_text()
    path.write_text(text.replace("spread_kind", "spread_kin", 1))
    assert places(folder) == [("bair-pred.csv", 1, "spread_kin")]
    path.write_text(text.replace("id,status", "status,id", 1))
    assert places(folder) == [("bair-pred.csv", 1, "")]


def test_a_row_with_a_cell_too_many_is_named(folder):
    path = folder / "bair-pred.csv"
    lines = path.read_text().splitlines()
    lines[2] += ",more"
    path.write_text("\n".join(lines) + "\n")
    assert places(folder) == [("bair-pred.csv", 3, "")]


def test_exit_codes_and_output(folder):
    fine = CliRunner().invoke(command, ["check", str(folder)])
    assert fine.exit_code == 0
    assert "49 rows" in fine.output
    assert CliRunner().invoke(command, ["check", "--leaderboards", str(folder)]).output == fine.output
    twice = CliRunner().invoke(command, ["check", str(folder), "--leaderboards", str(folder)])
    assert (twice.exit_code, "give one of them" in twice.output) == (2, True)
    edit(folder / "bair-pred.csv", 4, value="x")
    found = CliRunner().invoke(command, ["check", str(folder)])
    assert found.exit_code == 1
    assert f"{folder / 'bair-pred.csv'}, row 4, column 'value'" in found.output
    document = json.loads(CliRunner().invoke(command, ["check", str(folder), "--json"]).output)
    assert [each["column"] for each in document["findings"]] == ["value"]


@pytest.fixture
def measured(folder, tmp_path, result_document):
    """Return a folder with one measured result, and the stored file."""
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result_document))
    add_result(path, folder, Submission(model="Third Party"))
    assert check_folder(folder)[1] == []
    (stored,) = (folder / "results").iterdir()
    return folder, stored


def test_a_changed_stored_result_is_found(measured):
    folder, stored = measured
    stored.write_text(stored.read_text().replace("56.0", "16.0"))
    findings = check_folder(folder)[1]
    assert {(f.row, f.column) for f in findings} == {(2, "result_sha256"), (3, "result_sha256"), (4, "result_sha256")}
    assert "changed" in findings[0].message


def test_a_missing_and_a_foreign_stored_result_are_found(measured):
    folder, stored = measured
    stored.rename(stored.with_name(f"{'f' * 64}.json"))
    findings = check_folder(folder)[1]
    assert sum("missing" in f.message for f in findings) == 3
    assert Path(findings[-1].file).name == f"{'f' * 64}.json"


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"value": "46.0"}, "value"),
        ({"spread": "0.1"}, "spread"),
        ({"fingerprint": "0" * 64}, "fingerprint"),
        ({"task_version": "9"}, "task_version"),
        ({"source": "somewhere"}, "source"),
    ],
)
def test_a_row_that_says_something_else_than_its_result_is_found(measured, cells, column):
    folder, _ = measured
    edit(folder / "shapes-gen.csv", 2, **cells)
    assert ("shapes-gen.csv", 2, column) in places(folder)


def test_a_row_on_another_tasks_board_is_found(measured):
    folder, _ = measured
    (folder / "shapes-gen.csv").rename(folder / "ucf101-gen.csv")
    assert {place[2] for place in places(folder)} == {"task"}


@pytest.mark.parametrize(
    ("value", "finding"),
    [("0.001", "the flag 'below-floor', which the row"), ("999.0", "which a trivial model reaches")],
)
def test_a_forged_result_with_a_matching_hash_is_still_held_against_its_task(measured, result_document, value, finding):
    import hashlib

    folder, stored = measured
    forged_value = float(value)
    interval = [forged_value / 2, forged_value * 1.5]
    result_document["metrics"]["fvd-shapes"] |= {"value": forged_value, "interval": interval}
    content = json.dumps(result_document).encode()
    forged = hashlib.sha256(content).hexdigest()
    stored.unlink()
    (folder / "results" / f"{forged}.json").write_bytes(content)
    board = folder / "shapes-gen.csv"
    board.write_text(board.read_text().replace(stored.stem, forged).replace("56.0", value))
    assert any(finding in f.message for f in check_folder(folder)[1])


@pytest.mark.parametrize("value", ["0", "-0.0", "1e-400", "1_000", "６２", "+62", "0x3e", "inf", "62,0"])
def test_a_value_that_cannot_be_is_named(folder, value):
    edit(folder / "bair-pred.csv", 4, value=value)
    assert places(folder) == [("bair-pred.csv", 4, "value")]


@pytest.mark.parametrize(("metric", "classes"), [("IS(C3D)", 101), ("IS(I3D-K600)", 600), ("IS", 1008)])
def test_an_inception_score_is_at_most_the_number_of_classes(metric, classes):
    from vidbench.leaderboard.rows import attainable

    assert attainable(metric) == (1.0, classes)


@pytest.mark.parametrize(
    ("metric", "value", "reason"),
    [
        ("recall", 0.0, None),
        ("coverage-shapes", 0.0, None),
        ("density", 0.0, None),
        ("psnr", 0.0, None),
        ("fvd", 0.0, "no score is exactly 0"),
        ("kid", 0.0, "no score is exactly 0"),
        ("is", 0.0, "no score is exactly 0"),
        ("recall", 1.5, "1.5 is outside the attainable range, 0 to 1"),
        ("is-shapes", 25.0, "25 is outside the attainable range, 1 to 24 (the number of classes)"),
        ("IS", 2000.0, "2000 is outside the attainable range, 1 to 1008 (the number of classes)"),
    ],
)
def test_a_value_is_held_to_the_range_of_its_metric(folder, metric, value, reason):
    from vidbench.leaderboard.boards import read_board
    from vidbench.leaderboard.rows import problems

    row = read_board(folder, "bair-pred").rows[0].model_copy(update={"metric": metric, "value": value})
    said = [message for column, message in problems(row) if column == "value"]
    assert said == ([] if reason is None else [reason])


@pytest.mark.parametrize(
    ("value", "digits"),
    [(5e-05, 1), (0.0123, 3), (-12.5, 3), (100.0, 1), (1234.0, 4), (101.0, 3), (0.05, 1), (1e20, 1), (62.1, 3)],
)
def test_significant_digits_are_counted_whatever_the_size(value, digits):
    from vidbench.leaderboard.copies import _digits

    assert _digits(value) == digits


def test_copied_rows_are_found_in_one_board_and_in_two(folder):
    board = folder / "bair-pred.csv"
    lines = board.read_text().splitlines(keepends=True)
    assert lines[1].startswith("magvit-l-fp-fvd,reported,method,MAGVIT-L-FP,")
    again = lines[1].replace("magvit-l-fp-fvd", "again", 1)
    renamed = again.replace("MAGVIT-L-FP", "Mine", 1)
    for copy in (again, renamed):
        board.write_text("".join([*lines, copy]))
        (finding,) = check_folder(folder)[1]
        assert (finding.row, finding.column) == (len(lines) + 1, "value")
        assert "'magvit-l-fp-fvd', row 2 of" in finding.message
    board.write_text("".join(lines))
    (folder / "bair-pred-debiased.csv").write_text("".join([lines[0], renamed]))
    assert [Path(f.file).name for f in check_folder(folder)[1]] == ["bair-pred.csv"]


def test_a_measured_row_stands_once_whatever_it_is_called(measured):
    folder, _ = measured
    board = folder / "shapes-gen.csv"
    lines = board.read_text().splitlines(keepends=True)
    for model in ("third-party", "Another"):
        board.write_text("".join([*lines, "x" + lines[1].replace(",third-party,", f",{model},")]))
        (finding,) = check_folder(folder)[1]
        assert (finding.row, finding.column) == (len(lines) + 1, "value")
        assert "repeats the numbers of" in finding.message


def test_two_results_with_the_same_scores_are_one(measured, tmp_path, result_document):
    from vidbench.errors import InputError
    from vidbench.leaderboard.adding import result_rows
    from vidbench.leaderboard.boards import append_rows
    from vidbench.results.schema import Result
    from vidbench.tasks import load_task

    folder, _ = measured
    result_document["execution"]["seconds"] = 2.0
    path = tmp_path / "again.json"
    path.write_text(json.dumps(result_document))
    before = (folder / "shapes-gen.csv").read_bytes()
    with pytest.raises(InputError, match="repeats every score of 'third-party"):
        add_result(path, folder, Submission(model="Another"))
    assert (folder / "shapes-gen.csv").read_bytes() == before
    # Whoever edits the file instead of using `add` is found by `check`.
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "results" / f"{digest}.json").write_bytes(path.read_bytes())
    result = Result.model_validate(result_document)
    rows = result_rows(result, load_task("shapes-gen").task, digest, Submission(model="Another"))
    append_rows(folder / "shapes-gen.csv", rows)
    (finding,) = check_folder(folder)[1]
    assert "repeats every score of the result" in finding.message


@pytest.mark.parametrize(
    "name", ["bair-pred (1).csv", "BAIR-pred.csv", "bair-pred.CSV", "bair-pred.csv.bak", ".bair-pred.csv.swp", "x.csv"]
)
def test_a_file_that_looks_like_a_board_is_found(folder, name):
    (folder / name).write_text((folder / "bair-pred.csv").read_text())
    assert (name, 0, "") in places(folder)


@pytest.mark.parametrize("text", ["a\x1b[31m", "a\nb", "a\u202eb", "a\u200bb", "=1+1", "@x", "javascript:alert(1)"])
@pytest.mark.parametrize("column", ["model", "setting", "paper", "source", "table", "correction"])
def test_text_that_would_take_effect_where_it_is_shown_is_named(folder, column, text):
    edit(folder / "bair-pred.csv", 4, **{column: text})
    assert ("bair-pred.csv", 4, column) in places(folder)
