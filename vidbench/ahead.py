"""Work of later items in threads, while the items before them are used.

For functions that let other threads run: reading, hashing and decoding do, in their libraries.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Value = TypeVar("Value")


def num_cores() -> int:
    """Return the number of cores that this process may use, or of all where the system does not say."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def in_order(function: Callable[[Item], Value], items: Iterable[Item], threads: int) -> Generator[Value]:
    """Yield ``function(item)`` of each item in order, as `map` does; threads are ahead of the caller by one item each, and one more.

    An error is raised where its item is due, after what comes before it. No thread is left when the iterator ends or is closed.

    Args:
        function: what to compute; called by several threads at a time.
        items: taken one by one, by the calling thread.
        threads: number of threads; 0 computes each item when it is taken, in the calling thread.
    """
    if threads == 0:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(threads, "vidbench-ahead") as pool:
        waiting: deque[Future[Value]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) > threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
