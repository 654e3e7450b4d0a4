"""What a board says of a group beyond its name: an earlier version, and a task that is deprecated or broken."""

from __future__ import annotations

import json

import pytest

from vidbench.leaderboard import group_notes as notes_of
from vidbench.leaderboard.adding import Submission, add_result
from vidbench.leaderboard.boards import read_board
from vidbench.leaderboard.group_notes import group_notes, is_earlier
from vidbench.leaderboard.ranking import rank_groups
from vidbench.leaderboard.rows import without_clips
from vidbench.tasks import load_task


@pytest.fixture
def rows(tmp_path, result_document):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(result_document))
    add_result(path, tmp_path / "boards", Submission(model="Mine", training="train", extra_data="none"))
    return read_board(tmp_path / "boards", "shapes-gen").rows


def now(monkeypatch, **changes):
    """What ships is another version, or has another status."""
    loaded = load_task("shapes-gen")
    task = loaded.task.model_copy(update=changes)
    monkeypatch.setattr(notes_of, "load_task", lambda name: type("Loaded", (), {"task": task}))


def test_rows_of_an_earlier_version_have_a_section_of_their_own_at_the_end(rows, monkeypatch):
    now(monkeypatch, version=2)
    newer = [
        row.model_copy(
            update={
                "id": f"{row.id}-new",
                "task_version": 2,
                "group": row.group.replace("shapes-gen-v1", "shapes-gen-v2"),
            }
        )
        for row in rows
    ]
    groups = rank_groups([*rows, *newer])
    assert [group.entries[0].row.task_version for group in groups] == [2, 2, 2, 1, 1, 1]
    sentence = "Version 1 of 'shapes-gen', which is now in version 2: ranked among rows of its own version."
    assert [group.notes for group in groups] == [(), (), (), *[(sentence,)] * 3]
    assert is_earlier(rows)
    assert not is_earlier(newer)


@pytest.mark.parametrize("status", ["deprecated", "broken"])
def test_the_status_of_the_task_stands_at_its_rows(rows, monkeypatch, status):
    now(monkeypatch, status=status, reason="It is old.", successor="shapes-pred")
    for group in rank_groups(rows):
        (note,) = group.notes
        assert note.startswith(f"The task 'shapes-gen' is {status}")
        assert note.endswith("It is old; use 'shapes-pred' instead.")


def test_an_active_task_without_other_clips_needs_no_note(rows):
    names = [row.group for row in rows]
    assert not any(group_notes(row.group, [row], names) for row in rows)
    distances = [row for row in rows if row.reference_sha256]
    assert all(without_clips(row.group) + f"/clips={row.reference_sha256[:12]}" == row.group for row in distances)
