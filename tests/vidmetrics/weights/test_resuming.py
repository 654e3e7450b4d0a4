"""Downloads from a server that breaks connections, stalls and changes the file; what is resumed, and what starts again."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np

from vidmetrics.weights.fetch import _CHUNK

# The file that the server of conftest.py serves.
CONTENT = np.random.default_rng(0).integers(0, 256, 3_000_000, dtype=np.uint8).tobytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BROKEN, LATER = 15 * 2**16, 38 * 2**16  # where transfers break: bytes reach the disk in chunks


def test_a_dead_connection_is_resumed(server, rude, fetching):
    assert _CHUNK == 2**16
    server.script = [rude.die_after(BROKEN), rude.hang_up, rude.die_after(LATER - BROKEN)]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert server.ranges() == [None, f"bytes={BROKEN}-", f"bytes={BROKEN}-", f"bytes={LATER}-"]
    assert all(headers["if-range"] == '"one"' for _, headers in server.seen[1:])
    assert fetching.waits == [1, 2, 1]  # a mebibyte of progress resets the waits


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
    assert len(server.seen) <= 4  # not forever, although each attempt downloads bytes


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


def test_a_change_without_a_validator_is_found_by_the_hash(server, rude, fetching):
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


def test_another_range_than_the_requested_one_is_refused(server, rude, fetching):
    server.script = [
        rude.die_after(BROKEN),
        rude.answer(206, CONTENT[:5], Content_Range=f"bytes 0-4/{len(CONTENT)}"),
    ]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert server.ranges()[-1] is None


def test_a_later_run_resumes(server, rude, fetching):
    server.script = [rude.die_after(BROKEN), rude.hang_up, rude.hang_up]
    sentence = fetching.assert_refused(f"{server.url}/w")
    assert f"{BROKEN} bytes are kept" in sentence
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert server.ranges()[-1] == f"bytes={BROKEN}-"


def test_a_complete_part_needs_no_more_bytes(server, rude, fetching):
    server.script = [rude.die_after(BROKEN), rude.hang_up, rude.hang_up]
    fetching.assert_refused(f"{server.url}/w")
    (fetching.folder / "w.bin.part").write_bytes(CONTENT)
    fetching(f"{server.url}/w")
    fetching.assert_good()
    (fetching.folder / "w.bin").unlink()
    server.script = [rude.die_after(BROKEN), rude.hang_up, rude.hang_up]
    fetching.assert_refused(f"{server.url}/w")
    (fetching.folder / "w.bin.part").write_bytes(CONTENT + b"x")
    fetching(f"{server.url}/w")  # 416 with a smaller size: the part is useless
    fetching.assert_good()


def test_a_redirected_transfer_is_resumed_through_the_redirect(server, mirror, rude, fetching):
    server.script = [rude.answer(302, Location=f"{mirror.url}/there")] * 2
    mirror.script = [rude.die_after(BROKEN)]
    fetching(f"{server.url}/w")
    fetching.assert_good()
    assert mirror.ranges() == [None, f"bytes={BROKEN}-"]


def test_bytes_of_another_mirror_are_not_mixed(server, mirror, rude, fetching):
    server.script = [rude.die_after(BROKEN), rude.hang_up, rude.hang_up]
    fetching(f"{server.url}/w", f"{mirror.url}/w")
    fetching.assert_good()
    assert mirror.ranges() == [None]


def test_a_mirror_without_the_file_keeps_the_part(server, mirror, rude, fetching):
    server.script = [rude.die_after(BROKEN), rude.hang_up, rude.hang_up]
    mirror.script = [rude.answer(404)]
    assert f"{BROKEN} bytes are kept" in fetching.assert_refused(f"{server.url}/w", f"{mirror.url}/w")
    fetching(f"{server.url}/w", f"{mirror.url}/w")
    fetching.assert_good()
    assert server.ranges()[-1] == f"bytes={BROKEN}-"


def test_after_a_kill_another_process_resumes(server, rude, fetching):
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
