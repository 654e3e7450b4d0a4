"""The folder of caches and downloaded weights."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the cache folder: the environment variable ``VIDBENCH_HOME``, or the user's cache folder if it is unset."""
    chosen = os.environ.get("VIDBENCH_HOME")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("vidbench")
