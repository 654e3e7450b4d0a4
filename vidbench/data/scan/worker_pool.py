"""A parallel map over processes that survives items which kill their worker."""

from __future__ import annotations

import multiprocessing
import multiprocessing.process
import os
import signal
import threading
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
    function: Callable[[Item], Answer], items: Sequence[Item], workers: int, crashed: Callable[[Item], Answer]
) -> Iterator[Answer]:
    """Yield ``function(item)`` for every item, in order of completion.

    Args:
        function: importable by name, as it runs in other processes.
        items: its arguments.
        workers: number of processes; 1 calls it in this one.
        crashed: called here to get the answer for an item that kills its worker, by a crash inside a codec for example.
    """
    if workers == 1:
        yield from map(function, items)
        return
    left = list(items)
    while left:
        suspects, left = yield from _map_until_crash(function, left, workers)
        for item in suspects:
            # An item that crashes alone is the culprit; the others are retried.
            culprits, _ = yield from _map_until_crash(function, [item], 1)
            if culprits:
                yield crashed(item)


def _map_until_crash(
    function: Callable[[Item], Answer], items: Sequence[Item], workers: int
) -> Generator[Answer, None, tuple[list[Item], list[Item]]]:
    """Yield answers; return the items that were running or queued when a worker died, and those not yet submitted."""
    waiting = list(reversed(items))
    running: dict[Future[Answer], Item] = {}
    context = multiprocessing.get_context(_START_METHOD)
    pool = ProcessPoolExecutor(max_workers=workers, mp_context=context, initializer=_begin_work)
    try:
        while waiting or running:
            while waiting and len(running) < _QUEUED_PER_WORKER * workers:
                # A broken pool refuses work; the refused item must still be waiting then.
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


def _begin_work() -> None:
    """Ignore Ctrl-C, which reaches every process of the terminal: the parent alone ends the work. End with the parent.

    A worker waits for items on a pipe that its siblings hold open too, so it would not notice a killed parent by itself.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True, name="vidbench-parent").start()


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
