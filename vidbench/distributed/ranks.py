"""Ranks under torchrun: identity, division of work, choice of a device.

Work is divided by index and never padded. Outputs go through files in a shared folder, messages through torchrun's
key-value store (see `vidbench.distributed.coordination`).
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
from vidbench.distributed.launcher import LaunchVariables, launch_variables
from vidbench.errors import InputError
from vidmetrics.locks import sole_writer
from vidmetrics.networks.devices import usable_device

Value = TypeVar("Value")

# Allows for the slowest node to start.
_JOIN_SECONDS = 600
_MEETINGS = count()


@dataclass(frozen=True)
class Ranks:
    """This process among the others of one run.

    Attributes:
        rank: rank of this process, 0 to ``world_size - 1``.
        world_size: number of processes.
        local_rank: rank of this process on its node.
        local_world_size: number of processes on its node.
        meeting: communication with the others; None for a single process, or before joining.
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    local_world_size: int = 1
    meeting: Meeting | None = None

    @property
    def is_main(self) -> bool:
        """Whether this is rank 0, which reduces the features to scores, prints and writes the result."""
        return self.rank == 0

    def mine(self, num_items: int) -> range:
        """Return the items of this rank, every ``world_size``-th one; the ranks together cover each item once."""
        return range(self.rank, num_items, self.world_size)

    def barrier(self) -> None:
        """Wait until every rank has reached this call.

        Raises:
            RankLostError: another rank has failed or is lost.
        """
        if self.meeting is not None:
            self.meeting.barrier()

    def from_main(self, make: Callable[[], Value]) -> Value:
        """Call ``make`` on the main rank and return its JSON-able result on every rank."""
        if self.meeting is None:
            return make()
        value: Value = self.meeting.from_main(make)
        return value

    def from_all(self, value: Any) -> list[Any]:
        """Return the JSON-able values of all ranks, in rank order."""
        return [value] if self.meeting is None else self.meeting.from_all(value)

    def agree(self, what: str, value: Any) -> None:
        """Check that a JSON-able value is the same on all ranks; see `vidbench.distributed.coordination.Meeting.agree`."""
        if self.meeting is not None:
            self.meeting.agree(what, value)

    @contextmanager
    def sole_writer(self, output: Path, *, inside: bool = True) -> Iterator[None]:
        """Exclude other runs that would write the same output; the main rank holds the lock for all.

        Args:
            output: the folder or file to write.
            inside: as for `vidmetrics.locks.sole_writer`.

        Raises:
            InputError: another run is writing it; on the other ranks a `RankLostError` that repeats this.
        """
        # Nobody writes, or waits in a collective for a rank that was refused, before the lock is held.
        if self.is_main:
            with sole_writer(output, inside=inside):
                self.barrier()
                yield
                # The others may still write.
                self.barrier()
        else:
            self.barrier()
            yield
            self.barrier()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """End this process when another rank fails or is lost inside the block; see `Meeting.watched`."""
        if self.meeting is None:
            yield
        else:
            with self.meeting.watched():
                yield

    def check_shared(self, folder: Path) -> None:
        """Check that all ranks see the same folder; see `vidbench.distributed.coordination.Meeting.check_shared`."""
        if self.meeting is not None:
            self.meeting.check_shared(folder)

    def shares(self, folder: Path) -> bool:
        """Return whether all ranks see the same folder, with the same answer on every rank."""
        return self.meeting is None or self.meeting.shares(folder)


def ranks_from_environment() -> Ranks:
    """Read the variables that torchrun sets; a single process if they are not set.

    Raises:
        InputError: the variables do not fit together; see `vidbench.distributed.launcher.launch_variables`.
    """
    return _ranks(launch_variables())


def _ranks(launch: LaunchVariables) -> Ranks:
    return Ranks(launch.rank, launch.world_size, launch.local_rank, launch.local_world_size)


@contextmanager
def process_group() -> Iterator[Ranks]:
    """Join the other processes under torchrun, and leave at the end; a no-op for a single process.

    Raises:
        InputError: the others cannot be reached, or the variables of the launcher do not fit together.
        RankLostError: another rank failed before the end.
    """
    launch = launch_variables()
    ranks = _ranks(launch)
    if ranks.world_size == 1:
        yield ranks
        return
    meeting = _meet(launch)
    try:
        with _store_is_there():
            yield replace(ranks, meeting=meeting)
    except BaseException as error:
        meeting.fail(str(error) or type(error).__name__)
        raise
    meeting.leave()


@contextmanager
def _store_is_there() -> Iterator[None]:
    """Let torch.distributed join the store that a rank hosts already, where it would host another on the same port."""
    names = {"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "0"}
    added = {name: value for name, value in names.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def _meet(launch: LaunchVariables) -> Meeting:
    from torch.distributed import PrefixStore, TCPStore

    host, port = launch.host, launch.port
    # torchrun's agent hosts the store; with other launchers the main rank does.
    hosts_store = launch.rank == 0 and os.environ.get("TORCHELASTIC_USE_AGENT_STORE") != "True"
    timeout = datetime.timedelta(seconds=_JOIN_SECONDS)
    try:
        store = TCPStore(host, port, is_master=hosts_store, timeout=timeout, wait_for_workers=False)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise InputError(
            f"Rank {launch.rank} cannot reach the others at {host}:{port} ({reason}): check MASTER_ADDR and the network."
        ) from None
    # The store outlives a restart by torchrun and a second call from Python; old messages must not be read again.
    attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    prefixed = PrefixStore(f"vidbench/{attempt}/{next(_MEETINGS)}", store)
    return Meeting(prefixed, launch.rank, launch.world_size, hosts=hosts_store)


def choose_device(device: str | None, ranks: Ranks) -> str:
    """Return a torch device string: the given device, or by default this rank's GPU if there is one, else ``"cpu"``.

    Raises:
        InputError: a GPU is requested but not available, or the name is not a torch device.
    """
    import torch

    if device is None:
        return f"cuda:{ranks.local_rank % torch.cuda.device_count()}" if torch.cuda.is_available() else "cpu"
    parsed = usable_device(device)
    if parsed.type == "cuda" and parsed.index is None:
        return f"cuda:{ranks.local_rank % torch.cuda.device_count()}"
    return device
