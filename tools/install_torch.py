"""Install torch into this environment: ``python tools/install_torch.py 2.13.0 --constraint constraints.txt``.

On Linux, the default index brings torch with gigabytes of CUDA libraries. Where no NVIDIA driver is found and PyTorch's own index of CPU
builds answers, torch comes from there. ``--index`` decides otherwise: ``default``, or the address of an index.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SECONDS = 3
"""How long an index may take to answer before another is used."""
_RESOLVING_SECONDS = 120
# Files that a driver for Linux, or for Windows with WSL below it, brings.
_DRIVER_FILES = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/usr/lib/wsl/lib/libcuda.so.1")


class Source(NamedTuple):
    """Where torch comes from.

    Attributes:
        arguments: of ``pip install``.
        reason: why, in words.
        megabytes: to download; None if that could not be found out.
        packages: how many packages these are.
    """

    arguments: list[str]
    reason: str
    megabytes: float | None
    packages: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Install torch unless it is there; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("version", help="version of torch")
    parser.add_argument("--constraint", required=True, metavar="FILE", help="constraints file of all other packages")
    parser.add_argument("--index", default="", metavar="URL", help="index of torch, or 'default'; default: see above")
    given = parser.parse_args(arguments)
    if installed_torch() == given.version:
        return 0
    source = choose_source(given.version, given.constraint, given.index)
    print(f"== torch {given.version}: {source.reason}; {size_in_words(source)}", flush=True)
    # Without a terminal nobody watches a bar.
    flags = ["--disable-pip-version-check"] + ([] if sys.stdout.isatty() else ["--quiet"])
    command = [sys.executable, "-m", "pip", "install", *flags, *source.arguments]
    return subprocess.run(command).returncode  # pip, no shell  # nosec B603


def installed_torch() -> str | None:
    """Return the public version of the installed torch, without what an index adds to it, such as +cpu."""
    try:
        return metadata.version("torch").partition("+")[0]
    except metadata.PackageNotFoundError:
        return None


def choose_source(version: str, constraint: str, index: str = "") -> Source:
    """Return where to install torch from.

    Args:
        version: the version of torch.
        constraint: file of the versions of everything else.
        index: ``"default"``, an address, or empty to find the smallest download that suits this machine.

    Raises:
        SystemExit: the given index does not answer, or has no such torch for this machine.
    """
    default = [f"torch=={version}", "--constraint", constraint]
    if index in ("", "default"):
        why = "as TORCH_INDEX says" if index else why_default()
        if not why:
            found, why = _of_index(version, CPU_INDEX, "no NVIDIA driver here")
            if found is not None:
                return found
            why = f"as {why}"
        megabytes, packages = download_size(default)
        return Source(default, f"the default index, {why}", megabytes, packages)
    found, why = _of_index(version, index, "as TORCH_INDEX says")
    if found is None:
        sys.exit(f"TORCH_INDEX: {why}; name another index, or TORCH_INDEX=default.")
    return found


def why_default(files: Sequence[str] = _DRIVER_FILES) -> str:
    """Return why the builds of the default index suit this machine; empty if those without CUDA do."""
    if sys.platform != "linux":
        return "which has no CUDA for this system"
    if shutil.which("nvidia-smi") or any(Path(file).exists() for file in files):
        return "as an NVIDIA driver is here"
    return ""


def _of_index(version: str, index: str, reason: str) -> tuple[Source | None, str]:
    """Return torch from an index that is not the default; without one, why not."""
    refusal = why_no_answer(f"{index.rstrip('/')}/torch/")
    if refusal:
        return None, f"{index} does not answer ({refusal})"
    # Only torch is taken from there; its dependencies come with the other pinned packages.
    arguments = ["--no-deps", "--index-url", index, "--timeout", str(SECONDS), "--retries", "1", f"torch=={version}"]
    megabytes, packages = download_size(arguments)
    if not packages:
        return None, f"{index} has no torch {version} for Python {sys.version_info[0]}.{sys.version_info[1]} here"
    return Source(arguments, f"{index}, {reason}", megabytes, packages), ""


def why_no_answer(address: str) -> str:
    """Return why an address cannot be read within `SECONDS`; empty if it can."""
    said = [f"no answer within {SECONDS} s"]

    def read() -> None:
        try:
            with _opened(address, "GET") as answer:
                answer.read(1)
            said.append("")
        except (OSError, ValueError) as error:
            said.append(str(getattr(error, "reason", "") or error)[:100])

    # A thread, because looking the name of a host up has no timeout of its own.
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(SECONDS)
    return said[-1]


def download_size(arguments: Sequence[str]) -> tuple[float | None, int]:
    """Return the megabytes that ``pip install`` would download, None if unknown, and the number of packages it would install.

    pip resolves without downloading where the index has the metadata next to the packages.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--report", "-", *arguments]
    environment = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        done = subprocess.run(  # pip, no shell  # nosec B603
            command, capture_output=True, text=True, timeout=_RESOLVING_SECONDS, env=environment
        )
        urls = [package["download_info"]["url"] for package in json.loads(done.stdout)["install"]]
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        return None, 0
    with ThreadPoolExecutor(8) as pool:
        sizes = list(pool.map(_bytes_to_download, urls))
    known = [size for size in sizes if size is not None]
    return (sum(known) / 1e6 if len(known) == len(sizes) else None), len(urls)


def _bytes_to_download(url: str) -> int | None:
    if url.startswith("file:"):
        return 0
    try:
        with _opened(url, "HEAD") as answer:
            return int(answer.headers["Content-Length"])
    except (OSError, ValueError, TypeError):
        return None


def _opened(url: str, method: str) -> Any:
    if not url.startswith(("https://", "http://")):
        raise ValueError("it is no http address")
    certificates = os.environ.get("PIP_CERT") or os.environ.get("REQUESTS_CA_BUNDLE")
    context = ssl.create_default_context(cafile=certificates) if url.startswith("https://") else None
    request = urllib.request.Request(url, method=method, headers={"User-Agent": "pip"})
    return urllib.request.urlopen(request, timeout=SECONDS, context=context)  # http(s) only, see above  # nosec B310


def size_in_words(source: Source) -> str:
    """Return how much will be downloaded."""
    packages = f"{source.packages} package{'s' * (source.packages != 1)}"
    if source.megabytes is None:
        return "the size of the download is unknown"
    if source.megabytes >= 1000:
        return f"{source.megabytes / 1000:.1f} GB to download, {packages}"
    return f"{source.megabytes:.0f} MB to download, {packages}"


if __name__ == "__main__":
    sys.exit(main())
