"""Refuse files that do not belong in a repository: ``python tools/check_files.py [FILE …]``, by default every tracked file.

Large files, merge conflict markers and private keys. Needs nothing but Python, so that a hook runs before `make setup`.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

MIB = 2**20
LARGEST = MIB
# Shipped checkpoints, each with the command and the log that made it.
LARGER = {"baselines/dvdgan/checkpoints/*.safetensors": 12 * MIB}

CONFLICT = re.compile(rb"^(<{7}|>{7})( |$)", re.MULTILINE)
PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")


def problems(path: Path, name: str) -> Iterator[str]:
    """Yield what is wrong with a file; ``name`` is its path from the root, with slashes."""
    limit = next((size for pattern, size in LARGER.items() if fnmatch(name, pattern)), LARGEST)
    content = path.read_bytes()
    if len(content) > limit:
        yield f"{len(content) / MIB:.1f} MiB, and {limit / MIB:g} MiB is the limit; keep it outside the repository"
    if CONFLICT.search(content) and b"\0" not in content:
        yield "a merge conflict marker; resolve the conflict"
    if PRIVATE_KEY.search(content):
        yield "a private key; remove it, and revoke it if it was ever pushed"


def tracked() -> list[str]:
    """Return every file that git tracks or is about to."""
    listed = subprocess.run(["git", "ls-files", "-z"], capture_output=True)  # the developer's git  # nosec B603 B607
    if listed.returncode != 0:
        print("Not a git checkout: no files are checked.", file=sys.stderr)
    return [name for name in listed.stdout.decode().split("\0") if name]


def main() -> int:
    """Print one line for each problem; return 1 if there is one."""
    found = [
        f"{name}: {problem}"
        for name in sys.argv[1:] or tracked()
        if Path(name).is_file()
        for problem in problems(Path(name), Path(name).as_posix())
    ]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
