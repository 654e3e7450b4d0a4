"""Resolution of a TF-Hub handle by tensorflow-hub, if it is installed (the extra ``tfhub``)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from vidmetrics.errors import InputError
from vidmetrics.weights.fetch import is_offline

# TensorFlow and torch do not share a process well, so tensorflow-hub runs in a separate one.
_RESOLVE = "import sys, tensorflow_hub; print('RESOLVED ' + tensorflow_hub.resolve(sys.argv[1]))"


def resolve(handle: str, cache: Path, *, offline: bool = False, timeout_seconds: float = 3600) -> Path:
    """Return the folder of a TF-Hub module, downloaded by tensorflow-hub.

    The module is only unpacked, never loaded; its variables are read by `vidmetrics.weights.tf_checkpoint` and can be proven.

    Args:
        handle: ``https://tfhub.dev/...``, another http handle, or a folder.
        cache: download folder of tensorflow-hub.
        offline: forbid network access.
        timeout_seconds: timeout of the download.

    Raises:
        InputError: offline, tensorflow-hub is not installed, or it cannot resolve the handle.
    """
    if is_offline(offline):
        raise InputError(
            f"Offline, and resolving {handle} requires network access; copy the module's folder here and run "
            "`vidbench weights import FOLDER`."
        )
    cache.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "TFHUB_CACHE_DIR": str(cache), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", _RESOLVE, handle]
    try:
        done = subprocess.run(  # noqa: S603 - our own program; the handle is an argument, not code  # nosec B603
            command, env=environment, capture_output=True, text=True, timeout=timeout_seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(
            f"tensorflow-hub did not resolve {handle} within {timeout_seconds:g} s; try again, or fetch without --via tfhub."
        ) from error
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines and lines[-1].startswith("RESOLVED "):
        return Path(lines[-1].removeprefix("RESOLVED "))
    complaint = (done.stderr.strip().splitlines() or ["no reason given"])[-1].rstrip(".")
    if complaint.startswith("ModuleNotFoundError"):
        raise InputError(
            f"`--via tfhub` needs tensorflow-hub, which cannot be imported ({complaint}); "
            "run `pip install 'vidbench[tfhub]'`, or fetch without --via."
        )
    raise InputError(f"tensorflow-hub cannot resolve {handle} ({complaint}); try again, or fetch without --via tfhub.")
