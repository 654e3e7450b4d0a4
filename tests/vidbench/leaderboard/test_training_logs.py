"""The training logs of the checkpoints of rows, which say nothing about the tier of a row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidbench.errors import InputError
from vidbench.leaderboard.adding import Submission, add_result
from vidbench.leaderboard.boards import read_board
from vidbench.leaderboard.check import check_folder
from vidbench.leaderboard.pages.build import build_site
from vidbench.leaderboard.training_logs import INDEX, final_checkpoint, held_trainings, training_faults
from vidbench.results.schema import read_result

BOARDS = Path(__file__).resolve().parents[3] / "leaderboards"
_DIGEST = "a" * 64


@pytest.fixture
def result(tmp_path, result_document):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result_document))
    return path


def _log(path, digest):
    path.write_text(f'{{"event": "start"}}\n{{"event": "stop", "step": 9, "checkpoint_sha256": "{digest}"}}\n')
    return path


def test_every_shipped_row_has_its_training_log():
    held = held_trainings(BOARDS)
    for name in ("shapes-gen", "shapes-pred"):
        for row in read_board(BOARDS, name).rows:
            digest = read_result(BOARDS / "results" / f"{row.result_sha256}.json").model.checkpoint_sha256
            assert final_checkpoint(BOARDS.parent / held[digest][-1]) == digest
    assert training_faults(BOARDS) == []


def test_a_result_is_claimed_with_and_without_a_training_log(tmp_path, result):
    log = _log(tmp_path / "train.jsonl", _DIGEST)
    assert {row.status for row in add_result(result, tmp_path / "boards", Submission())} == {"claimed"}
    with_log = Submission(training_logs=(log,))
    assert {row.status for row in add_result(result, tmp_path / "others", with_log)} == {"claimed"}


def test_a_training_log_is_stored_and_shown_with_the_rows(tmp_path, result):
    logs = (_log(tmp_path / "first.jsonl", "b" * 64), _log(tmp_path / "last.jsonl", _DIGEST))
    add_result(result, tmp_path / "boards", Submission(training_logs=logs))
    stored = held_trainings(tmp_path / "boards")[_DIGEST]
    assert [(tmp_path / name).read_bytes() for name in stored] == [log.read_bytes() for log in logs]
    assert check_folder(tmp_path / "boards")[1] == []
    build_site(tmp_path / "boards", tmp_path / "site")
    page = (tmp_path / "site" / "shapes-gen.html").read_text()
    assert page.count(f"the training logs of the checkpoint are in the repository: {', '.join(stored)}") == 3


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ('{"event": "stop", "checkpoint_sha256": "' + "c" * 64 + '"}\n', "ended with the checkpoint cccccccccccc"),
        ('{"event": "start"}\n', "does not end with a checkpoint"),
        ("not JSON\n", "does not end with a checkpoint"),
        ("", "does not end with a checkpoint"),
        (None, "does not exist"),
    ],
)
def test_the_log_of_another_training_is_refused_and_nothing_is_written(tmp_path, result, content, word):
    log = tmp_path / "train.jsonl"
    if content is not None:
        log.write_text(content)
    with pytest.raises(InputError, match=word):
        add_result(result, tmp_path / "boards", Submission(training_logs=(log,)))
    assert not (tmp_path / "boards").exists()


def test_check_finds_a_log_that_is_missing_or_of_another_training(tmp_path, result):
    log = _log(tmp_path / "train.jsonl", _DIGEST)
    add_result(result, tmp_path / "boards", Submission(training_logs=(log,)))
    index = tmp_path / "boards" / INDEX
    text = index.read_text()
    (stored,) = held_trainings(tmp_path / "boards")[_DIGEST]
    _log(tmp_path / stored, "d" * 64)
    assert [f.message for f in check_folder(tmp_path / "boards")[1]] == [
        f"the training log {stored} ends with another checkpoint"
    ]
    (tmp_path / stored).unlink()
    assert [f.message for f in check_folder(tmp_path / "boards")[1]] == [f"the training log {stored} is missing"]
    index.unlink()
    assert check_folder(tmp_path / "boards")[1] == []
    index.write_text(text.replace(_DIGEST, "short"))
    assert "is not valid" in check_folder(tmp_path / "boards")[1][0].message
    index.write_text(text.replace(stored, "../../etc/passwd"))
    assert "is missing" in check_folder(tmp_path / "boards")[1][0].message
