"""Jobs in forked processes, several at a time, each with a limit of time; their answers are JSON lines."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.mutants.jobs import prepare_child


class Job(NamedTuple):
    """What a process does, given the path for its answer, and for how many seconds at most."""

    name: str
    run: Callable[[Path], None]
    limit: float


class Ended(NamedTuple):
    """How a process ended: its answer, the signal or 0, and its seconds."""

    job: Job
    answer: list[dict[str, Any]]
    signal: int
    seconds: float


def run_jobs(queue: list[Job], workers: int, folder: Path, until: float = float("inf")) -> Iterator[Ended]:
    """Run each job in a forked process, several at a time, and yield how it ended; start none after a time."""
    running: dict[int, tuple[Job, Path, float]] = {}
    queue = list(reversed(queue))
    folder = folder / "jobs"
    folder.mkdir(exist_ok=True)
    count = 0
    while running or (queue and time.monotonic() < until):
        while queue and len(running) < workers and time.monotonic() < until:
            job = queue.pop()
            answer = folder / f"{count}.json"
            answer.unlink(missing_ok=True)
            count += 1
            sys.stdout.flush()
            pid = os.fork()
            if pid == 0:
                try:
                    prepare_child(answer.with_suffix(".log"))
                    job.run(answer)
                finally:
                    os._exit(0)
            running[pid] = (job, answer, time.monotonic())
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid in running:
            job, answer, started = running.pop(pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
            shutil.rmtree(answer.with_suffix(".tmp"), ignore_errors=True)
            found = json_lines(answer)
            answer.unlink(missing_ok=True)
            for suffix in (".log", ".lines", ".child"):
                answer.with_suffix(suffix).unlink(missing_ok=True)
            code = os.waitstatus_to_exitcode(status)
            yield Ended(job, found, max(0, -code), time.monotonic() - started)
            continue
        now = time.monotonic()
        for pid, (job, _, started) in running.items():
            if now - started > job.limit:
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def json_lines(path: Path) -> list[dict[str, Any]]:
    """Read JSON lines; a torn last line is left out, a missing file is empty."""
    lines = []
    with contextlib.suppress(OSError, ValueError):
        for line in path.read_text(encoding="utf-8").splitlines():
            lines.append(json.loads(line))
    return lines
