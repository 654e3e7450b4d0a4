"""Regular files alone are opened; whatever else has a name is refused as what it is, and nothing waits."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest

from vidmetrics.files import file_sha256, never_through_links
from vidmetrics.regular_files import is_there, open_regular, read_regular, regular_only


def pipe(path: Path) -> None:
    os.mkfifo(path)


def nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def folder(path: Path) -> None:
    path.mkdir()


WORDS = {
    pipe: "it is a pipe and not a file", nowhere: "it is a link that leads nowhere", device: "it is a device and not a file",
    folder: "it is a folder and not a file", loop: os.strerror(40),
}  # fmt: skip


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("read", [open_regular, read_regular, file_sha256])
def test_what_is_no_file_is_refused_as_what_it_is(tmp_path, kind, read):
    path = tmp_path / "entry"
    kind(path)
    with pytest.raises(OSError, match="entry") as raised:
        read(path)
    assert raised.value.strerror == WORDS[kind]
    assert is_there(path)


def test_a_socket_is_refused(tmp_path):
    # The name of a socket has at most a hundred bytes.
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{short}/s")
        with pytest.raises(OSError, match="it is a socket and not a file"):
            read_regular(Path(short, "s"))


def test_a_file_is_read_also_through_a_link(tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        assert read_regular(tmp_path / name) == b"content"
    assert not is_there(tmp_path / "other")
    with pytest.raises(FileNotFoundError) as raised:
        read_regular(tmp_path / "other")
    assert raised.value.strerror == os.strerror(2)


def test_a_file_without_permission_keeps_the_systems_reason(tmp_path, monkeypatch):
    def forbidden(name, *_):
        raise PermissionError(13, os.strerror(13), name)

    (tmp_path / "file").write_bytes(b"content")
    monkeypatch.setattr(os, "open", forbidden)
    with pytest.raises(PermissionError, match="Permission denied"):
        open_regular(tmp_path / "file")


@pytest.mark.parametrize("opener", [regular_only, never_through_links])
def test_nothing_is_appended_to_a_pipe_or_a_device(tmp_path, opener):
    pipe(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a pipe and not a file"):
        open(tmp_path / "pipe", "ab", opener=opener)  # noqa: SIM115
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)  # it could be opened now
    with pytest.raises(OSError, match="it is a pipe and not a file"):
        open(tmp_path / "pipe", "ab", opener=opener)  # noqa: SIM115
    os.close(reader)
    with open(tmp_path / "new", "ab", opener=opener) as file:
        file.write(b"x")
    assert (tmp_path / "new").read_bytes() == b"x"
