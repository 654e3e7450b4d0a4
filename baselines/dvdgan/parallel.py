"""A training run over several processes: the rows of each process, and the exchanges between them.

Plain all-reduces rather than DistributedDataParallel: weights are normalised outside the modules, once per update and
shared by all uses, two discriminators share one backward pass, and an update may run several of them (accumulation);
DDP would need a workaround for each. Between GPUs every exchange of an update can be recorded in a CUDA graph: NCCL's
kernels become part of it.
"""

from __future__ import annotations

import atexit
import datetime
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, distributed

from vidbench.models import InputError

# torch 2.13 renamed it.
_all_gather = getattr(distributed, "all_gather_single", None) or distributed.all_gather_into_tensor


@contextmanager
def _exchange() -> Iterator[None]:
    """Turn the error of a library, such as that of a peer that is gone, into a sentence."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        if torch.cuda.is_available() and torch.cuda.is_current_stream_capturing():
            raise  # nothing was exchanged: the update is made without recording
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        raise InputError(
            f"The exchange with the other processes of this run failed ({reason}): check the output of all of them; the same "
            "command resumes the run."
        ) from error


class World:
    """The processes of one training run: those that torchrun started, or this one alone."""

    def __init__(self, device: torch.device, rank: int = 0, size: int = 1) -> None:
        """Join the group, by NCCL between GPUs and gloo between CPUs. Every process of the run must call this.

        Args:
            device: where this process computes.
            rank: its rank.
            size: number of processes.
        """
        self.size, self.rank = size, rank
        self._device = device
        self._group: distributed.ProcessGroup | None = None  # the default group
        if self.size > 1:
            if device.type == "cuda":
                torch.cuda.set_device(device)
            # Hours: the others wait while the first process writes, draws sheets and measures.
            limit = datetime.timedelta(hours=12)
            backend = "nccl" if device.type == "cuda" else "gloo"
            if not distributed.is_initialized():
                distributed.init_process_group(backend, timeout=limit, rank=rank, world_size=size)
                # At exit, not at the end of a run: a process that joins again would read keys of the first time.
                atexit.register(distributed.destroy_process_group)
            if distributed.get_backend() != backend:
                self._group = distributed.new_group(backend=backend, timeout=limit)

    def any(self, value: bool) -> bool:
        """Whether the value is true in any process."""
        if self.size == 1:
            return value
        shared = torch.tensor([int(value)], dtype=torch.int64, device=self._device)
        with _exchange():
            distributed.all_reduce(shared, distributed.ReduceOp.MAX, group=self._group)
        return bool(shared.item())

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files."""
        return self.rank == 0

    def rows(self, batch_size: int, accumulate: int) -> list[np.ndarray]:
        """Rows of the global batch that this process computes, one int64 array per micro-batch.

        Each micro-batch has the same rows for any number of processes, split among them in order.

        Raises:
            InputError: the batch does not divide, or a part has fewer than 2 clips.
        """
        if batch_size % (self.size * accumulate) or batch_size // accumulate < 2:
            raise InputError(
                f"A batch of {batch_size} clips does not divide among {self.size} processes with accumulate="
                f"{accumulate} into parts of at least 2 clips; set batch_size to a multiple of "
                f"{max(2, self.size) * accumulate}."
            )
        parts = np.arange(batch_size).reshape(accumulate, self.size, -1)
        return [part[self.rank] for part in parts]

    def add_up(self, tensor: Tensor) -> None:
        """Replace a contiguous tensor by its sum over the processes, in place."""
        if self.size > 1:
            with _exchange():
                distributed.all_reduce(tensor, group=self._group)

    def start_adding_up(self, tensor: Tensor) -> Callable[[], object]:
        """Start to replace a contiguous tensor by its sum, while this process computes.

        Returns:
            A function that makes what is computed after its call wait for the sum.
        """
        with _exchange():
            work = distributed.all_reduce(tensor, group=self._group, async_op=True)
        wait: Callable[[], object] = work.wait
        return wait

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Replace each tensor by its mean over the processes, in place, with a single all-reduce."""
        wanted = list(tensors)
        if self.size == 1 or not wanted:
            return
        flat = torch.cat([tensor.flatten() for tensor in wanted])
        self.add_up(flat)
        flat /= self.size
        for tensor, mean in zip(wanted, flat.split([tensor.numel() for tensor in wanted]), strict=True):
            tensor.copy_(mean.view_as(tensor))

    def agree(self, value: int) -> int:
        """Broadcast the first process's value."""
        if self.size == 1:
            return value
        shared = torch.tensor([value], dtype=torch.int64, device=self._device)
        with _exchange():
            distributed.broadcast(shared, src=0, group=self._group)
        return int(shared.item())

    def all_agree(self, value: int) -> bool:
        """Whether all processes have the same value."""
        if self.size == 1:
            return True
        return len(set(self.gather(torch.tensor([value], device=self._device)).flatten().tolist())) == 1

    def gather(self, tensor: Tensor) -> Tensor:
        """Gather the tensors of all processes, stacked on a new first axis."""
        gathered = tensor.new_empty((self.size, *tensor.shape))
        with _exchange():
            _all_gather(gathered.view(-1), tensor.contiguous().view(-1), group=self._group)
        return gathered
