"""Five kills of each quick writing command in its work, workers that end with a killed scan, and what the kills notice.

`python -m tests.abuse.kills --number 100` kills each command a hundred times; docs/reliability.md has its last table.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.abuse import runner
from tests.abuse.faults.commands import COMMANDS, Command
from tests.abuse.killing import Calm, Killed, Moment, faultless, hidden, kill_and_repeat, moment_of, run_calmly
from tests.abuse.runner import end, start
from tests.end_to_end.miniatures import write_video


@pytest.mark.parametrize("command", [each for each in COMMANDS if each.seconds < 1], ids=lambda command: command.name)
def test_five_kills_leave_no_trace(command, tmp_path):
    faultless(command, tmp_path / "kills")


def test_kills_of_processes_with_their_own_start_leave_no_trace(tmp_path):
    command = next(command for command in COMMANDS if command.name == "leaderboard add")
    faultless(command, tmp_path / "kills", number=2, fresh=True)


def _work(seconds=0.1):
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def _sound():
    part = Path(".out.part")
    part.write_text("ha")
    _work()
    part.write_text("half and whole")
    part.replace("out")


def _leaves_its_part():
    part = Path(f".out.{os.getpid()}")
    part.write_text("ha")
    _work()
    part.replace("out")


def _trusts_what_is_there():
    if not Path("out").exists():
        with Path("out").open("w") as out:
            out.write("ha")
            out.flush()
            _work()
            out.write("lf")


def _never_recovers():
    if Path("started").exists():
        sys.exit(2)
    Path("started").touch()
    _work()


@pytest.mark.parametrize(
    ("main", "fault"),
    [
        (_sound, None),
        (_leaves_its_part, "hidden files are left"),
        (_trusts_what_is_there, "other files than without the kill: ['out']"),
        (_never_recovers, "the last run ended with 2"),
    ],
)
def test_what_a_kill_leaves_is_noticed(main, fault, tmp_path, monkeypatch):
    monkeypatch.setattr("vidbench.cli.main", main)
    command = Command("fake", "fake", lambda folder: None)
    calm = run_calmly(command, tmp_path / "calm")
    moment = moment_of(command, 0, 0)._replace(share=0.5, repeat=None)
    killed = _killed_in_work(command, calm, tmp_path, moment)
    assert any(fault in each for each in killed.faults) if fault else not killed.faults


def _killed_in_work(command: Command, calm: Calm, folder: Path, moment: Moment) -> Killed:
    """Kill a command in its work; on a busy machine a kill may come too late, or before anything was written."""
    for attempt in range(20):
        killed = kill_and_repeat(command, calm, folder / f"kill-{attempt}", moment)
        if killed.in_work and killed.had_written:
            return killed
    raise AssertionError("no kill came in the work")


def _starts_a_process():
    Path("out").write_text("whole")
    if not Path("first").exists():
        Path("first").touch()
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        _work()


def test_a_process_that_outlives_a_kill_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr("vidbench.cli.main", _starts_a_process)
    monkeypatch.setattr("tests.abuse.killing._ORPHAN_SECONDS", 0.1)
    command = Command("fake", "fake", lambda folder: None)
    calm = run_calmly(command, tmp_path / "calm")
    moment = moment_of(command, 0, 0)._replace(share=0.9, repeat=None, together=False)
    alone = kill_and_repeat(command, calm, tmp_path / "alone", moment)
    assert "processes are left: ('" in alone.faults[0]
    assert not kill_and_repeat(command, calm, tmp_path / "together", moment._replace(together=True)).faults


def _workers(session: int) -> list[str]:
    """Return the workers of a session; another process tracks their semaphores, unless that of the tests does."""
    found = []
    for each in runner.session(session):
        with contextlib.suppress(OSError):  # it has ended
            if b"spawn_main" in Path("/proc", each.split()[0], "cmdline").read_bytes():
                found.append(each)
    return found


def test_workers_end_with_a_killed_scan(tmp_path):
    for number in range(20):  # a busy machine may look rarely
        write_video(tmp_path / "data" / f"v{number}.mp4", number, count=40)
    words = ["data", "scan", "data", "--output", "out", "--workers", "2"]
    started = start(words, tmp_path)
    deadline = time.monotonic() + 50
    while len(_workers(started.process)) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(started.process, signal.SIGKILL)
    assert len(end(started, kill_rest=False).orphans) >= 2, "no worker had started"
    assert not runner.rest_of_session(started.process, 30)  # a worker that still imports notices afterwards
    ended = runner.run_limited([*words[:-2], "--workers", "1"], tmp_path)
    assert ended.code == 0, ended.stderr
    assert not hidden(tmp_path)
