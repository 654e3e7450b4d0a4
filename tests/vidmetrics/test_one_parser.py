"""Threads may parse at the same time, although CPython 3.11 cannot."""

from __future__ import annotations

import ast
import gc
import io
import sys
import threading
import time

import numpy as np
import pytest

from vidmetrics.formats import npy_files
from vidmetrics.one_parser import parse_alone


@pytest.fixture
def _interrupted_parsers():
    """Let another thread run at every allocation of a syntax tree."""
    before = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(1)
    give_way = lambda phase, info: time.sleep(0)  # noqa: E731
    gc.callbacks.append(give_way)
    yield
    gc.callbacks.remove(give_way)
    gc.set_threshold(*before[1])
    sys.setswitchinterval(before[0])


def _at_different_depths(work, depths=(1, 5, 20)):
    faults = []

    def deep(levels):
        if levels:
            return deep(levels - 1)
        try:
            return work()
        except BaseException as error:
            return faults.append(error)

    threads = [threading.Thread(target=deep, args=(depth,)) for depth in depths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return faults


@pytest.mark.usefixtures("_interrupted_parsers")
def test_headers_are_read_while_other_threads_parse():
    header = io.BytesIO()
    np.save(header, np.zeros((3, 4), np.uint8))
    done = []

    def read():
        for _ in range(400):
            assert npy_files._header(io.BytesIO(header.getvalue())).shape == (3, 4)
        done.append(True)

    assert not _at_different_depths(read)
    assert len(done) == 3


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the fault is of CPython 3.11")
@pytest.mark.usefixtures("_interrupted_parsers")
def test_the_test_above_meets_the_fault():
    def parse():
        for _ in range(400):
            ast.literal_eval("{'shape': (3, 4), 'descr': '|u1'}")

    for _ in range(20):
        if faults := _at_different_depths(parse):
            break
    else:
        pytest.skip("this CPython 3.11 has the mend of issue 106905")
    assert all(isinstance(fault, SystemError) for fault in faults)


def test_a_parser_disturbed_from_outside_starts_again():
    calls = []

    def parse():
        calls.append(len(calls))
        if len(calls) < 4:
            raise SystemError("AST constructor recursion depth mismatch (before=54, after=51)")
        return "tree"

    assert parse_alone(parse) == "tree"
    assert calls == [0, 1, 2, 3]


def test_a_parser_that_always_fails_ends():
    calls = []

    def parse():
        calls.append(0)
        raise SystemError("broken")

    with pytest.raises(SystemError, match="broken"):
        parse_alone(parse)
    assert len(calls) == 100
    with pytest.raises(ValueError, match="other faults"):
        parse_alone(lambda: (_ for _ in ()).throw(ValueError("other faults")))
