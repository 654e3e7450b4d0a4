"""Work ahead in threads: order, errors, and nothing left behind."""

from __future__ import annotations

import threading
from itertools import count

import pytest

from vidbench.ahead import in_order


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_values_come_in_the_order_of_their_items(threads):
    later = threading.Event()

    def square(item):
        if threads > 1 and item == 0:
            assert later.wait(10)  # the first item is ready after the second
        if item == 1:
            later.set()
        return item * item

    assert list(in_order(square, range(20), threads)) == [item * item for item in range(20)]
    assert list(in_order(square, [], threads)) == []


@pytest.mark.parametrize("threads", [0, 1, 3])
def test_an_error_comes_where_its_item_is_due(threads):
    def inverse(item):
        return 12 // (3 - item)

    found = in_order(inverse, range(9), threads)
    assert [next(found) for _ in range(3)] == [4, 6, 12]
    with pytest.raises(ZeroDivisionError):
        next(found)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vidbench-ahead")]


def test_threads_are_ahead_by_few_items_and_end_with_the_iterator():
    taken = []
    found = in_order(str, (taken.append(item) or item for item in count()), 2)
    assert [next(found) for _ in range(3)] == ["0", "1", "2"]
    assert len(taken) <= 6
    found.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vidbench-ahead")]


def test_no_threads_means_the_callers():
    assert list(in_order(lambda _: threading.current_thread(), [1, 2], 0)) == [threading.current_thread()] * 2
