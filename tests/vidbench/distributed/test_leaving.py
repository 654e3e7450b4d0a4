"""How ranks agree, leave and tell the others why they failed."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch.distributed import HashStore

from vidbench.distributed import coordination, ranks
from vidbench.distributed.coordination import Meeting, RankLostError
from vidbench.distributed.ranks import Ranks, process_group
from vidbench.errors import InputError

ROOT = Path(__file__).resolve().parents[3]


def test_values_are_compared_if_there_are_other_ranks():
    asked = []
    meeting = SimpleNamespace(agree=lambda what, value: asked.append((what, value)))
    Ranks(0, 2, 0, 2, meeting=meeting).agree("the seed", 7)
    Ranks().agree("the seed", 8)
    assert asked == [("the seed", 7)]


@pytest.mark.parametrize(
    ("error", "reason"), [(ValueError("the disk is full"), "the disk is full"), (ValueError(), "ValueError")]
)
def test_the_others_are_told_why_a_rank_failed(monkeypatch, error, reason):
    told, left = [], []
    meeting = SimpleNamespace(fail=told.append, leave=lambda: left.append(True))
    launch = SimpleNamespace(rank=1, world_size=2, local_rank=1, local_world_size=2)
    monkeypatch.setattr(ranks, "launch_variables", lambda: launch)
    monkeypatch.setattr(ranks, "_meet", lambda launch: meeting)
    with pytest.raises(ValueError), process_group():  # noqa: PT011
        raise error
    assert (told, left) == ([reason], [])
    with process_group() as group:
        assert (group.rank, group.world_size) == (1, 2)
    assert (told, left) == ([reason], [True])


def test_after_leaving_no_rank_shows_signs_of_life():
    store, meetings = HashStore(), []

    def work(rank):
        meeting = Meeting(store, rank, 2)
        meetings.append(meeting)
        meeting.leave()

    threads = [threading.Thread(target=work, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert [meeting._left.is_set() for meeting in meetings] == [True, True]


def test_a_store_that_is_gone_is_named():
    meeting = Meeting(HashStore(), 0, 1)

    def question():
        raise RuntimeError("Connection reset by peer")

    with pytest.raises(RankLostError, match="hosts the store of the ranks is unreachable"):
        meeting._ask(question)
    assert meeting._ask(lambda: 7) == 7
    meeting._left.set()


def test_the_silence_of_a_lost_rank_is_that_of_the_documents():
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    assert f"lost after {coordination._SILENCE_SECONDS:.0f} seconds" in " ".join(text.split())


@pytest.fixture
def endings(monkeypatch):
    """Exit codes with which the process would have been ended, and what it would have said."""
    found = []
    monkeypatch.setattr(coordination.os, "write", lambda number, text: found.append((number, text.decode())))
    monkeypatch.setattr(coordination.os, "_exit", found.append)
    monkeypatch.setattr(coordination, "_BEAT_SECONDS", 0.02)
    monkeypatch.setattr(coordination, "_GRACE_SECONDS", 0.3)
    return found


def _meeting_that_fails_when(failed):
    meeting = Meeting(HashStore(), 0, 1)
    meeting._left.set()

    def look(since):
        if failed.is_set():
            raise RankLostError("Rank 1 has failed.")

    meeting._look_for_failures = look
    return meeting


def test_work_that_waits_for_a_lost_rank_is_ended(endings):
    failed = threading.Event()
    with _meeting_that_fails_when(failed).watched():
        time.sleep(0.1)
        assert endings == []
        failed.set()
        time.sleep(0.15)
        assert endings == []  # it has a moment to notice by itself
        time.sleep(0.5)
    assert endings == [(2, "Error: Rank 1 has failed.\n"), 2]


def test_work_that_notices_by_itself_or_is_done_is_not_ended(endings):
    noticed, later = threading.Event(), threading.Event()
    with _meeting_that_fails_when(noticed).watched():
        noticed.set()
        time.sleep(0.1)
    with pytest.raises(ZeroDivisionError), _meeting_that_fails_when(later).watched():
        _ = 1 / 0
    later.set()
    time.sleep(0.6)
    assert endings == []


def test_the_store_that_a_rank_hosts_is_joined_and_the_environment_restored(monkeypatch):
    names = ("TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RESTART_COUNT")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    with ranks._store_is_there():
        assert [os.environ[name] for name in names] == ["True", "0"]
    assert not set(names) & set(os.environ)
    monkeypatch.setenv(names[1], "3")  # of torchrun, which hosts the store then
    with ranks._store_is_there():
        assert [os.environ[name] for name in names] == ["True", "3"]
    assert (names[0] in os.environ, os.environ[names[1]]) == (False, "3")


def test_a_rank_that_hosts_the_store_waits_until_the_others_have_said_why(monkeypatch):
    monkeypatch.setattr(coordination, "_GRACE_SECONDS", 5.0)
    store, pauses = HashStore(), []
    host = Meeting(store, 0, 2, hosts=True)
    other = Meeting(store, 1, 2)

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            other.fail("the disk is full")

    monkeypatch.setattr(coordination.time, "sleep", sleep)
    host.fail("out of memory")
    assert pauses == [0.05] * 3
    assert b"out of memory" in store.get("failed")


def test_a_wait_looks_ever_more_rarely_but_four_times_a_second(monkeypatch):
    meeting, pauses = Meeting(HashStore(), 0, 1), []
    meeting._left.set()
    monkeypatch.setattr(coordination.time, "sleep", pauses.append)
    meeting._wait(lambda: len(pauses) == 14)
    assert pauses[:3] == pytest.approx([0.005, 0.0075, 0.01125])
    assert pauses[9] == pytest.approx(0.005 * 1.5**9)
    assert pauses[10:] == [0.25] * 4


def test_a_folder_that_every_rank_sees_is_accepted_and_left_empty(tmp_path):
    meeting = Meeting(HashStore(), 0, 1)
    meeting._left.set()
    meeting.check_shared(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_folder_that_a_rank_does_not_see_is_refused_and_removed(tmp_path, monkeypatch):
    monkeypatch.setattr(coordination, "_says", lambda path, text: False)
    monkeypatch.setattr("vidbench.distributed.shared_folder.VISIBLE_SECONDS", 0.05)
    meeting = Meeting(HashStore(), 0, 1)
    meeting._left.set()
    with pytest.raises(InputError, match=r"Rank 0 on .* does not see what rank 0"):
        meeting.check_shared(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
