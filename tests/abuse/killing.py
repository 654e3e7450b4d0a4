"""Kill a writing command at a seeded moment of its work, run it again, and compare with a run that nothing disturbed.

A moment is a share of the processor time of the undisturbed run, so that a busy machine does not move it, and a short pause,
so that waits for the disk are hit too. Most commands are forked from a process that has imported everything: their time is work.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Set
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from tests.abuse.faults.commands import Command, outcome
from tests.abuse.judge import hidden_entries
from tests.abuse.runner import Limits, Started, end, kill_session, rest_of_session, run_limited, start
from vidbench import cli

# What a command says whose killed predecessor had already finished.
_FINISHED = ("already exists", "is on the board already")
_ORPHAN_SECONDS = 5.0
_PAUSE = 0.005
_LIMITS = Limits(wall_seconds=300)
_INTERPRETER = ("-m", "vidbench")


class Calm(NamedTuple):
    """An undisturbed run of a command.

    Args:
        template: its inputs.
        files: what it left.
        hidden: what of it is hidden.
        code: its exit code.
        seconds: processor time of its work.
    """

    template: Path
    files: dict[str, str]
    hidden: set[str]
    code: int
    seconds: float


class Moment(NamedTuple):
    """When a command is killed, and what of it.

    Args:
        share: share of the undisturbed processor time after which it is killed.
        pause: share of `_PAUSE`, or of a tenth of a quicker run, to wait then.
        together: kill the whole session, as the end of a container does; else the process alone, as a lack of memory does.
        repeat: the share after which the repeated command is killed too; None to leave it alone.
        fresh: start a Python of its own, whose start is part of the time.
    """

    share: float
    pause: float
    together: bool
    repeat: float | None
    fresh: bool


class Killed(NamedTuple):
    """What became of one kill.

    Args:
        attempt: its number.
        in_work: whether the command was still running.
        had_written: whether it had written something.
        faults: what was wrong afterwards, one sentence each.
    """

    attempt: int
    in_work: bool
    had_written: bool
    faults: tuple[str, ...]


def moment_of(command: Command, attempt: int, seed: int, fresh: bool = False) -> Moment:
    """Draw the moment of a kill, which depends on nothing else, so that single kills can be repeated."""
    draws = random.Random(f"{seed}/{command.name}/{attempt}")
    share, pause, together = draws.uniform(0.02, 0.98), draws.random(), draws.random() < 0.5
    return Moment(share, pause, together, draws.random() if draws.random() < 0.25 else None, fresh)


def run_calmly(command: Command, folder: Path, fresh: bool = False) -> Calm:
    """Prepare a command below a folder and run it undisturbed."""
    template, calm = folder / "template", folder / "calm"
    template.mkdir(parents=True)
    command.prepare(template)
    shutil.copytree(template, calm)
    used = folder / "used"
    with command.around(), patch("vidbench.cli.main", functools.partial(_timed, cli.main, used)):
        ended = run_limited(command.line.split(), calm, limits=_LIMITS, interpreter=_INTERPRETER if fresh else ())
    assert ended.code in (0, 1), ended.stderr
    seconds = ended.processor_seconds if fresh else float(used.read_text())
    return Calm(template, outcome(calm), hidden(calm), ended.code, seconds)


def kill_and_repeat(command: Command, calm: Calm, folder: Path, moment: Moment, attempt: int = 0) -> Killed:
    """Run a command in a copy of its inputs, kill it at a moment, run it again, and look at what is there."""
    shutil.copytree(calm.template, folder)
    before = _files(folder)
    faults: list[str] = []
    started = start(command.line.split(), folder, limits=_LIMITS, interpreter=_INTERPRETER if moment.fresh else ())
    pause = moment.pause * min(_PAUSE, 0.1 * calm.seconds)
    in_work = _kill(started, calm.seconds * moment.share, pause, moment.together, faults)
    had_written = _files(folder) != before
    if moment.repeat is not None:
        repeated = start(command.line.split(), folder, limits=_LIMITS)
        _kill(repeated, calm.seconds * moment.repeat, pause, moment.together, faults)
    again = run_limited(command.line.split(), folder, limits=_LIMITS)
    if again.code != calm.code and not (again.code == 2 and any(word in again.stderr for word in _FINISHED)):
        faults.append(f"the last run ended with {again.code}: {again.stderr[-500:]}")
    if "Traceback" in again.stderr:
        faults.append("the last run printed a traceback")
    if again.orphans:
        faults.append(f"the last run left processes: {again.orphans}")
    files = outcome(folder)
    if files != calm.files:
        differing = sorted(name for name in files.keys() | calm.files.keys() if files.get(name) != calm.files.get(name))
        faults.append(f"other files than without the kill: {differing[:5]}")
    if left_over := hidden(folder) - calm.hidden:
        faults.append(f"hidden files are left: {sorted(left_over)[:5]}")
    if not faults:
        shutil.rmtree(folder)
    return Killed(attempt, in_work, had_written, tuple(f"kill {attempt} ({moment}): {fault}" for fault in faults))


def kill_many(
    command: Command, number: int, seed: int, folder: Path, fresh: int = 0, skipped: Set[int] = frozenset()
) -> Iterator[Killed]:
    """Kill a command a number of times at seeded moments of its run.

    Args:
        command: what to kill.
        number: how often.
        seed: decides the moments.
        folder: where to run it; does not exist.
        fresh: how many of them, the first ones, start a Python of their own.
        skipped: numbers of kills to leave out.
    """
    calms: dict[bool, Calm] = {}
    for attempt in sorted(set(range(number)) - skipped):
        alone = attempt < fresh and command.around is nullcontext  # which only forked processes see
        if alone not in calms:
            calms[alone] = run_calmly(command, folder / ("fresh" if alone else "forked"), alone)
        moment = moment_of(command, attempt, seed, alone)
        with command.around():
            killed = kill_and_repeat(command, calms[alone], folder / f"kill-{attempt}", moment, attempt)
        yield killed


def faultless(command: Command, folder: Path, number: int = 5, fresh: bool = False) -> None:
    """Kill a command in its work a number of times, and assert that it left nothing wrong; those that came too late are more."""
    found: list[Killed] = []
    for killed in kill_many(command, 4 * number, 0, folder, fresh=4 * number if fresh else 0):
        found.append(killed)
        if sum(each.in_work for each in found) == number:
            break
    faults = [fault for killed in found for fault in killed.faults]
    assert not faults, "\n".join(faults)
    assert sum(each.in_work for each in found) == number, "the command was over before it was killed"


def hidden(folder: Path) -> set[str]:
    """Return the hidden files and folders below a folder, without those of the temporary folder."""
    return {name for name in hidden_entries(folder) if not name.startswith("tmp")}


def _timed(main: Callable[[], None], used: Path) -> None:
    """Run a command and note its processor time, without that of freeing its memory, which is no work."""
    try:
        main()
    finally:
        used.write_text(str(time.process_time()))


def _kill(started: Started, seconds: float, pause: float, together: bool, faults: list[str]) -> bool:
    """Kill a command that has used some processor time; return whether it was still running, and note what it left."""
    clock = ~started.process << 3 | 2  # Linux: the processor time of another process
    deadline = started.since + started.limits.wall_seconds
    while _is_running(started.process) and time.clock_gettime(clock) < seconds and time.monotonic() < deadline:
        time.sleep(0.0005)
    time.sleep(pause)
    if together:
        kill_session(started.process)
    with contextlib.suppress(ProcessLookupError):
        os.kill(started.process, signal.SIGKILL)
    ended = end(started, kill_rest=False)
    if left := rest_of_session(started.process, _ORPHAN_SECONDS):
        faults.append(f"processes are left: {left}")
        kill_session(started.process)
    return ended.code == -signal.SIGKILL


def _is_running(process: int) -> bool:
    return os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _files(folder: Path) -> dict[Path, tuple[int, int]]:
    """Return what changes when a command writes below a folder: its files with their sizes and times."""
    stats = {path: path.stat() for path in folder.rglob("*") if not path.is_dir()}
    return {path: (stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()}
