"""Answers of a web server, as bytes, to requests of the downloader; none of its requests leaves the machine."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import socket
import threading
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

from tests.abuse.fuzz.parser import Parser

_BODY = bytes(range(256)) * 2
_NEXT = b"\n--- next answer ---\n"
_NAME = "weights.bin"
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


class _Server:
    """Sends prepared bytes to whoever connects, one answer per connection and the last one from then on.

    Attributes:
        answers: the bytes.
        address: its url.
    """

    def __init__(self) -> None:
        self.answers = [b""]
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._listening.accept()
            with contextlib.suppress(OSError), connection:
                request = b""
                while b"\r\n\r\n" not in request and (more := connection.recv(2**16)):
                    request += more
                connection.sendall(self.answers[0] if len(self.answers) == 1 else self.answers.pop(0))
                connection.shutdown(socket.SHUT_WR)


@functools.cache
def _server(process: int) -> _Server:
    """Return the server of a process: threads do not survive a fork."""
    return _Server()


def _answer(status: str, body: bytes = b"", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def _answers(folder: Path) -> list[bytes]:
    """Return sequences of answers: whole, broken and resumed, moved, in chunks, compressed, and complete before."""
    import gzip

    size, version = len(_BODY), '"one"'
    whole = _answer("200 OK", _BODY, Content_Length=str(size), ETag=version)
    half = _answer("200 OK", _BODY[:200], Content_Length=str(size), ETag=version)
    rest = _answer(
        "206 Partial Content",
        _BODY[200:],
        Content_Length=str(size - 200),
        Content_Range=f"bytes 200-{size - 1}/{size}",
        ETag=version,
    )
    moved = _answer("302 Found", Location="http://127.0.0.1:1/elsewhere", Content_Length="0")
    chunks = b"c8\r\n" + _BODY[:200] + b"\r\n" + b"138\r\n" + _BODY[200:] + b"\r\n0\r\n\r\n"
    in_chunks = _answer("200 OK", chunks, Transfer_Encoding="chunked", Last_Modified="Mon, 30 Nov 2026 00:00:00 GMT")
    compressed = _answer("200 OK", gzip.compress(_BODY), Content_Encoding="gzip")
    no_more = _answer("416 Range Not Satisfiable", Content_Range=f"bytes */{size}", Content_Length="0")
    unbounded = _answer("200 OK", _BODY, ETag=version)
    return [
        whole,
        half + _NEXT + rest,
        half + _NEXT + no_more + _NEXT + whole,
        moved + _NEXT + whole,
        in_chunks,
        compressed,
        unbounded,
    ]


def _fetch(path: Path) -> None:
    from vidbench.errors import InputError
    from vidmetrics.weights.fetch import Patience, fetch
    from vidmetrics.weights.sources import PublishedFile

    target = path.parent / "fetched"
    shutil.rmtree(target, ignore_errors=True)
    server = _server(os.getpid())
    server.answers = path.read_bytes().split(_NEXT)
    file = PublishedFile(
        _NAME, (f"{server.address}/a", "http://mirror.invalid/b"), len(_BODY), sha256(_BODY).hexdigest()
    )
    patience = Patience(attempts=2, connect_seconds=2, stall_seconds=2, first_wait_seconds=0)
    # A changed Location may name any host: the server is everybody's proxy.
    with patch.dict("os.environ", dict.fromkeys(_PROXIES[:3], server.address)):
        os.environ.pop("no_proxy", None)
        try:
            found = fetch(file, target, patience=patience)
        except InputError:
            assert not (target / _NAME).exists()
            raise
    assert found.read_bytes() == _BODY
    assert [entry.name for entry in target.iterdir()] == [_NAME]


PARSERS = (Parser("http-answer", _answers, _fetch, inputs=60),)
"""The downloader of weights."""
