"""Where caches and downloaded weights live."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """Return the one folder of caches: the environment variable ``VIDBENCH_HOME``, else the user's cache folder."""
    chosen = os.environ.get("VIDBENCH_HOME")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("vidbench")
