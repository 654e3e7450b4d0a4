"""A limit on the memory of a process that has already taken some."""

from __future__ import annotations

import resource
from pathlib import Path


def limit_address_space(more: int) -> None:
    """Limit this process to its present address space and ``more`` bytes, or to its hard limit if that is lower."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
