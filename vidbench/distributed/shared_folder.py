"""Waiting for a shared folder to show what another rank wrote."""

from __future__ import annotations

import time
from collections.abc import Callable

# NFS caches a negative lookup for up to a minute by default (acdirmax=60).
VISIBLE_SECONDS = 90.0


def wait_until_visible(is_visible: Callable[[], bool], poll_seconds: float = 0.1, seconds: float | None = None) -> bool:
    """Poll until ``is_visible`` returns True; False after ``seconds``, by default `VISIBLE_SECONDS`."""
    deadline = time.monotonic() + (VISIBLE_SECONDS if seconds is None else seconds)
    while not is_visible():
        if time.monotonic() > deadline:
            return False
        time.sleep(poll_seconds)
    return True
