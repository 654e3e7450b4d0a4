"""Cheaper forks: a process that has imported torch has 70,000 small pages, and each fork copies an entry for every one."""

from __future__ import annotations

import ctypes
from pathlib import Path

_HUGE = 2**21
_MADV_COLLAPSE = 25  # Linux 6.1


def use_huge_pages() -> int:
    """Move the memory that this process has allocated so far into huge pages, and return their bytes.

    A fork copies one entry for a huge page instead of 512, and what a forked process writes to is copied in small pages as before. A kernel
    without huge pages refuses, and nothing changes.
    """
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    moved = 0
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        addresses, rights, _, _, _, *name = line.split(maxsplit=5)
        if rights != "rw-p" or name not in ([], ["[heap]"]):
            continue
        start, end = (int(address, 16) for address in addresses.split("-"))
        start, end = -(-start // _HUGE) * _HUGE, end // _HUGE * _HUGE
        if start < end and madvise(start, end - start, _MADV_COLLAPSE) == 0:
            moved += end - start
    return moved
