"""A function over many items in many processes, which survives an item that kills its process."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

# Not fork: the parent may hold threads and locks of FFmpeg or torch.
_START_METHOD = "spawn"
_QUEUED_PER_WORKER = 4


def map_processes(
    function: Callable[[Item], Answer], items: Sequence[Item], workers: int, killed: Callable[[Item], Answer]
) -> Iterator[Answer]:
    """Yield ``function(item)`` for every item, in the order in which they are done.

    Args:
        function: importable by name, as it runs in other processes.
        items: what it is called with.
        workers: number of processes; 1 calls it in this one.
        killed: answers for an item during which a process died, by a crash inside a codec for example.
    """
    if workers == 1:
        yield from map(function, items)
        return
    left = list(items)
    while left:
        suspects, left = yield from _map_until_death(function, left, workers)
        for item in suspects:
            # Who dies alone was the one; the others of that moment get their answer.
            died, _ = yield from _map_until_death(function, [item], 1)
            if died:
                yield killed(item)


def _map_until_death(
    function: Callable[[Item], Answer], items: Sequence[Item], workers: int
) -> Generator[Answer, None, tuple[list[Item], list[Item]]]:
    """Yield answers; returns the items that ran or were about to when a process died, and those not yet begun."""
    waiting = list(reversed(items))
    running: dict[Future[Answer], Item] = {}
    context = multiprocessing.get_context(_START_METHOD)
    pool = ProcessPoolExecutor(max_workers=workers, mp_context=context, initializer=_leave_interrupts_to_the_parent)
    try:
        while waiting or running:
            while waiting and len(running) < _QUEUED_PER_WORKER * workers:
                # A pool that has died refuses work: then the item must still be among those that wait.
                future = pool.submit(function, waiting[-1])
                running[future] = waiting.pop()
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                answer = future.result()
                del running[future]
                yield answer
    except BrokenProcessPool:
        return list(running.values()), waiting[::-1]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [], []


def _leave_interrupts_to_the_parent() -> None:
    """A Ctrl-C reaches every process of the terminal; one of them is enough to end the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
