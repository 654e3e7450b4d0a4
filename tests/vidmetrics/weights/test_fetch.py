"""Downloads from a server that redirects, refuses and sends wrong bytes; mirrors, proxies, and no network at all."""

from __future__ import annotations

import hashlib
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from vidmetrics import InputError
from vidmetrics.weights import fetch as downloads
from vidmetrics.weights.fetch import OFFLINE_VARIABLE, _total_of_the_rest, _TryAgainError, _validator, fetch, is_offline
from vidmetrics.weights.part_file import PartFile
from vidmetrics.weights.sources import PublishedFile

# The file that the server of conftest.py serves.
CONTENT = np.random.default_rng(0).integers(0, 256, 3_000_000, dtype=np.uint8).tobytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GIT_BLOB = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()


def test_a_file_is_downloaded_once(server, fetching):
    assert fetching(f"{server.url}/w") == fetching.folder / "w.bin"
    fetching.assert_good()
    assert fetching.reports[0] == (0, len(CONTENT))
    assert fetching.reports[-1] == (len(CONTENT), len(CONTENT))
    assert server.seen[0][1]["accept-encoding"] == "identity"
    server.close()
    assert fetching(f"{server.url}/w") == fetching.folder / "w.bin"  # without the network
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "known", [{"git_blob": GIT_BLOB}, {"git_blob": GIT_BLOB[:8], "bytes": len(CONTENT)}, {"bytes": len(CONTENT)}, {}]
)
def test_few_facts_of_a_file_suffice(server, fetching, known):
    fetch(PublishedFile("w.bin", (f"{server.url}/w",), **known), fetching.folder, patience=fetching.patience)
    fetching.assert_good()


def test_wrong_bytes_lead_to_the_next_mirror(server, mirror, rude, fetching):
    server.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    fetching(f"{server.url}/w", f"{mirror.url}/w")
    fetching.assert_good()
    assert len(server.seen) == 1  # a complete wrong file is not downloaded twice


@pytest.mark.parametrize("known", [{"sha256": SHA256}, {"git_blob": GIT_BLOB}])
def test_wrong_bytes_everywhere(server, mirror, fetching, known):
    server.content = mirror.content = b"<html>Quota exceeded</html>"
    sentence = fetching.assert_refused(f"{server.url}/w", f"{mirror.url}/w", **known)
    assert sentence.count(" instead of ") == 2
    assert list(fetching.folder.iterdir()) == []


def test_a_wrong_size_is_refused_before_the_download(server, mirror, rude, fetching):
    server.content = bytes(5_000_000)
    mirror.script = [rude.endless]
    sentence = fetching.assert_refused(f"{server.url}/w", f"{mirror.url}/w")
    assert "offers 5000000 bytes instead of 3000000" in sentence
    assert "sends more than 3000000 bytes" in sentence
    assert list(fetching.folder.iterdir()) == []


def test_permanent_and_transient_failures(server, mirror, rude, fetching):
    server.script = [rude.answer(404)]
    mirror.script = [rude.answer(503), rude.answer(429)]
    fetching(f"{server.url}/w", f"{mirror.url}/w")
    fetching.assert_good()
    assert (len(server.seen), len(mirror.seen)) == (1, 3)
    assert fetching.waits == [1, 2]


def test_no_mirror_has_it(server, mirror, rude, fetching):
    server.script = [rude.answer(404)]
    mirror.script = [rude.answer(500)] * 3
    sentence = fetching.assert_refused(f"{server.url}/w", f"{mirror.url}/w")
    assert "HTTP 404 Not Found" in sentence
    assert "HTTP 500 Internal Server Error, 3 times" in sentence


def test_no_server(server, fetching):
    server.close()
    assert "no connection, 3 times" in fetching.assert_refused(f"{server.url}/w")
    assert "no connection" in fetching.assert_refused("http://does-not-exist.invalid/w")


def test_redirects(server, mirror, rude, fetching):
    server.script = [rude.answer(302, Location=f"{mirror.url}/there")]
    mirror.script = [rude.answer(301, Location="/elsewhere")]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert [path for path, _ in mirror.seen] == ["/there", "/elsewhere"]


def test_endless_redirects(server, mirror, rude, fetching):
    server.script = [rude.answer(302, Location="/again")] * 50
    fetching(f"{server.url}/w", f"{mirror.url}/w")
    fetching.assert_good()


def test_the_note_of_a_download_that_ended_at_the_last_step_is_removed(server, fetching, monkeypatch):
    def rename_and_end(part, final):
        part.path.replace(final)
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(PartFile, "finish", rename_and_end)
        with pytest.raises(KeyboardInterrupt):
            fetching(f"{server.url}/w")
    assert len(list(fetching.folder.iterdir())) == 2
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://[",
        "http://%C3%28[/",
        "//]",
        "ftp://127.0.0.1/w",
        "http://127.0.0.1%00/w",
        "http://a:b:c/",
        "\xb0/w",
        "http://\xff",
    ],
)
def test_a_redirect_to_what_is_no_url_leads_to_the_next_mirror(server, mirror, rude, fetching, location):
    server.script = [rude.answer(302, Location=location)]
    fetching(f"{server.url}/w", f"{mirror.url}/w")
    fetching.assert_good()
    server.script, mirror.script = [rude.answer(302, Location=location)], [rude.answer(404)]
    (fetching.folder / "w.bin").unlink()
    assert "it redirects to what is no url" in fetching.assert_refused(f"{server.url}/w", f"{mirror.url}/w")


@pytest.mark.parametrize("length", [b"\xb2", b"1" * 5000, b"-1", b"", b"5 5"])
def test_a_length_that_is_no_number_is_none(server, fetching, length):
    def behave(handler, server):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\n" + server.content)
        handler.close_connection = True

    server.script = [behave]
    fetching(f"{server.url}/w")
    fetching.assert_good()


@pytest.mark.parametrize("etag", ['"\xff\xfe"', '"\x7f"', '"' + "a" * 2000 + '"'])
def test_a_version_that_no_header_can_repeat_is_unknown(server, rude, fetching, etag):
    server.etag = etag
    server.script = [rude.die_after(2_000_000)]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert "if-range" not in server.seen[1][1]
    first, second = server.ranges()
    assert first is None
    assert second.startswith("bytes=")


def test_a_redirect_to_no_host_through_a_proxy(server, rude, fetching, monkeypatch):
    server.script = [rude.answer(302, Location="http://127.0.0.1{}/w")]
    monkeypatch.setenv("HTTP_PROXY", server.url)
    assert "it redirects to what is no url" in fetching.assert_refused("http://weights.invalid/w")


def test_the_proxy_of_the_environment_is_used(server, rude, fetching, monkeypatch):
    server.script = [rude.as_proxy]
    monkeypatch.setenv("HTTP_PROXY", server.url)
    fetching("http://weights.invalid/w")
    fetching.assert_good()
    assert server.seen[0][0] == "http://weights.invalid/w"


@pytest.mark.parametrize("variable", [False, True])
def test_offline(server, fetching, monkeypatch, variable):
    file = PublishedFile("w.bin", (f"{server.url}/w",), bytes=len(CONTENT), sha256=SHA256)
    if variable:
        monkeypatch.setenv(OFFLINE_VARIABLE, "1")
    with pytest.raises(InputError) as caught:
        fetch(file, fetching.folder, offline=not variable)
    for part in ("Offline", str(fetching.folder / "w.bin"), f"{server.url}/w", SHA256):
        assert part in str(caught.value)
    fetching.folder.mkdir()
    (fetching.folder / "w.bin").write_bytes(CONTENT)
    assert fetch(file, fetching.folder, offline=not variable) == fetching.folder / "w.bin"
    assert server.seen == []


def test_is_offline(monkeypatch):
    for value, expected in (("", False), ("0", False), ("1", True), ("yes", True)):
        monkeypatch.setenv(OFFLINE_VARIABLE, value)
        assert is_offline() is expected
        assert is_offline(True)


def test_a_wrong_file_of_the_users_is_neither_used_nor_deleted(server, fetching):
    fetching.folder.mkdir()
    (fetching.folder / "w.bin").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"not the published file, as it has 4 bytes instead of 3000000; remove it"):
        fetching(f"{server.url}/w")
    assert (fetching.folder / "w.bin").read_bytes() == b"mine"
    assert server.seen == []


def test_a_folder_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot be written"):
        fetch(PublishedFile("w.bin", (server.url,), sha256=SHA256), tmp_path / "file" / "to")


def test_many_at_once_fetch_one_file(server, fetching):
    file = PublishedFile("w.bin", (f"{server.url}/w",), bytes=len(CONTENT), sha256=SHA256)
    got = []
    threads = [threading.Thread(target=lambda: got.append(fetch(file, fetching.folder))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert got == [fetching.folder / "w.bin"] * 6
    fetching.assert_good()
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_server_in_trouble_is_asked_again(server, rude, fetching, status):
    server.script = [rude.answer(status)]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert len(server.seen) == 2


def test_the_total_of_a_partial_response():
    cleared = []
    part = SimpleNamespace(clear=lambda: cleared.append(True))

    def total(text, offset=5):
        return _total_of_the_rest(SimpleNamespace(headers={"Content-Range": text}), offset, part)

    assert total("bytes 5-9/10") == 10
    assert total("bytes 5-9/*") is None
    assert cleared == []
    for text, offset in (("bytes 4-9/10", 5), ("bytes 0-9/10", 0), ("", 5), ("bytes 5-9", 5)):
        with pytest.raises(_TryAgainError, match="another range"):
            total(text, offset)
    assert len(cleared) == 4


def test_what_identifies_the_bytes_on_a_server():
    def validator(**headers):
        return _validator(SimpleNamespace(headers={name.replace("_", "-"): value for name, value in headers.items()}))

    assert validator(ETag='"strong"', Last_Modified="a day") == '"strong"'
    assert validator(ETag='W/"weak"', Last_Modified="a day") == "a day"
    assert validator(ETag='W/"weak"') is None


@pytest.mark.parametrize(
    ("bytes_per_try", "waits"),
    [
        (0, [1, 2]),
        (300_000, [1, 2]),  # three times less than a mebibyte in total
        (2**19 - 1, [1, 2, 1, 2]),  # forgotten once, then two tries are two bytes short
        (2**19, [1, 1, 2, 1, 2, 1, 2, 1, 2, 1]),  # a mebibyte after every second try
        (2**20, [1] * 10),
    ],
)
def test_failures_are_forgotten_after_a_mebibyte_of_progress(monkeypatch, bytes_per_try, waits):
    part = SimpleNamespace(size=0, path=None, version=lambda: SimpleNamespace(url="u", validator='"1"'))
    slept = []
    tries = 11

    def transfer(*_):
        nonlocal tries
        tries -= 1
        if not tries:
            raise downloads._NextMirrorError("enough")
        part.size += bytes_per_try
        raise _TryAgainError("the connection ended")

    monkeypatch.setattr(downloads, "_transfer", transfer)
    patience = downloads.Patience(attempts=3, sleep=slept.append)
    with pytest.raises(downloads._NextMirrorError, match="enough" if len(waits) == 10 else "ended, 3 times"):
        downloads._from_mirror("u", PublishedFile("w.bin", ("u",), sha256=SHA256), part, lambda *_: None, patience)
    assert slept == waits
