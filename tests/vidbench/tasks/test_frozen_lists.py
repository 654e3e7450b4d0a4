"""Frozen lists as files, and the tasks that are held to them."""

from __future__ import annotations

import json
import re

import pytest

from vidbench.errors import InputError
from vidbench.tasks import frozen_lists, load_task, loading, task_names
from vidbench.tasks.frozen_lists import (
    FrozenList,
    FrozenSplit,
    FrozenTask,
    list_of,
    read_frozen_list,
    shipped_lists,
    split_name,
    write_frozen_list,
)
from vidbench.tasks.rehearsals import rehearsal_of
from vidbench.tasks.words import protocol_text
from vidbench.tasks.writing import task_toml


def frozen(year: int = 2026, name: str = "k600-gen", videos: int = 3) -> FrozenList:
    task = load_task(name).task
    split = FrozenSplit(
        official=4, class_names=("a", "b"), videos={f"v{i}": (i % 2, f"{i:016x}") for i in range(videos)}
    )
    named = FrozenTask(name=name, version=task.version, fingerprint=task.fingerprint)
    return FrozenList(year=year, task=named, manifest_sha256="0" * 64, splits={"train": split, "val": split})


@pytest.fixture
def ships(tmp_path, monkeypatch):
    """The lists of 2026 and 2027 ship for k600-gen."""
    files = {}
    for year in (2026, 2027):
        path = tmp_path / f"k600-gen@{year}.json"
        write_frozen_list(path, frozen(year, videos=year - 2023))
        files[f"k600-gen@{year}"] = path
    for module in (frozen_lists, loading):
        monkeypatch.setattr(module, "shipped_lists", lambda: files)


def test_no_list_ships_yet_and_the_sentence_says_so():
    assert shipped_lists() == {}
    assert not any("@" in name for name in task_names())
    with pytest.raises(InputError) as caught:
        load_task("k600-gen@2026")
    assert str(caught.value) == (
        "No list of 2026 ships for 'k600-gen' (there is none): use one of those, 'k600-gen' itself, or 'k600-gen@FILE.json' with a "
        "file of `vidbench data freeze`."
    )


def test_each_year_is_a_task_of_its_own(ships):
    assert {"k600-gen", "k600-gen@2026", "k600-gen@2027"} < set(task_names())
    plain, first, second = (load_task(f"k600-gen{year}") for year in ("", "@2026", "@2027"))
    assert first.shipped
    assert len({each.task.fingerprint for each in (plain, first, second)}) == 3
    assert (first.task.name, first.task.data.min_coverage, first.task.data.frozen) == ("k600-gen@2026", 1.0, "2026")
    assert list_of(first.task.data).splits["train"].videos.keys() == {"v0", "v1", "v2"}
    assert "exactly the videos of the frozen list of 2026" in " ".join(protocol_text(first.task).split())
    with pytest.raises(InputError, match=re.escape("(there is k600-gen@2026, k600-gen@2027)")):
        load_task("k600-gen@2025")
    assert not list_of(plain.task.data)
    assert not rehearsal_of(first.task, 4).data.frozen


def test_a_given_list_is_not_shipped_and_must_be_of_the_task(tmp_path):
    path = tmp_path / "own.json"
    sealed = write_frozen_list(path, frozen())
    loaded = load_task(f"k600-gen@{path}")
    assert (loaded.shipped, loaded.task.data.frozen_sha256) == (False, sealed.sha256)
    assert read_frozen_list(path).sha256 == sealed.sha256
    with pytest.raises(InputError, match=r"list of 2026 is of the task 'k600-gen' v1 .* and this is 'k600-pred' v1"):
        load_task(f"k600-pred@{path}")
    with pytest.raises(InputError, match=r"held to frames of the exact conversion: omit '\+ffmpeg-default'"):
        load_task(f"k600-gen@{path}+ffmpeg-default")
    # A task file may name the list, which is found where it was read before.
    (tmp_path / "own.toml").write_text(task_toml(loaded.task.model_copy(update={"name": "own"})))
    assert list_of(load_task(str(tmp_path / "own.toml")).task.data) is not None
    text = (tmp_path / "own.toml").read_text().replace(sealed.sha256, "f" * 64)
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(InputError, match=r"held to the frozen list ffffffffffff of 2026, which is not here"):
        list_of(load_task(str(tmp_path / "own.toml")).task.data)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d["splits"]["train"]["videos"].pop("v0"), "was changed after it was written"),
        (lambda d: d.update(year=2027), "was changed after it was written"),
        (lambda d: d.update(extra=1), "no frozen list, at 'extra'"),
        (lambda d: d["splits"]["train"]["videos"].update(v0=[0, "short"]), "no frozen list, at 'splits.train"),
        (lambda d: d.clear(), "no frozen list"),
    ],
)
def test_a_list_that_was_changed_is_refused_in_one_sentence(tmp_path, change, word):
    path = tmp_path / "own.json"
    write_frozen_list(path, frozen())
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(InputError) as caught:
        load_task(f"k600-gen@{path}")
    assert word in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_class_that_there_is_not_and_a_split_that_is_lacking(tmp_path):
    split = FrozenSplit(official=1, class_names=("a",), videos={"v": (1, "0" * 16)})
    write_frozen_list(tmp_path / "a.json", frozen().model_copy(update={"splits": {"train": split, "val": split}}))
    with pytest.raises(InputError, match=r"has the class 1 in split 'train', and there are 1 classes"):
        load_task(f"k600-gen@{tmp_path / 'a.json'}")
    write_frozen_list(tmp_path / "b.json", frozen().model_copy(update={"splits": {"train": frozen().splits["train"]}}))
    with pytest.raises(InputError, match=r"lacks the split 'val' of the task 'k600-gen'"):
        load_task(f"k600-gen@{tmp_path / 'b.json'}")
    with pytest.raises(InputError, match=r"nowhere\.json does not exist"):
        load_task("k600-gen@nowhere.json")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("k600-gen@2026", ("k600-gen", "2026")),
        ("k600-gen@lists/k600-gen@2026.json", ("k600-gen", "lists/k600-gen@2026.json")),
        ("a@b/task.toml@2026", ("a@b/task.toml", "2026")),
        ("a@b/task.toml", None),
        ("k600-gen@26", None),
        ("k600-gen", None),
    ],
)
def test_what_follows_the_at_sign_is_a_year_or_a_file(name, parts):
    assert split_name(name) == parts
