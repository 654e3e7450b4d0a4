"""Downloading from a server that truncates, stalls, redirects, lies, and dies."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest

from vidmetrics import InputError
from vidmetrics.weights.fetch import OFFLINE_VARIABLE, Patience, fetch, is_offline
from vidmetrics.weights.sources import PublishedFile

CONTENT = np.random.default_rng(0).integers(0, 256, 3_000_000, dtype=np.uint8).tobytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BROKEN, LATER = 15 * 2**16, 38 * 2**16  # where transfers break: what reaches the disk comes in chunks of 2**16
GIT_BLOB = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _straight_to_the_server(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv(OFFLINE_VARIABLE, raising=False)


@pytest.fixture
def server(rude):
    server = rude.RudeServer(CONTENT)
    yield server
    server.close()


@pytest.fixture
def mirror(rude):
    server = rude.RudeServer(CONTENT)
    yield server
    server.close()


class Fetching:
    """One file, its folder, and the waits that would have been made."""

    def __init__(self, folder):
        self.folder = folder
        self.waits = []
        self.reports = []
        self.patience = Patience(
            attempts=3, connect_seconds=2, stall_seconds=0.3, first_wait_seconds=1, sleep=self.waits.append
        )

    def __call__(self, *urls, **known):
        file = PublishedFile("w.bin", urls, **(known or {"bytes": len(CONTENT), "sha256": SHA256}))
        return fetch(file, self.folder, lambda *report: self.reports.append(report), patience=self.patience)

    def assert_good(self):
        assert (self.folder / "w.bin").read_bytes() == CONTENT
        assert [path.name for path in self.folder.iterdir()] == ["w.bin"]

    def assert_refused(self, *urls, **known):
        """One sentence, and no file under the final name; returns the sentence."""
        with pytest.raises(InputError) as caught:
            self(*urls, **known)
        sentence = str(caught.value)
        assert "\n" not in sentence
        assert sentence.endswith(".")
        assert not (self.folder / "w.bin").exists()
        return sentence


@pytest.fixture
def fetching(tmp_path):
    return Fetching(tmp_path / "to")


def test_a_file_comes_once(server, fetching):
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
def test_what_is_known_of_a_file_may_be_little(server, fetching, known):
    fetch(PublishedFile("w.bin", (f"{server.url}/w",), **known), fetching.folder, patience=fetching.patience)
    fetching.assert_good()


def test_a_dead_connection_is_resumed(server, rude, fetching):
    server.script = [rude.die_after(BROKEN), rude.hang_up, rude.die_after(LATER - BROKEN)]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert server.ranges() == [None, f"bytes={BROKEN}-", f"bytes={BROKEN}-", f"bytes={LATER}-"]
    assert all(headers["if-range"] == '"one"' for _, headers in server.seen[1:])
    assert fetching.waits == [1, 2, 1]  # a mebibyte of headway makes patient again


def test_a_stall_ends_and_is_resumed(server, rude, fetching):
    server.script = [rude.stall_after(700_000)]
    started = time.monotonic()
    fetching(f"{server.url}/w")
    assert time.monotonic() - started < 5
    fetching.assert_good()
    assert server.ranges()[1] == f"bytes={700_000 // 2**16 * 2**16}-"


def test_a_server_that_only_stalls_is_given_up(server, rude, fetching):
    server.script = [rude.stall_after(0)] * 9
    sentence = fetching.assert_refused(f"{server.url}/w")
    assert "no byte for 0.3 s, 3 times" in sentence
    assert str(fetching.folder / "w.bin") in sentence
    assert SHA256 in sentence
    assert len(server.seen) == 3


def test_a_server_without_ranges_starts_again(server, rude, fetching):
    server.script = [rude.die_after(BROKEN), rude.ignore_range]
    fetching(f"{server.url}/w")
    fetching.assert_good()


def test_a_server_without_ranges_that_always_dies_is_given_up(server, rude, fetching):
    server.script = [rude.die_after(LATER, ranges=False)] * 20
    sentence = fetching.assert_refused(f"{server.url}/w")
    assert "the connection broke, 3 times" in sentence
    assert len(server.seen) <= 4  # not forever, although each try brings bytes


def test_a_file_that_changed_between_tries_starts_again(server, rude, fetching):
    other = bytes(len(CONTENT))

    def change(handler, server):
        server.content, server.etag = CONTENT, '"two"'
        rude.polite(handler, server)

    server.content = other
    server.script = [rude.die_after(BROKEN), change]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert server.ranges() == [None, f"bytes={BROKEN}-"]  # answered with 200: If-Range did not hold


def test_a_change_that_the_server_cannot_tell_is_found_by_the_hash(server, rude, fetching):
    def change(handler, server):
        server.content = CONTENT
        rude.polite(handler, server)

    server.content, server.etag = bytes(len(CONTENT)), None
    server.script = [rude.die_after(BROKEN), change]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert server.ranges() == [None, f"bytes={BROKEN}-", None]


def test_without_validator_and_hash_nothing_is_resumed(server, rude, fetching):
    server.etag = None
    server.script = [rude.die_after(BROKEN)]
    fetching(f"{server.url}/w", bytes=len(CONTENT))
    fetching.assert_good()
    assert server.ranges() == [None, None]


def test_a_weak_etag_is_no_validator(server, rude, fetching):
    server.etag = 'W/"one"'
    server.script = [rude.die_after(BROKEN)]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert "if-range" not in server.seen[1][1]


def test_another_part_than_asked_for_is_not_taken(server, rude, fetching):
    server.script = [
        rude.die_after(BROKEN),
        rude.answer(206, CONTENT[:5], Content_Range=f"bytes 0-4/{len(CONTENT)}"),
    ]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert server.ranges()[-1] is None


def test_a_later_run_goes_on(server, rude, fetching):
    server.script = [rude.die_after(BROKEN), rude.hang_up, rude.hang_up]
    sentence = fetching.assert_refused(f"{server.url}/w")
    assert f"{BROKEN} bytes are kept" in sentence
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert server.ranges()[-1] == f"bytes={BROKEN}-"


def test_a_part_that_was_whole_needs_no_byte_more(server, rude, fetching):
    server.script = [rude.die_after(BROKEN), rude.hang_up, rude.hang_up]
    fetching.assert_refused(f"{server.url}/w")
    (fetching.folder / "w.bin.part").write_bytes(CONTENT)
    fetching(f"{server.url}/w")
    fetching.assert_good()
    (fetching.folder / "w.bin").unlink()
    server.script = [rude.die_after(BROKEN), rude.hang_up, rude.hang_up]
    fetching.assert_refused(f"{server.url}/w")
    (fetching.folder / "w.bin.part").write_bytes(CONTENT + b"x")
    fetching(f"{server.url}/w")  # 416 with a smaller size: the part is worthless
    fetching.assert_good()


def test_wrong_bytes_go_to_the_next_mirror(server, mirror, rude, fetching):
    server.content = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
    fetching(f"{server.url}/w", f"{mirror.url}/w")
    fetching.assert_good()
    assert len(server.seen) == 1  # a whole wrong file is not asked for twice


@pytest.mark.parametrize("known", [{"sha256": SHA256}, {"git_blob": GIT_BLOB}])
def test_wrong_bytes_everywhere(server, mirror, fetching, known):
    server.content = mirror.content = b"<html>Quota exceeded</html>"
    sentence = fetching.assert_refused(f"{server.url}/w", f"{mirror.url}/w", **known)
    assert sentence.count(" instead of ") == 2
    assert list(fetching.folder.iterdir()) == []


def test_another_size_is_refused_before_it_comes(server, mirror, rude, fetching):
    server.content = bytes(5_000_000)
    mirror.script = [rude.endless]
    sentence = fetching.assert_refused(f"{server.url}/w", f"{mirror.url}/w")
    assert "offers 5000000 bytes instead of 3000000" in sentence
    assert "sends more than 3000000 bytes" in sentence
    assert list(fetching.folder.iterdir()) == []


def test_refusals_and_troubles(server, mirror, rude, fetching):
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


def test_nobody_listens(server, fetching):
    server.close()
    assert "no connection, 3 times" in fetching.assert_refused(f"{server.url}/w")
    assert "no connection" in fetching.assert_refused("http://does-not-exist.invalid/w")


def test_redirects(server, mirror, rude, fetching):
    server.script = [rude.answer(302, Location=f"{mirror.url}/there")]
    mirror.script = [rude.answer(301, Location="/elsewhere")]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert [path for path, _ in mirror.seen] == ["/there", "/elsewhere"]


def test_a_redirected_transfer_is_resumed_through_the_redirect(server, mirror, rude, fetching):
    server.script = [rude.answer(302, Location=f"{mirror.url}/there")] * 2
    mirror.script = [rude.die_after(BROKEN)]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert mirror.ranges() == [None, f"bytes={BROKEN}-"]


def test_redirects_without_end(server, mirror, rude, fetching):
    server.script = [rude.answer(302, Location="/again")] * 50
    fetching(f"{server.url}/w", f"{mirror.url}/w")
    fetching.assert_good()


def test_the_proxy_of_the_environment_is_used(server, rude, fetching, monkeypatch):
    server.script = [rude.as_proxy]
    monkeypatch.setenv("HTTP_PROXY", server.url)
    fetching("http://weights.invalid/w")
    fetching.assert_good()
    assert server.seen[0][0] == "http://weights.invalid/w"


def test_bytes_of_another_mirror_are_not_mixed(server, mirror, rude, fetching):
    server.script = [rude.die_after(BROKEN), rude.hang_up, rude.hang_up]
    fetching(f"{server.url}/w", f"{mirror.url}/w")
    fetching.assert_good()
    assert mirror.ranges() == [None]


def test_a_mirror_that_gives_nothing_takes_nothing(server, mirror, rude, fetching):
    server.script = [rude.die_after(BROKEN), rude.hang_up, rude.hang_up]
    mirror.script = [rude.answer(404)]
    assert f"{BROKEN} bytes are kept" in fetching.assert_refused(f"{server.url}/w", f"{mirror.url}/w")
    fetching(f"{server.url}/w", f"{mirror.url}/w")
    fetching.assert_good()
    assert server.ranges()[-1] == f"bytes={BROKEN}-"


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


def test_what_offline_is(monkeypatch):
    for value, expected in (("", False), ("0", False), ("1", True), ("yes", True)):
        monkeypatch.setenv(OFFLINE_VARIABLE, value)
        assert is_offline() is expected
        assert is_offline(True)


def test_a_wrong_file_put_by_hand_is_neither_used_nor_deleted(server, fetching):
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


def test_a_killed_process_lets_go_and_another_goes_on(server, rude, fetching):
    server.script = [rude.stall_after(1_500_000)]
    program = f"""
        from pathlib import Path
        from vidmetrics.weights.fetch import fetch
        from vidmetrics.weights.sources import PublishedFile
        fetch(PublishedFile("w.bin", ("{server.url}/w",), sha256="{SHA256}"), Path({str(fetching.folder)!r}))
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], env={**os.environ})
    part = fetching.folder / "w.bin.part"
    deadline = time.monotonic() + 30
    while not (part.exists() and part.stat().st_size > 1_000_000):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    child.wait(30)
    fetching(f"{server.url}/w", sha256=SHA256)
    fetching.assert_good()
    assert server.ranges()[1].startswith("bytes=1")
