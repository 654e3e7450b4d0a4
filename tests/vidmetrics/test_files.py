"""Files that appear whole or not at all, with the mode of any new file, and digests."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
import threading
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from vidmetrics.errors import InputError
from vidmetrics.files import (
    arrays_sha256,
    check_writable,
    file_changed,
    file_sha256,
    file_state,
    sync_folder,
    temporary_name,
    write_array,
    write_text,
    written_whole,
)

ROOT = Path(__file__).resolve().parents[2]


def test_nothing_else_hashes_files_or_makes_them_with_a_mode_of_its_own():
    words = re.compile(r"file_digest|os\.umask|mkstemp|mkdtemp|chmod\(")
    folders = ("metrics/vidmetrics", "vidbench", "baselines/dvdgan", "tools")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found = {str(path.relative_to(ROOT)) for path in files if words.search(path.read_text(encoding="utf-8"))}
    assert found == {"metrics/vidmetrics/files.py"}


@pytest.fixture(params=[0o022, 0o077, 0o002, 0o027], ids=oct)
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_mode_is_that_of_any_new_file(tmp_path, umask):
    (tmp_path / "plain").write_text("x")
    write_text(tmp_path / "text", "x")
    with written_whole(tmp_path / "tensors.safetensors") as temporary:
        save_file({"a": np.ones(3)}, temporary)  # replaces ours by a private file of its own
    with written_whole(tmp_path / "array.npy") as temporary:
        np.save(temporary, np.ones(3))
    assert {mode(path) for path in tmp_path.iterdir()} == {0o666 & ~umask}
    assert load_file(tmp_path / "tensors.safetensors")["a"].sum() == np.load(tmp_path / "array.npy").sum() == 3


def test_the_umask_is_never_changed(tmp_path, monkeypatch):
    # It belongs to the process: another thread would create its files with it.
    monkeypatch.setattr(os, "umask", lambda _: pytest.fail("the umask was changed"))
    write_text(tmp_path / "text", "x")


def test_what_was_there_stays_until_the_new_file_is_whole(tmp_path):
    path = tmp_path / "folder" / "a.txt"
    write_text(path, "old")

    def interrupted():
        with written_whole(path) as temporary:
            temporary.write_text("half")
            assert temporary.parent == path.parent
            assert temporary.suffix == path.suffix
            assert path.read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]
    assert path.read_text() == "old"
    write_text(path, "größer")
    assert path.read_bytes() == "größer".encode()
    assert [file.name for file in path.parent.iterdir()] == ["a.txt"]


def test_the_bytes_are_on_disk_before_the_name_is(tmp_path, monkeypatch):
    path, done = tmp_path / "a.bin", []

    def fsync(handle):
        state = os.fstat(handle)
        done.append(("folder" if stat.S_ISDIR(state.st_mode) else state.st_size, path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    with written_whole(path) as temporary:
        temporary.write_bytes(b"12345")
    assert done == [(5, False), ("folder", True)]


def test_many_writers_of_one_file_leave_one_of_theirs(tmp_path):
    path = tmp_path / "a.txt"
    threads = [threading.Thread(target=write_text, args=(path, str(i) * 1000)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert path.read_text() in {str(i) * 1000 for i in range(8)}
    assert len({temporary_name(path) for _ in range(100)}) == 100


def test_file_sha256(tmp_path):
    content = bytes(range(256)) * 9000
    (tmp_path / "a").write_bytes(content)
    assert file_sha256(tmp_path / "a") == hashlib.sha256(content).hexdigest()


def test_arrays_sha256_is_that_of_the_bytes_written_out():
    arrays = {"b": np.array([[1, 2, 3]], np.int16), "a": np.float32(0.5), "c": np.zeros((0, 2))}
    written = b"a <f4 []\n" + b"\0\0\0?" + b"b <i2 [1, 3]\n" + b"\1\0\2\0\3\0" + b"c <f8 [0, 2]\n"
    assert arrays_sha256(arrays) == hashlib.sha256(written).hexdigest()
    assert arrays_sha256(dict(reversed(arrays.items()))) == arrays_sha256(arrays)
    assert arrays_sha256({**arrays, "b": arrays["b"].astype(">i2")}) == arrays_sha256(arrays)
    strided = np.arange(6, dtype=np.int16).reshape(2, 3)[:, ::2]
    assert arrays_sha256({"b": strided}) == arrays_sha256({"b": strided.copy()})


@pytest.mark.parametrize(
    "changed",
    [{"x": np.arange(4.0)}, {"a": np.arange(4, dtype=np.float32)}, {"a": np.arange(4.0).reshape(2, 2)}],
    ids=["name", "dtype", "shape"],
)
def test_arrays_sha256_depends_on_more_than_values(changed):
    assert arrays_sha256(changed) != arrays_sha256({"a": np.arange(4.0)})


class FFmpegError(Exception):
    errno = 28


def spoilt(path, spoil):
    """Write a file and call ``spoil`` on its temporary; returns the error."""

    def write():
        with written_whole(path) as temporary:
            temporary.write_bytes(b"half")
            spoil(temporary)

    with pytest.raises(OSError) as refused:  # noqa: PT011 - its number is compared
        write()
    return refused.value


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        OSError("2000 requested and 0 written"),
        FFmpegError("avcodec"),
        RuntimeError('Error while serializing: I/O error: Os { code: 28, kind: StorageFull, message: "No space" }'),
        RuntimeError("I/O error: No space left on device (os error 28)"),
    ],
    ids=["python", "numpy", "ffmpeg", "rust", "rust-short"],
)
def test_a_full_disk_is_named_whoever_writes(tmp_path, error):
    def fails(temporary):
        raise error

    path = tmp_path / "folder" / "a.bin"
    refused = spoilt(path, fails)
    assert (refused.errno, refused.filename) == (28, str(path))
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_vanishes_is_named(tmp_path):
    def vanishes(temporary):
        temporary.unlink()
        temporary.parent.rmdir()

    path = tmp_path / "folder" / "a.bin"
    refused = spoilt(path, vanishes)
    assert (type(refused), refused.filename) == (FileNotFoundError, str(path))


def test_a_real_full_device_is_named(tmp_path):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")

    def fills(temporary):
        temporary.unlink()
        temporary.symlink_to("/dev/full")
        np.save(temporary, np.ones(100_000))

    refused = spoilt(tmp_path / "a.npy", fills)
    assert (refused.errno, refused.filename) == (28, str(tmp_path / "a.npy"))


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(KeyError), written_whole(tmp_path / "a"):
        raise KeyError
    with pytest.raises(FileNotFoundError, match="elsewhere"), written_whole(tmp_path / "a"):
        (tmp_path / "folder" / "elsewhere").read_bytes()
    for error in (OSError("We could not load the config"), ConnectionResetError(errno.ECONNRESET, "reset by peer")):
        with pytest.raises(type(error)) as raised, written_whole(tmp_path / "a"):
            raise error
        assert raised.value is error


def test_a_link_at_the_end_of_a_path_is_replaced_not_followed(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to("target")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "target").read_text() == "old"
    assert not (tmp_path / "link").is_symlink()


def test_a_folder_is_checked_before_the_work_and_left_as_it_was(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file" / "below", Path("/proc/none")):
        with pytest.raises(OSError) as refused:  # noqa: PT011 - its path is compared
            check_writable(folder)
        assert refused.value.filename == str(folder)
    check_writable(tmp_path / "a" / "b")
    check_writable(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_others_that_check_a_folder_may_remove_it_while_it_is_empty(tmp_path, monkeypatch):
    """As commands that start at the same time do: each removes what it made for its own check."""
    removed = []

    def remove(folder):
        if len(removed) % 3 != 2:
            folder.rmdir()
        removed.append(folder)

    monkeypatch.setattr("vidmetrics.files.remove_leftovers", remove)
    check_writable(tmp_path / "out")
    write_text(tmp_path / "out" / "file", "whole")
    assert (tmp_path / "out" / "file").read_text() == "whole"
    assert len(removed) == 6


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.ones((3, 2))), np.zeros((0, 2), np.uint8)]
)
def test_an_array_is_written_as_numpy_does_and_says_why_it_cannot_be(tmp_path, array):
    np.save(tmp_path / "theirs.npy", array)
    write_array(tmp_path / "ours.npy", array)
    assert (tmp_path / "ours.npy").read_bytes() == (tmp_path / "theirs.npy").read_bytes()
    if Path("/dev/full").exists():
        with pytest.raises(OSError, match="No space left"):
            write_array(Path("/dev/full"), np.ones(100_000))


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES, errno.EIO, errno.ENOSPC])
def test_a_folder_that_cannot_be_synced_is_no_error_but_a_failing_disk_is(tmp_path, monkeypatch, code):
    def fail(handle):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    if code in (errno.EIO, errno.ENOSPC):
        with pytest.raises(OSError, match=re.escape(os.strerror(code))):
            sync_folder(tmp_path)
    else:
        sync_folder(tmp_path)
    sync_folder(tmp_path / "absent")


def test_the_state_of_a_file_changes_with_size_date_and_inode(tmp_path):
    path = tmp_path / "a"
    path.write_text("one")
    os.utime(path, ns=(10**9, 10**9 + 7))
    assert file_state(path) == (3, 10**9 + 7, path.stat().st_ino)
    (tmp_path / "b").write_text("two")
    os.utime(tmp_path / "b", ns=(10**9, 10**9 + 7))
    assert file_state(tmp_path / "b")[:2] == file_state(path)[:2]
    assert file_state(tmp_path / "b") != file_state(path)
    path.unlink()
    with pytest.raises(InputError, match="changed while it was in use"):
        file_state(path)
    assert str(path) in str(file_changed(path))
