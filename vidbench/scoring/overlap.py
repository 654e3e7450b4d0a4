"""Reading, computing and storing at the same time, where a GPU computes: threads read later batches and store earlier ones.

Batches go through in order, and everything is what it is without threads. On a CPU there are none, since computing takes all of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from vidbench.ahead import in_order, num_cores
from vidbench.distributed.ranks import Ranks
from vidbench.progress import Advance
from vidbench.samples.arrays import DirectReading
from vidbench.scoring.clip_probe import ClipProbe
from vidbench.scoring.clip_sources import ClipSource
from vidbench.scoring.frame_comparison import FrameComparison
from vidbench.scoring.keyed_clips import keys_of
from vidbench.scoring.rollouts import in_host_memory
from vidmetrics.statistics.clip_keys import Keys

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network

Comparison: TypeAlias = FrameComparison | ClipProbe
"""What is computed from clips along with networks, in host memory."""
Outputs = dict[str, np.ndarray]
"""Outputs of one network for one batch, by name."""


@dataclass(frozen=True)
class Overlap:
    """What is done in parallel.

    Attributes:
        readers: threads that read batches ahead; 0 to read in the calling thread.
        in_flight: batches that are started before the outputs of the one before them are waited for.
        writers: threads that store finished shards; 0 to store in the calling thread.
    """

    readers: int = 0
    in_flight: int = 0
    writers: int = 0


def overlap(source: ClipSource, networks: Sequence[Network | Comparison], ranks: Ranks) -> Overlap:
    """Return what can be done in parallel for a source and networks: nothing unless a network is on a GPU.

    Frame comparisons read real clips in the calling thread, perhaps those of the source.
    """
    if not any(getattr(network, "overlaps", False) for network in networks):
        return Overlap()
    compared = any(isinstance(network, FrameComparison) for network in networks)
    most = 0 if compared else getattr(source, "most_readers", 0)
    readers = min(most, max(1, num_cores() // ranks.local_world_size))
    return Overlap(readers, in_flight=2, writers=2 if readers else 0)


def computed(
    source: ClipSource,
    networks: Sequence[Network | Comparison],
    batches: Sequence[np.ndarray],
    how: Overlap,
    advance: Advance,
) -> Generator[tuple[Keys, list[Outputs]]]:
    """Yield the keys of the clips and the outputs of each network for each batch, in order; each clip is read once.

    Args:
        source: the clips.
        networks: the networks, and the frame comparison of a prediction task.
        batches: indices of the clips of each batch, int64 ``[n]``.
        how: what is done in parallel.
        advance: called with the number of clips just processed.

    Raises:
        InputError: clips cannot be read; the batches before them have been yielded.
    """
    read = _pinned_reader(source) if how.readers else getattr(source, "read_in_place", source.read)
    # Progress moves by clip where a network computes clip by clip anyway, with the same bits.
    slow = next((network for network in networks if getattr(network, "clip_by_clip", False)), None)
    waiting: deque[tuple[int, Callable[[], Keys], list[Callable[[], Outputs]]]] = deque()

    def keyed(batch: np.ndarray) -> tuple[Any, Callable[[], Keys]]:
        clips = read(batch)
        return clips, keys_of(source, clips, batch)

    def finished() -> tuple[Keys, list[Outputs]]:
        size, keys, started = waiting.popleft()
        outputs = [wait() for wait in started]
        if slow is None:
            advance(size)
        return keys(), outputs

    with closing(in_order(keyed, batches, how.readers)) as clips_of:
        for batch in batches:
            failure = None
            try:
                clips, keys = next(clips_of)
            except Exception as error:
                failure = error
            else:
                started = [
                    _by_clip(network, clips, advance) if network is slow else _started(network, clips, batch)
                    for network in networks
                ]
                waiting.append((len(batch), keys, started))
            while len(waiting) > (how.in_flight if failure is None else 0):
                yield finished()
            if failure is not None:
                raise failure
        while waiting:
            yield finished()


def _pinned_reader(source: ClipSource) -> Callable[[np.ndarray], Any]:
    """Return a function that reads clips into pinned memory, from which a GPU copies by itself; torch reuses it after that."""
    import torch

    direct: DirectReading | None = getattr(source, "direct", None)
    on_gpu = torch.cuda.is_available()

    def read(indices: np.ndarray) -> torch.Tensor:
        if direct is None:
            clips = torch.from_numpy(np.ascontiguousarray(source.read(indices)))
            if not on_gpu:
                return clips
            pinned = torch.empty(clips.shape, dtype=clips.dtype, pin_memory=True)
            np.copyto(pinned.numpy(), clips.numpy())  # torch's own copy starts threads in each reader
            return pinned
        pinned = torch.empty((len(indices), *direct.shape), dtype=torch.uint8, pin_memory=on_gpu)
        direct.read(indices, pinned.numpy())
        return pinned

    return read


def _started(network: Network | Comparison, clips: Any, batch: np.ndarray) -> Callable[[], Outputs]:
    """Start a batch, and return what waits for its outputs."""
    if isinstance(network, FrameComparison | ClipProbe):
        outputs = network.compare(in_host_memory(clips), batch)
    elif getattr(network, "overlaps", False):
        return network.begin(clips).on_host
    else:
        outputs = network(clips)
    return lambda: outputs


def _by_clip(network: Any, clips: Any, advance: Advance) -> Callable[[], Outputs]:
    """Compute a batch clip by clip."""
    parts = []
    for number in range(len(clips)):
        parts.append(network(clips[number : number + 1]))
        advance(1)
    outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return lambda: outputs


class Storing:
    """Calls in threads, a few ahead; leaving the block waits for all. An error is raised at a later call, or at the end.

    Args:
        threads: number of threads; 0 makes each call in the calling thread.
    """

    def __init__(self, threads: int) -> None:
        self._most = 2 * threads
        self._pool = ThreadPoolExecutor(threads, "vidbench-storing") if threads else None
        self._waiting: deque[Future[None]] = deque()

    def __enter__(self) -> Storing:
        return self

    def __call__(self, function: Callable[..., None], *arguments: Any) -> None:
        """Call a function with arguments that do not change any more."""
        if self._pool is None:
            function(*arguments)
            return
        self._waiting.append(self._pool.submit(function, *arguments))
        while len(self._waiting) > self._most:
            self._waiting.popleft().result()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is None:
            return
        self._pool.shutdown()
        while kind is None and self._waiting:
            self._waiting.popleft().result()
