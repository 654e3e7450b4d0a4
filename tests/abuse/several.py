"""Several commands at once, each in a forked process, and the ranks of one command, also under torchrun."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from tests.abuse.runner import Limits, Outcome, end, start
from vidbench.cli import main as vidbench  # noqa: F401 - for rank.py: before a test replaces it

_TORCHRUN = ("--standalone", "--nproc-per-node", "2", "--redirects", "3")
# Agent and ranks are forked, instead of importing torch again: torchrun's own way to run a Python file.
_FORKED = ("--start-method", "fork", "--run-path", str(Path(__file__).with_name("rank.py")))
_LAUNCH = Limits(wall_seconds=300)


class Launch(NamedTuple):
    """How a launch by torchrun ended.

    Args:
        code: its exit code.
        stdout: what each rank printed.
        stderr: what each rank said.
        launcher: what torchrun itself said.
    """

    code: int | None
    stdout: tuple[str, ...]
    stderr: tuple[str, ...]
    launcher: str


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


def launched_at_once(commands: Sequence[Sequence[str]], folder: Path, fresh: bool = False) -> list[Launch]:
    """Start each command on two ranks by torchrun, at the same time in one folder.

    Args:
        commands: arguments of ``vidbench``.
        folder: current folder of all.
        fresh: start ``python -m torch.distributed.run`` and ranks with a Python of their own.
    """
    import torch.distributed.run  # noqa: F401 - before the fork

    started = []
    for number, words in enumerate(commands):
        options = [*_TORCHRUN, "--log-dir", str(folder / "tmp" / f"launch-{number}")]
        if fresh:
            interpreter = ("-m", "torch.distributed.run", *options, "-m", "vidbench")
            started.append(start(words, folder, limits=_LAUNCH, interpreter=interpreter))
        else:
            with patch("vidbench.cli.main", _torchrun):
                started.append(start([*options, *_FORKED, *words], folder, limits=_LAUNCH))
    launches = []
    for number, ended in enumerate([end(one) for one in started]):
        texts = [_of_ranks(folder / "tmp" / f"launch-{number}", name) for name in ("stdout.log", "stderr.log")]
        launches.append(Launch(ended.code, *texts, ended.stderr))
    return launches


def processes_in(folder: Path, seconds: float = 5.0) -> list[str]:
    """Return the processes that still have their current folder there after some seconds, of whatever session."""
    deadline = time.monotonic() + seconds
    while (found := _living_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _living_in(folder: Path) -> list[str]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inside = (process / "cwd").readlink().is_relative_to(folder)
        except OSError:
            continue
        if inside:
            found.append(f"{process.name} {(process / 'cmdline').read_bytes()!r}")
    return found


def _torchrun() -> None:
    from torch.distributed.run import main

    main(sys.argv[1:])


def _of_ranks(logs: Path, name: str) -> tuple[str, ...]:
    return tuple(path.read_text(encoding="utf-8") for path in sorted(logs.glob(f"*/attempt_0/*/{name}")))
