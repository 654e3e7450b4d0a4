"""Running under torchrun: who am I, whose shard is it, and wait for the others.

Work is divided by index and never padded; what the ranks make goes through files in a folder that all of them see, and
what they have to say to each other through torchrun's key-value store (see `vidbench.distributed.coordination`).
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from vidbench.distributed.coordination import Meeting
from vidbench.errors import InputError

Value = TypeVar("Value")

# Time for the slowest node to start.
_JOIN_SECONDS = 600
_MEETINGS = count()


@dataclass(frozen=True)
class Ranks:
    """This process among the others of one run.

    Attributes:
        rank: number of this process, 0 to ``world_size - 1``.
        world_size: number of processes.
        local_rank: number of this process on its node.
        local_world_size: number of processes on its node.
        meeting: how it talks to the others; None where it is alone, or has not joined them.
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    local_world_size: int = 1
    meeting: Meeting | None = None

    @property
    def is_main(self) -> bool:
        """True for the one process that reduces, prints and writes the result."""
        return self.rank == 0

    def mine(self, num_items: int) -> range:
        """The items of this rank: every world_size-th one. Together the ranks do each item once."""
        return range(self.rank, num_items, self.world_size)

    def barrier(self) -> None:
        """Wait until every rank has come here.

        Raises:
            RankLostError: one never will.
        """
        if self.meeting is not None:
            self.meeting.barrier()

    def from_main(self, make: Callable[[], Value]) -> Value:
        """Return what ``make`` gives on the main rank, the same on all; JSON-able."""
        if self.meeting is None:
            return make()
        value: Value = self.meeting.from_main(make)
        return value

    def agree(self, what: str, value: Any) -> None:
        """Refuse to go on where a JSON-able value differs between ranks; see `vidbench.distributed.coordination.Meeting.agree`."""
        if self.meeting is not None:
            self.meeting.agree(what, value)

    def check_shared(self, folder: Path) -> None:
        """Refuse to go on where the ranks see different folders; see `vidbench.distributed.coordination.Meeting.check_shared`."""
        if self.meeting is not None:
            self.meeting.check_shared(folder)


def ranks_from_environment() -> Ranks:
    """Read what torchrun set; one process where it set nothing."""
    return Ranks(
        rank=int(os.environ.get("RANK", "0")),
        world_size=int(os.environ.get("WORLD_SIZE", "1")),
        local_rank=int(os.environ.get("LOCAL_RANK", "0")),
        local_world_size=int(os.environ.get("LOCAL_WORLD_SIZE", "1")),
    )


@contextmanager
def process_group() -> Iterator[Ranks]:
    """Meet the processes that torchrun started, if it did, and part at the end.

    Raises:
        InputError: the others cannot be reached.
        RankLostError: one of them failed before the end.
    """
    ranks = ranks_from_environment()
    if ranks.world_size == 1:
        yield ranks
        return
    meeting = _meet(ranks)
    try:
        yield replace(ranks, meeting=meeting)
    except BaseException as error:
        meeting.fail(str(error) or type(error).__name__)
        raise
    meeting.leave()


def _meet(ranks: Ranks) -> Meeting:
    from torch.distributed import PrefixStore, TCPStore

    place = (os.environ.get("MASTER_ADDR"), os.environ.get("MASTER_PORT"))
    if None in place:
        raise InputError(
            f"WORLD_SIZE is {ranks.world_size}, but MASTER_ADDR or MASTER_PORT is not set: start the ranks with torchrun."
        )
    host, port = str(place[0]), int(str(place[1]))
    # Under torchrun its agent keeps the store; started in another way, the main rank does.
    keeps = ranks.is_main and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    timeout = datetime.timedelta(seconds=_JOIN_SECONDS)
    try:
        store = TCPStore(host, port, is_master=keeps, timeout=timeout, wait_for_workers=False)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"Rank {ranks.rank} cannot reach the others at {host}:{port} ({reason}): check MASTER_ADDR and the network."
        ) from None
    # A store outlives a restart by torchrun and a second call from Python; old words must not be heard again.
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    return Meeting(PrefixStore(f"vidbench/{attempt}/{next(_MEETINGS)}", store), ranks.rank, ranks.world_size)


def choose_device(device: str | None, ranks: Ranks) -> str:
    """Return the torch device string: as asked, or this rank's GPU where there is one, or ``"cpu"``.

    Raises:
        InputError: a GPU is asked for and there is none, or the name is not a torch device.
    """
    import torch

    if device is None:
        return f"cuda:{ranks.local_rank % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"
    try:
        parsed = torch.device(device)
    except RuntimeError:
        raise InputError(f"'{device}' is not a torch device: give --device cpu or --device cuda.") from None
    if parsed.type == "cuda" and not torch.cuda.is_available():
        raise InputError(f"--device {device} was asked for, and torch sees no GPU here: use --device cpu.")
    if parsed.type == "cuda" and parsed.index is None:
        return f"cuda:{ranks.local_rank % torch.cuda.device_count()}"
    return device
