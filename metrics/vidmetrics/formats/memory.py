"""The memory of this machine, and the refusal of work that needs more."""

from __future__ import annotations

import os
from pathlib import Path

from vidmetrics.errors import InputError

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
_GB = 10**9


def memory_bytes() -> int:
    """Return the memory that this process can use at most, in bytes.

    That is the machine's, or less where a container (a cgroup) or ``ulimit -v`` allows less. It is not the free memory, which
    changes from one second to the next.
    """
    limits = [_physical_bytes(), _address_space_bytes(), *map(_cgroup_bytes, _CGROUP_LIMITS)]
    return min(limit for limit in limits if limit is not None)


def refuse_more_than_memory(needed: int, what: str, remedy: str) -> None:
    """Refuse work before it begins if its arrays alone do not fit into memory.

    >>> from vidbench.models import refuse_more_than_memory
    >>> refuse_more_than_memory(1000, "A batch of 2 clips", "lower --batch-size")

    Args:
        needed: bytes that the work allocates at the same time, a lower bound.
        what: the work, as the subject of a sentence.
        remedy: what to do, as the end of a sentence.

    Raises:
        InputError: it needs more than `memory_bytes`; names both figures.
    """
    available = memory_bytes()
    if needed > available:
        raise InputError(
            f"{what} needs {gigabytes(needed)}, and this machine has {gigabytes(available)} of memory: {remedy}."
        )


def gigabytes(number: int) -> str:
    """Return a number of bytes in GB (10^9 bytes) for messages, e.g. ``"412 GB"``."""
    return f"{number / _GB:,.1f} GB" if number < 10 * _GB else f"{number // _GB:,} GB"


def _physical_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # not on Windows
        return 2**63 - 1


def _address_space_bytes() -> int | None:
    try:
        import resource
    except ImportError:  # not on Windows
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if soft == resource.RLIM_INFINITY else soft


def _cgroup_bytes(path: Path) -> int | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return int(text) if text.isdigit() else None
