"""Locks that die with their process, and leftovers of dead processes."""

from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import signal
import threading
import time

import pytest

from vidmetrics.errors import InputError
from vidmetrics.files import check_writable, temporary_name, write_text
from vidmetrics.locks import in_made_folder, is_at, owner_mark, remove_leftovers, sole_writer

FORK = multiprocessing.get_context("fork")


@pytest.mark.parametrize("inside", [False, True])
def test_a_second_writer_is_refused_and_nothing_is_left(tmp_path, inside):
    output = tmp_path / "runs" / "out"
    with sole_writer(output, inside=inside):
        assert len(list(tmp_path.rglob(".*lock"))) == 1 + inside
        with (
            pytest.raises(InputError, match=r"Another process is writing .*/runs/out: wait"),
            sole_writer(output, inside=inside),
        ):
            pass
        with sole_writer(tmp_path / "runs" / "other", inside=inside):
            pass
    assert not list(tmp_path.iterdir())  # not even the folders that the lock needed
    with sole_writer(output, inside=inside):
        pass


def test_a_folder_that_appears_whole_and_one_that_is_extended_exclude_each_other(tmp_path):
    for first in (False, True):
        with sole_writer(tmp_path / "out", inside=first), pytest.raises(InputError):  # noqa: SIM117
            with sole_writer(tmp_path / "out", inside=not first):
                pass


def test_another_name_of_the_same_folder_is_the_same_output(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with (
        sole_writer(tmp_path / "real", inside=True),
        pytest.raises(InputError),
        sole_writer(tmp_path / "link", inside=True),
    ):
        pass


def test_what_was_written_meanwhile_stays(tmp_path):
    with sole_writer(tmp_path / "out", inside=True):
        write_text(tmp_path / "out" / "result.json", "{}")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["result.json"]


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    def hold():
        with sole_writer(tmp_path / "out"):
            (tmp_path / "held").touch()
            time.sleep(60)

    process = FORK.Process(target=hold)
    process.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.005)
    with pytest.raises(InputError), sole_writer(tmp_path / "out"):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert (tmp_path / ".out.lock").exists()
    with sole_writer(tmp_path / "out"):
        pass
    assert not (tmp_path / ".out.lock").exists()


def test_writers_that_wait_come_one_after_the_other(tmp_path):
    """Each lock file is removed and created again, so a waiting one must notice that it locked a removed file."""
    (tmp_path / "count").write_text("0")

    def add_some():
        for _ in range(20):
            with sole_writer(tmp_path / "count", wait=True):
                number = int((tmp_path / "count").read_text())
                time.sleep(0.0005)
                (tmp_path / "count").write_text(str(number + 1))

    processes = [FORK.Process(target=add_some) for _ in range(3)]
    threads = [threading.Thread(target=add_some) for _ in range(2)]
    for one in (*processes, *threads):
        one.start()
    for one in (*processes, *threads):
        one.join(30)
    assert (tmp_path / "count").read_text() == "100"
    assert [path.name for path in tmp_path.iterdir()] == ["count"]


def test_a_folder_that_vanishes_while_it_is_empty_is_made_again(tmp_path):
    folder = tmp_path / "a" / "b"
    vanished = []

    def write():
        if len(vanished) < 3:
            folder.rmdir()
            vanished.append(folder.parent.rmdir())
        return (folder / "file").write_text("whole")

    assert in_made_folder(folder, write) == 5
    assert len(vanished) == 3
    with pytest.raises(FileNotFoundError):  # as /proc says of every new file
        in_made_folder(tmp_path / "c", lambda: (tmp_path / "d" / "file").write_text(""))
    with pytest.raises(NotADirectoryError):
        in_made_folder(folder / "file" / "below", write)


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch):
    def refuse(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.warns(RuntimeWarning, match="without locks"), sole_writer(tmp_path / "out"):
        pass


def test_a_lock_is_not_taken_through_a_link(tmp_path):
    (tmp_path / "precious").write_text("content")
    (tmp_path / ".out.lock").symlink_to("precious")
    with pytest.raises(OSError, match="symbolic"), sole_writer(tmp_path / "out"):
        pass
    assert (tmp_path / "precious").read_text() == "content"


def _in_a_process_that_ends(function) -> None:
    process = FORK.Process(target=function)
    process.start()
    process.join()
    assert process.exitcode == 0


def test_leftovers_of_dead_processes_are_removed_and_those_of_living_ones_stay(tmp_path):
    def leave():
        temporary_name(tmp_path / "state.safetensors").write_text("half")
        folder = temporary_name(tmp_path / "site")
        folder.mkdir()
        (folder / "index.html").write_text("half")

    _in_a_process_that_ends(leave)
    mine = temporary_name(tmp_path / "state.safetensors")
    mine.write_text("half")
    elsewhere = tmp_path / f".state.{'0' * 8}-{os.getpid()}-{'1' * 8}.npy"
    old = tmp_path / f".state.{'f' * 8}-1-{'1' * 8}.npy"
    older_format = tmp_path / f".state.{'a' * 16}.npy"
    for path in (elsewhere, old, older_format):
        path.write_text("half")
    for path in (old, older_format):
        os.utime(path, (time.time() - 90000,) * 2)
    users = [tmp_path / name for name in (".gitignore", ".state.npy", f".x.{owner_mark()}.part.json", "state.npy")]
    for path in users:
        path.write_text("kept")
    assert len(list(tmp_path.iterdir())) == 10
    remove_leftovers(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([mine, elsewhere, *users])


def test_whoever_writes_next_into_the_folder_removes_them(tmp_path):
    _in_a_process_that_ends(lambda: temporary_name(tmp_path / "one.json").write_text("half"))
    write_text(tmp_path / "two.json", "{}")
    assert [path.name for path in tmp_path.iterdir()] == ["two.json"]


def test_whoever_checks_the_folder_next_removes_them(tmp_path):
    """A command that writes a folder next to it writes no file here: the trial file of a killed one stayed forever."""
    _in_a_process_that_ends(lambda: temporary_name(tmp_path / "writable").write_text("x"))
    check_writable(tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_where_no_file_can_be_made_ends_with_an_error(tmp_path, monkeypatch):
    """/proc says of every new file that its folder does not exist."""
    real = os.open

    tries = []

    def absent(path, flags, *rest, **more):
        if str(path).endswith(".lock"):
            tries.append(path)
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", absent)
    with pytest.raises(FileNotFoundError), sole_writer(tmp_path / "out"):
        pytest.fail("nothing was locked")
    assert len(tries) == 100


def test_locking_says_nothing(tmp_path, recwarn):
    with sole_writer(tmp_path / "out"):
        pass
    assert [str(warning.message) for warning in recwarn] == []


def test_a_link_to_an_open_file_is_not_its_path(tmp_path):
    path = tmp_path / "a.part"
    with path.open("wb") as file:
        assert is_at(file, path)
        path.rename(tmp_path / "b.part")
        assert not is_at(file, path)
        path.symlink_to("b.part")
        assert not is_at(file, path)
        assert is_at(file, tmp_path / "b.part")
        assert not is_at(file, tmp_path / "c.part")
