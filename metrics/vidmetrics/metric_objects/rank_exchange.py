"""What the ranks of a torch.distributed program tell each other; bytes only, so that nothing is pickled."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError


class RankExchange:
    """Collective calls of all ranks of the default process group; without one, of this process alone.

    Args:
        enabled: False for this process alone in any case.
    """

    def __init__(self, enabled: bool = True) -> None:
        from torch import distributed

        joined = enabled and distributed.is_available() and distributed.is_initialized()
        self.rank = distributed.get_rank() if joined else 0
        self.size = distributed.get_world_size() if joined else 1

    def from_all(self, value: Any) -> list[Any]:
        """Return the JSON-able values of all ranks, in their order, on each."""
        if self.size == 1:
            return [value]
        parts = self._gather(json.dumps(value).encode(), everywhere=True)
        return [json.loads(part) for part in parts]

    def rows_to_main(self, rows: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        """Return the arrays of all ranks, ``[n, ...]`` with equal dtype and further axes, on rank 0; an empty list on the others."""
        if self.size == 1:
            return [rows]
        shape = rows.shape[1:]
        parts = self._gather(np.ascontiguousarray(rows).tobytes(), everywhere=False)
        return [np.frombuffer(part, rows.dtype).reshape(-1, *shape) for part in parts]

    def from_main(self, make: Callable[[], bytes]) -> bytes:
        """Call a function on rank 0 and return what it returns on every rank.

        Raises:
            InputError: the function raised one; then on every rank.
        """
        if self.size == 1:
            return make()
        found, problem = b"", None
        if self.rank == 0:
            try:
                found = make()
            except InputError as error:
                problem = str(error)
        problem, length = self.from_all([problem, len(found)])[0]
        if problem is not None:
            raise InputError(problem)
        return self._broadcast(found, length)

    def together(self, act: Callable[[], Any]) -> Any:
        """Call a function on every rank; if it raises an `InputError` on any, each raises the first, and none waits for another.

        Raises:
            InputError: see above.
        """
        value, problem = None, None
        try:
            value = act()
        except InputError as error:
            problem = str(error)
        for rank, found in enumerate(self.from_all(problem)):
            if found is not None:
                raise InputError(found if self.size == 1 else f"Rank {rank}: {found}")
        return value

    def _device(self) -> Any:
        import torch
        from torch import distributed

        # NCCL exchanges nothing but memory of GPUs.
        on_gpu = "gloo" not in str(distributed.get_backend()) and torch.cuda.is_available()
        return torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")

    def _gather(self, content: bytes, *, everywhere: bool) -> Sequence[bytes]:
        import torch
        from torch import distributed

        device = self._device()
        length = torch.tensor([len(content)], dtype=torch.int64, device=device)
        lengths = [torch.empty_like(length) for _ in range(self.size)]
        distributed.all_gather(lengths, length)
        longest = max(1, *(int(each) for each in lengths))
        mine = torch.zeros(longest, dtype=torch.uint8)
        mine[: len(content)] = torch.from_numpy(np.frombuffer(content, np.uint8).copy())
        mine = mine.to(device)
        receives = everywhere or self.rank == 0
        parts = [torch.empty_like(mine) for _ in range(self.size)] if receives else []
        if everywhere:
            distributed.all_gather(parts, mine)
        else:
            distributed.gather(mine, parts if receives else None, dst=0)
        return [bytes(part[: int(size)].cpu().numpy()) for part, size in zip(parts, lengths, strict=False)]

    def _broadcast(self, content: bytes, length: int) -> bytes:
        import torch
        from torch import distributed

        buffer = torch.zeros(max(1, length), dtype=torch.uint8)
        if self.rank == 0 and length:
            buffer = torch.from_numpy(np.frombuffer(content, np.uint8).copy())
        buffer = buffer.to(self._device())
        distributed.broadcast(buffer, src=0)
        return bytes(buffer[:length].cpu().numpy())


def interleaved(counts: Sequence[int], rank: int) -> npt.NDArray[np.int64]:
    """Return the index of each clip of a rank among those of all: the first of every rank in turn, then the second, and so on.

    It is the order of one process, if rank r of W had every W-th clip from the r-th on, as `torch.utils.data.DistributedSampler` gives them.
    """
    own = np.arange(counts[rank], dtype=np.int64)
    positions = np.zeros(counts[rank], np.int64)
    for other, count in enumerate(counts):
        positions += np.minimum(count, own + (other < rank))
    return positions


def repeats_sentence(rows: npt.NDArray[np.float32], num_clips: int, size: int, whose: str) -> str | None:
    """Return a sentence if all ranks have the same clips, or a few of the last ones, fewer than ranks, the features of the first; else None.

    Args:
        rows: features of all clips in their order, ``[n, D]``.
        num_clips: number of clips.
        size: number of ranks.
        whose: the clips in the sentence, such as ``"real clips"``.
    """
    per_clip = len(rows) // max(1, num_clips)
    if size > 1 and num_clips >= 2 * size and num_clips % size == 0:
        by_turn = rows.reshape(num_clips // size, size, per_clip, -1)  # see `interleaved`
        if (by_turn == by_turn[:, :1]).all():
            return (
                f"The {whose} of all {size} ranks have the same features, so that each counts {size} times: give every rank its own part, "
                "as a DistributedSampler does."
            )
    for count in range(min(size - 1, num_clips // 2), 0, -1):
        if np.array_equal(rows[-count * per_clip :], rows[: count * per_clip]):
            return (
                f"The last {count} of the {whose} have the features of the first {count}: a DistributedSampler repeats clips until every rank has "
                "as many. Choose a number of clips that the number of ranks divides."
            )
    return None
