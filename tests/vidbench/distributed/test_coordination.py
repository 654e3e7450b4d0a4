"""Ranks that communicate through a store: order, agreement, folders that are not shared, failed and lost ranks."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time

import numpy as np
import pytest
from torch.distributed import HashStore, PrefixStore

from tests import forked
from vidbench.distributed.coordination import Meeting, RankLostError
from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.files import temporary_name
from vidbench.scoring.features import FeatureStore, wait_for_shards
from vidmetrics.statistics.clip_keys import place_keys


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def run_ranks(function, world_size=3, silence=300.0):
    """Call ``function(meeting, rank)`` in one thread per rank; returns values or errors by rank."""
    store, answers = HashStore(), {}

    def one(rank):
        try:
            answers[rank] = function(Meeting(PrefixStore("test", store), rank, world_size, silence), rank)
        except InputError as error:
            answers[rank] = error

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(world_size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive(), "a rank hangs"
    return answers


def test_nobody_passes_a_barrier_before_the_last_has_come():
    arrived = []

    def work(meeting, rank):
        for _ in range(5):
            time.sleep(0.03 * rank)
            arrived.append(rank)
            meeting.barrier()
            seen = len(arrived)
            meeting.barrier()
            assert seen % 3 == 0
        meeting.leave()
        return seen

    assert run_ranks(work) == {0: 15, 1: 15, 2: 15}


def test_the_main_rank_decides_and_every_rank_hears_all():
    def work(meeting, rank):
        decided = meeting.from_main(lambda: {"shards": [rank, 7]})
        return decided, meeting.from_all(rank * 10), meeting.agree("the weather", "fine")

    assert run_ranks(work) == {rank: ({"shards": [0, 7]}, [0, 10, 20], None) for rank in range(3)}


def test_a_disagreement_is_refused_by_every_rank():
    answers = run_ranks(lambda meeting, rank: meeting.agree("the list of videos", ["a", "b"][: 2 - (rank == 2)]))
    for error in answers.values():
        assert "Rank 2 on" in str(error)
        assert "disagree about the list of videos" in str(error)


def test_a_folder_that_is_not_shared_is_refused_by_every_rank(tmp_path, monkeypatch):
    monkeypatch.setattr("vidbench.distributed.shared_folder.VISIBLE_SECONDS", 0.3)
    (tmp_path / "shared").mkdir()
    assert run_ranks(lambda meeting, rank: meeting.check_shared(tmp_path / "shared")) == dict.fromkeys(range(3))
    assert list((tmp_path / "shared").iterdir()) == []
    answers = run_ranks(lambda meeting, rank: meeting.check_shared(tmp_path / f"node-{rank // 2}" / "home"))
    for error in answers.values():
        assert str(error).startswith("Rank 2 on")
        assert "a file system that all ranks share" in str(error)
    # The test folders and files are removed.
    assert [path.name for path in tmp_path.iterdir()] == ["shared"]


def test_the_test_file_of_a_killed_rank_is_removed_by_the_next_test(tmp_path):
    process = os.fork()
    if process == 0:
        temporary_name(tmp_path / "shared").write_text("half")
        os._exit(0)
    os.waitpid(process, 0)
    assert len(list(tmp_path.iterdir())) == 1
    run_ranks(lambda meeting, rank: meeting.check_shared(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_another_process_removes_while_it_is_empty_is_made_again(tmp_path, monkeypatch):
    removed = []

    def remove(folder):
        if len(removed) < 3:
            removed.append(folder.rmdir())

    monkeypatch.setattr("vidbench.distributed.coordination.remove_leftovers", remove)
    assert run_ranks(lambda meeting, rank: meeting.check_shared(tmp_path / "out")) == dict.fromkeys(range(3))
    assert len(removed) == 3


def test_every_rank_hears_whether_a_folder_is_shared(tmp_path, monkeypatch):
    monkeypatch.setattr("vidbench.distributed.coordination._SHARED_SECONDS", 0.3)
    assert run_ranks(lambda meeting, rank: meeting.shares(tmp_path)) == dict.fromkeys(range(3), True)
    apart = run_ranks(lambda meeting, rank: meeting.shares(tmp_path / f"node-{rank // 2}"))
    assert apart == dict.fromkeys(range(3), False)


def test_a_rank_that_fails_ends_the_others_with_its_reason():
    def work(meeting, rank):
        if rank == 1:
            meeting.fail("The video 'x.mp4' is truncated.")
            return "failed"
        started = time.monotonic()
        try:
            meeting.barrier()
        except RankLostError as error:
            return time.monotonic() - started < 5, str(error)

    answers = run_ranks(work)
    for rank in (0, 2):
        quick, sentence = answers[rank]
        assert quick
        assert "Rank 1 on" in sentence
        assert "'x.mp4' is truncated" in sentence


def test_a_rank_without_a_sign_of_life_ends_the_others():
    def work(meeting, rank):
        if rank == 2:
            meeting._left.set()  # its process stops at once, without a heartbeat or a message
            return None
        meeting.barrier()
        return "passed"

    started = time.monotonic()
    answers = run_ranks(work, silence=1.0)
    assert time.monotonic() - started < 10
    assert all("Rank 2 has sent no heartbeat for 1 seconds" in str(answers[rank]) for rank in (0, 1))


def test_a_slow_rank_that_beats_is_waited_for():
    def work(meeting, rank):
        if rank == 0:
            time.sleep(2.0)  # much longer than the silence after which a rank counts as lost
        meeting.barrier()
        return "passed"

    assert run_ranks(work, silence=0.6) == dict.fromkeys(range(3), "passed")


def test_shards_that_show_late_are_waited_for(tmp_path, monkeypatch):
    store = FeatureStore(tmp_path, 1)
    threading.Timer(0.1, store.path(0).touch).start()  # not all of its bytes are visible yet
    threading.Timer(0.5, lambda: store.write(0, {"logits": np.ones((1, 2), np.float32)}, place_keys(1))).start()
    wait_for_shards([store], [0])
    assert store.missing([0]) == []
    monkeypatch.setattr("vidbench.distributed.shared_folder.VISIBLE_SECONDS", 0.3)
    with pytest.raises(InputError, match="1 finished feature shards are not visible"):
        wait_for_shards([FeatureStore(tmp_path / "other", 1)], [0])


def test_together_the_ranks_do_each_item_once_and_pad_nothing():
    for count in (0, 1, 5, 7):
        items = sorted(item for rank in range(3) for item in Ranks(rank, 3).mine(count))
        assert items == list(range(count))


# Each rank on its own node: separate home and output folders.
OTHER_NODES = """
import os, sys
rank = os.environ["RANK"]
os.environ["VIDBENCH_HOME"] = os.path.join(os.getcwd(), "home" if sys.argv[1] != "home" else "home-" + rank)
import vidbench.distributed.shared_folder
vidbench.distributed.shared_folder.VISIBLE_SECONDS = 1.0
from vidbench.cli import main
output = "out" if sys.argv[1] != "output" else "out-" + rank
sys.argv = ["vidbench", *sys.argv[2:], "--output", output]
main()
"""


@pytest.mark.parametrize(
    ("private", "command"),
    # Statistics have no output folder that could replace a cache.
    [("output", ("evaluate", "--model", "slow_plugin:load", "--json")), ("home", ("data", "statistics"))],
)
def test_nodes_without_a_shared_file_system_are_refused_before_anything_is_measured(
    small_task, plugin, private, command
):
    (plugin / "node.py").write_text(OTHER_NODES)
    ranks = forked.run_ranks(["node.py", private, *command, "--task", str(small_task), "--device", "cpu"], 2)
    assert all(done.returncode != 0 for done in ranks)
    assert all(done.stdout == "" for done in ranks)
    sentences = [line for done in ranks for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert sentences
    assert all("put it on a file system that all ranks share" in line for line in sentences)
    assert not list(plugin.rglob("features-*"))
    assert not list(plugin.rglob("result.json"))


def test_a_killed_rank_does_not_hang_the_other(small_task, plugin):
    """Two ranks without torchrun's agent, which would kill the other itself: as on two nodes."""
    arguments = ["node.py", "evaluate", "--model", "slow_plugin:load", "--task", str(small_task)]
    arguments += ["--device", "cpu", "--output", "out", "--batch-size", "8"]
    code = "import vidbench.distributed.coordination as m; m._SILENCE_SECONDS = 3.0; m.Meeting.__init__.__defaults__ = (3.0, False); "
    (plugin / "node.py").write_text(code + "from vidbench.cli import main; main()")
    base = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "SLOW_SECONDS": "0.2"}
    ranks = [forked.start_python(arguments, environment={**base, "RANK": str(rank)}) for rank in range(2)]
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not list((plugin / "out").rglob("features-*.safetensors")):
        time.sleep(0.05)
    ranks[1].send_signal(signal.SIGKILL)
    ended = ranks[0].wait()
    ranks[1].wait()
    assert ended.returncode == 2, ended.stderr
    assert "Rank 1 has sent no heartbeat" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (plugin / "out" / "result.json").exists()


def test_ranks_that_another_launcher_started_meet_and_part(tmp_path):
    """The main rank hosts the store, and must keep it until the others have left."""
    code = "from vidbench.distributed.ranks import process_group\nwith process_group() as ranks:\n    ranks.barrier()\n"
    code += "    print(ranks.from_main(lambda: ranks.rank + 7))"
    (tmp_path / "node.py").write_text(code)
    base = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    ranks = [forked.start_python(["node.py"], tmp_path, (), {**base, "RANK": str(rank)}) for rank in range(2)]
    for ended in [rank.wait() for rank in ranks]:
        assert (ended.returncode, ended.stdout) == (0, "7\n"), ended.stderr
    done = forked.run_python(["node.py"], tmp_path, (), {"WORLD_SIZE": "2"})
    assert "start the ranks with torchrun" in done.stderr
