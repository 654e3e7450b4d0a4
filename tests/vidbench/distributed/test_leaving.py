"""How ranks agree, leave and tell the others why they failed."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from torch.distributed import HashStore

from vidbench.distributed import coordination, ranks
from vidbench.distributed.coordination import Meeting, RankLostError
from vidbench.distributed.ranks import Ranks, process_group

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
