"""Running under torchrun: who am I, whose shard is it, and wait for the others.

Work is divided by index and never padded; what the ranks have to say to each other goes through files in a folder
that all of them see, so torch.distributed serves for barriers alone (gloo, on CPU and GPU machines alike).
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Ranks:
    """This process among the others of one run."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """True for the one process that reduces, prints and writes the result."""
        return self.rank == 0

    def mine(self, num_items: int) -> range:
        """The items of this rank: every world_size-th one. Together the ranks do each item once."""
        return range(self.rank, num_items, self.world_size)

    def barrier(self) -> None:
        """Wait until every rank has come here."""
        if self.world_size > 1:
            import torch.distributed

            torch.distributed.barrier()


def ranks_from_environment() -> Ranks:
    """Read what torchrun set; one process where it set nothing."""
    return Ranks(
        rank=int(os.environ.get("RANK", "0")),
        world_size=int(os.environ.get("WORLD_SIZE", "1")),
        local_rank=int(os.environ.get("LOCAL_RANK", "0")),
    )


@contextmanager
def process_group() -> Iterator[Ranks]:
    """Join the group that torchrun started, if it did, and leave it at the end."""
    ranks = ranks_from_environment()
    if ranks.world_size == 1:
        yield ranks
        return
    import torch.distributed

    joined_here = not torch.distributed.is_initialized()
    if joined_here:
        # Hours, not minutes: at a barrier the others wait for the slowest rank's last shard.
        torch.distributed.init_process_group("gloo", timeout=datetime.timedelta(hours=12))
    try:
        yield ranks
    finally:
        if joined_here:
            torch.distributed.destroy_process_group()


def choose_device(device: str | None, ranks: Ranks) -> str:
    """Return the torch device string: as asked, or this rank's GPU where there is one, or ``"cpu"``.

    Raises:
        InputError: a GPU is asked for and there is none, or the name is not a torch device.
    """
    import torch

    from vidbench.errors import InputError

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
