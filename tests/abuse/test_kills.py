"""Five kills of each quick writing command at random moments, and workers that end with a killed scan.

`python -m tests.abuse.kills --number 100` kills each command a hundred times; docs/reliability.md has its last table.
"""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.abuse import runner
from tests.abuse.faults.commands import COMMANDS
from tests.abuse.kills import hidden, kill_many
from tests.abuse.runner import end, start
from tests.end_to_end.miniatures import write_video


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.seconds < 1], ids=lambda command: command.name)
def test_five_kills_leave_no_trace(command, tmp_path):
    found = kill_many(command, 5, 0, tmp_path / "0")
    # A quick command may end before all five moments.
    for seed in range(1, 6):
        if not any(killed.died for killed in found):
            found += kill_many(command, 5, seed, tmp_path / str(seed))
    assert any(killed.died for killed in found), "the command was over before it was killed"
    faults = [fault for killed in found for fault in killed.faults]
    assert not faults, "\n".join(faults)


def test_workers_end_with_a_killed_scan(tmp_path):
    for number in range(20):  # a busy machine may look rarely
        write_video(tmp_path / "data" / f"v{number}.mp4", number, count=40)
    words = ["data", "scan", "data", "--output", "out", "--workers", "2"]
    started = start(words, tmp_path)
    deadline = time.monotonic() + 50
    # The scan itself, two workers, and the process that tracks their semaphores.
    while len(runner.session(started.process)) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(started.process, signal.SIGKILL)
    assert len(end(started, kill_rest=False).orphans) >= 2, "no worker had started"
    assert not runner.rest_of_session(started.process, 30)  # a worker that still imports notices afterwards
    ended = runner.run_limited([*words[:-2], "--workers", "1"], tmp_path)
    assert ended.code == 0, ended.stderr
    assert not hidden(tmp_path)
