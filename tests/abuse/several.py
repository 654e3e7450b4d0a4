"""Several commands at once, each in a forked process, and the ranks of one command."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path

from tests.abuse.runner import Outcome, end, start


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
