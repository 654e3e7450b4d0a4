"""The plan and the notes of an interrupted export: what cannot be read is said, and never taken for nothing."""

from __future__ import annotations

import pytest

from vidbench.errors import InputError
from vidbench.samples.unfinished import note_chunk, noted_chunks, planned


def test_notes_come_back_and_a_damaged_line_is_said(tmp_path, capsys):
    path = tmp_path / "written.jsonl"
    assert noted_chunks(path) == {}
    note_chunk(path, 0, {"context": "a"})
    note_chunk(path, 1, {"context": "b"})
    assert noted_chunks(path) == {0: {"context": "a"}, 1: {"context": "b"}}
    assert not capsys.readouterr().err
    path.write_bytes(path.read_bytes()[:-20])
    assert noted_chunks(path) == {0: {"context": "a"}}
    assert f"Damaged or cut-off lines in {path}: 1; their clips will be written again." in capsys.readouterr().err


def test_a_folder_in_place_of_the_notes_is_refused(tmp_path):
    (tmp_path / "written.jsonl").mkdir()
    with pytest.raises(InputError, match=r"written.jsonl cannot be read \(it is a folder and not a file\)"):
        noted_chunks(tmp_path / "written.jsonl")


@pytest.mark.parametrize("content", ["", "[]", '{"sha": 1}', '{"sha256": "a"'])
def test_a_damaged_plan_is_said(tmp_path, capsys, content):
    path = tmp_path / "plan.json"
    assert planned(path, "an interrupted export") == {}
    assert not capsys.readouterr().err
    path.write_text('{"sha256": "abc"}')
    assert planned(path, "an interrupted export") == {"sha256": "abc"}
    path.write_text(content)
    assert planned(path, "an interrupted export") == {}
    assert "cannot be read (it is damaged), so all clips will be written again" in capsys.readouterr().err
