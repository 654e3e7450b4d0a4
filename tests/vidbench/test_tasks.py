"""Task files: reading, refusing, the fingerprint, and the words that `tasks show` prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vidbench.errors import InputError
from vidbench.tasks import load_task, task_names
from vidbench.tasks.schema import Task
from vidbench.tasks.words import describe


@pytest.fixture
def own(tmp_path):
    """A task file of the user's own, as text that a test may change."""
    content = Path(load_task("shapes-gen").origin).read_text(encoding="utf-8")
    path = tmp_path / "own.toml"

    def write(*changes: tuple[str, str]) -> str:
        changed = content
        for old, new in changes:
            assert old in changed, old
            changed = changed.replace(old, new, 1)
        path.write_text(changed, encoding="utf-8")
        return str(path)

    return write


@pytest.mark.parametrize("name", task_names())
def test_shipped_tasks_load_under_their_own_name(name):
    loaded = load_task(name)
    assert loaded.shipped
    assert loaded.task.name == name
    assert loaded.task.notes, "a protocol says where its choices come from"


def test_own_file_is_not_shipped_but_has_the_same_fingerprint(own):
    loaded = load_task(own())
    assert not loaded.shipped
    assert loaded.task.fingerprint == load_task("shapes-gen").task.fingerprint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("num_frames = 12", "num_frames = 13"),
        ("num_samples = 1024", "num_samples = 1023"),
        ('reference_split = "train"', 'reference_split = "test"'),
        ('"is-shapes"]', "]"),
        ("version = 1", "version = 2"),
    ],
)
def test_whatever_decides_the_number_changes_the_fingerprint(own, old, new):
    assert load_task(own((old, new))).task.fingerprint != load_task("shapes-gen").task.fingerprint


def test_words_do_not_change_the_fingerprint(own):
    changed = load_task(own(("title = ", 'title = "Another title" #'), ('origin = "ours"', 'origin = "published"')))
    assert changed.task.fingerprint == load_task("shapes-gen").task.fingerprint


def test_every_field_outside_the_words_enters_the_fingerprint():
    # A new top-level field must not slip past the fingerprint unnoticed.
    assert set(Task.model_fields) - {"title", "description", "notes"} == {
        "name",
        "version",
        "data",
        "clips",
        "reference",
        "evaluation",
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("num_frames", "num_frame"), "did you mean 'clips.num_frames'"),
        (("num_frames = 12", "num_frames = 0"), "clips.num_frames"),
        (("num_frames = 12", 'num_frames = "12"'), "clips.num_frames"),
        (("height = 32\n", ""), "clips.height"),
        (('labels = "balanced"', 'labels = "balancd"'), "evaluation.labels"),
        (("num_frames = 12", "num_frames = 12\ncontext_frames = 12"), "context_frames"),
        (('ceiling = "noise"', 'ceiling = "copy"'), "copy"),
        (("[data]", "[data"), "TOML"),
    ],
)
def test_a_bad_file_is_refused_in_one_sentence_that_names_key_and_file(own, change, expected):
    path = own(change)
    with pytest.raises(InputError) as caught:
        load_task(path)
    sentence = str(caught.value)
    assert expected in sentence
    assert path in sentence
    assert "\n" not in sentence


def test_a_typo_suggests_the_right_task():
    with pytest.raises(InputError, match=re.escape("did you mean 'shapes-gen'?")):
        load_task("shape-gen")


def test_a_missing_file_is_refused():
    with pytest.raises(InputError, match=r"nowhere\.toml does not exist"):
        load_task("nowhere.toml")


@pytest.mark.parametrize("name", task_names())
def test_the_words_hold_the_numbers_and_the_fingerprint(name):
    task = load_task(name).task
    words = describe(task)
    assert task.fingerprint in words
    assert f"{task.evaluation.num_samples:,}" in words
    for metric in task.evaluation.metrics:
        assert metric in words
    assert words.count("[our choice]") == sum(note.origin == "ours" for note in task.notes)
