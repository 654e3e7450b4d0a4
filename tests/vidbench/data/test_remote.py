"""Folders at addresses: fsspec's file system in memory stands for the Hugging Face Hub."""

from __future__ import annotations

import hashlib
import sys

import fsspec
import numpy as np
import pytest

from tests.vidbench.cli.test_command_line import assert_refused, run
from vidbench.data import remote
from vidbench.data.remote import local_copy
from vidbench.errors import InputError
from vidbench.progress import Progress

ADDRESS = "memory://datasets/me/clips"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty file system that addresses ``memory://`` mean, and a home folder."""
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VIDBENCH_OFFLINE", raising=False)
    monkeypatch.setattr(remote, "SCHEMES", {"memory": "fsspec"})
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


def copied(address=ADDRESS):
    return local_copy(address, Progress(enabled=False))


def files_of(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_is_copied_whole_and_announced_first(hub, tmp_path, capsys):
    hub.pipe("/datasets/me/clips/a.npy", b"a" * 3_000_000)
    hub.pipe("/datasets/me/clips/b/c.npy", b"c")
    hub.pipe("/datasets/me/other.npy", b"x")
    copy = local_copy(ADDRESS, Progress())
    assert copy.name == "clips"
    assert tmp_path / "home" in copy.parents
    assert files_of(copy) == {"a.npy": b"a" * 3_000_000, "b/c.npy": b"c"}
    first, *_ = capsys.readouterr().err.splitlines()
    assert first.startswith(f"{ADDRESS}: 2 files, 3.0 MB, listing ")
    assert first.endswith(f"copying to {copy}")


def test_a_copy_is_made_once_and_another_state_is_another_copy(hub, monkeypatch, capsys):
    hub.pipe("/datasets/me/clips/a.npy", b"one")
    first = copied()
    monkeypatch.setattr(type(hub), "get_file", lambda *_: pytest.fail("copied again"))
    assert local_copy(ADDRESS, Progress()) == first
    assert "already copied" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setenv("VIDBENCH_HOME", str(first.parents[3]))
    monkeypatch.setattr(remote, "SCHEMES", {"memory": "fsspec"})
    hub.pipe("/datasets/me/clips/a.npy", b"two")
    second = copied()
    assert second != first
    assert (files_of(first), files_of(second)) == ({"a.npy": b"one"}, {"a.npy": b"two"})
    monkeypatch.setenv("VIDBENCH_OFFLINE", "1")
    hub.store.clear()
    assert copied() == second


def test_a_single_file_is_copied_under_its_name(hub):
    hub.pipe("/datasets/me/clips/a.npy", b"one")
    copy = copied(f"{ADDRESS}/a.npy")
    assert (copy.name, copy.read_bytes()) == ("a.npy", b"one")


def test_an_interrupted_copy_goes_on_and_is_not_read_before(hub, monkeypatch):
    for name in "abc":
        hub.pipe(f"/datasets/me/clips/{name}.npy", name.encode())
    get_file, got = type(hub).get_file, []

    def failing(self, path, target, *rest):
        got.append(path[-5])
        if got == ["a", "b"]:
            raise ConnectionError("reset by peer")
        return get_file(self, path, target, *rest)

    monkeypatch.setattr(type(hub), "get_file", failing)
    with pytest.raises(InputError, match=r"cannot be read \(ConnectionError: reset by peer\)"):
        copied()
    monkeypatch.setenv("VIDBENCH_OFFLINE", "1")
    with pytest.raises(InputError, match="Offline, and there is no copy"):
        copied()
    monkeypatch.delenv("VIDBENCH_OFFLINE")
    assert set(files_of(copied())) == {"a.npy", "b.npy", "c.npy"}
    assert got == ["a", "b", "b", "c"]


def test_bytes_that_are_not_the_listed_ones_are_refused(hub, monkeypatch):
    hub.pipe("/datasets/me/clips/a.npy", b"one")
    find = type(hub).find

    def with_sha256(self, root, **options):
        found = find(self, root, **options)
        return {path: {**info, "lfs": {"sha256": published}} for path, info in found.items()}

    monkeypatch.setattr(type(hub), "find", with_sha256)
    published = "0" * 64
    with pytest.raises(InputError, match=r"'a\.npy' is not the file that was listed"):
        copied()
    published = hashlib.sha256(b"one").hexdigest()
    assert files_of(copied()) == {"a.npy": b"one"}


@pytest.mark.parametrize("name", ["../../evil.npy", "a/../../evil.npy", "a\nb.npy", "a\\b.npy"])
def test_a_name_that_leads_elsewhere_is_refused(hub, tmp_path, monkeypatch, name):
    found = {f"/datasets/me/clips/{name}": {"name": name, "size": 1, "type": "file"}}
    monkeypatch.setattr(type(hub), "find", lambda self, root, detail: found)
    with pytest.raises(InputError, match="lists a name that no file here may have"):
        copied()
    assert not list(tmp_path.rglob("*evil*"))


def test_what_cannot_be_copied_is_one_sentence(hub, monkeypatch):
    with pytest.raises(InputError, match="has no files"):
        copied()
    with pytest.raises(InputError, match="names no folder"):
        copied("memory://")
    hub.pipe("/datasets/me/clips/a.npy", b"one")
    monkeypatch.setattr(remote.shutil, "disk_usage", lambda folder: remote.shutil._ntuple_diskusage(1, 1, 2))
    with pytest.raises(InputError, match=r"has 3 bytes, and .* has room for 2 bytes"):
        copied()


def test_commands_read_addresses(hub, tmp_path):
    clips = np.random.default_rng(0).integers(0, 256, size=(3, 8, 32, 32, 3)).astype(np.uint8)
    np.save(tmp_path / "clips.npy", clips)
    hub.pipe("/datasets/me/clips/clips.npy", (tmp_path / "clips.npy").read_bytes())
    words = ("--metric", "fvd-shapes", "--num-frames", "8", "--json")
    done = run("measure", f"{ADDRESS}/clips.npy", "clips.npy", *words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"{ADDRESS}/clips.npy: 1 file, " in done.stderr
    assert_refused(
        run("measure", "ftp://a/b", "clips.npy", *words, cwd=tmp_path), "ftp://a/b", "only memory:// is read"
    )


def test_a_missing_package_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("VIDBENCH_OFFLINE", raising=False)
    for words in (
        ("score", "--task", "shapes-gen", "--samples"),
        ("data", "scan"),
        ("evaluate", "--model", "noise", "--task", "k600-gen", "--data"),
    ):
        done = run(*words, "hf://datasets/me/clips", cwd=tmp_path)
        assert_refused(done, "hf://datasets/me/clips needs a package", "pip install 'vidbench[hf]'")
    assert not (tmp_path / "home").exists()
