"""Several commands at once, each in a forked process, and the ranks of one command."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

from tests.abuse import runner
from tests.abuse.runner import Limits, Outcome, warm_up


class Started(NamedTuple):
    """A command that runs: its process, which leads a session, and the files of its two streams."""

    process: int
    out: IO[bytes]
    err: IO[bytes]
    since: float


def start(
    arguments: Sequence[str],
    folder: Path,
    environment: dict[str, str | None] | None = None,
    limits: Limits | None = None,
) -> Started:
    """Start ``vidbench`` as `tests.abuse.runner.run_limited` does, and return at once."""
    warm_up()
    for name in ("home", "tmp"):
        (folder / name).mkdir(exist_ok=True)
    out, err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 - closed by `end`
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process = os.fork()
    if process == 0:
        runner._run_and_exit(list(arguments), folder, environment or {}, limits or Limits(), out.fileno(), err.fileno())
    return Started(process, out, err, time.monotonic())


def end(started: Started, seconds: float = 60.0) -> Outcome:
    """Wait for a command and return how it ended."""
    code = runner._wait(started.process, started.since + seconds)
    took = time.monotonic() - started.since
    orphans = runner._session(started.process)
    texts = []
    for file in (started.out, started.err):
        file.seek(0)
        texts.append(file.read().decode("utf-8", "backslashreplace"))
        file.close()
    return Outcome(code, texts[0], texts[1], orphans, took)


def at_once(commands: Sequence[Sequence[str]], folder: Path) -> list[Outcome]:
    """Run commands at the same time in one folder."""
    return [end(one) for one in [start(command, folder) for command in commands]]


def ranks_at_once(
    commands: Sequence[Sequence[str]], folder: Path, groups: int = 1, places: Sequence[Path] | None = None
) -> list[Outcome]:
    """Run one command per rank, which may differ, as a launcher other than torchrun would: it kills nobody.

    Args:
        commands: the command of each rank.
        folder: current folder of all; their caches are below it.
        groups: how many such runs to start at the same time.
        places: the current folder of each rank instead, as on nodes whose disks differ.
    """
    (folder / "home").mkdir(exist_ok=True)
    places = places or [folder] * len(commands)
    started = []
    for _ in range(groups):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        met = {"WORLD_SIZE": str(len(commands)), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        met["VIDBENCH_HOME"] = str(folder / "home")
        started += [
            start(command, place, {**met, "RANK": str(rank)})
            for rank, (command, place) in enumerate(zip(commands, places, strict=True))
        ]
    return [end(one) for one in started]
