"""The folder of caches and downloaded weights."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vidmetrics.errors import InputError


def home() -> Path:
    """Return the cache folder: the environment variable ``VIDBENCH_HOME``, or the user's cache folder if it is unset.

    Raises:
        InputError: ``VIDBENCH_HOME`` cannot be the path of a folder.
    """
    chosen = os.environ.get("VIDBENCH_HOME")
    if chosen:
        if "\0" in chosen:
            raise InputError("VIDBENCH_HOME has a zero byte, which no path has: set it to a folder.")
        try:
            folder = Path(chosen).expanduser()
        except RuntimeError:
            raise InputError(f"VIDBENCH_HOME is '{chosen}', and there is no such user: set it to a folder.") from None
        if folder.exists() and not folder.is_dir():
            raise InputError(f"VIDBENCH_HOME is '{chosen}', which is a file: set it to a folder.")
        return folder
    import platformdirs

    return platformdirs.user_cache_path("vidbench")


@contextmanager
def home_at(folder: Path) -> Iterator[None]:
    """Let `home` be a folder of one's own for a while, in this process and those that it starts."""
    before = os.environ.get("VIDBENCH_HOME")
    os.environ["VIDBENCH_HOME"] = str(folder.absolute())
    try:
        yield
    finally:
        if before is None:
            del os.environ["VIDBENCH_HOME"]
        else:
            os.environ["VIDBENCH_HOME"] = before
