"""Locks that die with their process, and the removal of what a killed process left behind."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import functools
import hashlib
import os
import re
import secrets
import shutil
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from vidmetrics.errors import InputError

# `.NAME.OWNER.SUFFIX`, where the owner is a machine, a process on it, and random digits.
_TEMPORARY = re.compile(
    r"\..+\.(?:(?P<machine>[0-9a-f]{8})-(?P<process>[0-9]{1,10})-[0-9a-f]{8}|[0-9a-f]{16})(?:\.[^.]*)?"
)
# Whether a process of another machine is alive is unknown; none writes one file for a day.
_OLD_SECONDS = 86400.0
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
_MOST_VANISHED = 100  # tries: /proc says of every new file that it is missing
_Made = TypeVar("_Made")
_swept: set[tuple[int, str]] = set()


@contextlib.contextmanager
def sole_writer(output: Path, *, inside: bool = False, wait: bool = False) -> Iterator[None]:
    """Exclude every other process and thread that would write the same output.

    The lock is `flock` on a hidden file, which is removed at the end. The system releases it when the process ends, however
    it ends, so no lock is ever stale. It holds between the processes of one machine, and between machines if their file
    system passes locks on, as NFS does unless it is mounted with ``nolock`` or ``local_lock``.

    Args:
        output: the file or folder to write. Missing parents are created, and removed at the end if they are empty.
        inside: put the lock into the folder ``output``, for one that is kept and extended; otherwise next to it. While the
            folder is new there are both, so that no command moves another folder into its place.
        wait: wait for the other process instead of refusing.

    Raises:
        InputError: another process is writing the output.
    """
    output = Path(os.path.realpath(output))
    lock = output / ".lock" if inside else output.with_name(f".{output.name}.lock")
    made = [folder for folder in (lock.parent, *lock.parents[1:]) if not folder.exists()]
    with contextlib.ExitStack() as stack:
        for folder in reversed(made):
            stack.callback(_remove_if_empty, folder)
        beside = output.with_name(f".{output.name}.lock")
        if inside and (not output.exists() or beside.exists()):  # the latter if a killed process left it
            stack.enter_context(sole_writer(output, wait=wait))
        file = stack.enter_context(_locked(lock, output, wait))
        try:
            yield
        finally:
            if is_at(file, lock):
                lock.unlink(missing_ok=True)


def remove_stale_lock(output: Path) -> None:
    """Remove the lock that a process left next to a finished output, if it was killed at that moment."""
    with contextlib.suppress(InputError, OSError):
        if (output.parent / f".{output.name}.lock").exists():
            with sole_writer(output):
                pass


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def in_made_folder(folder: Path, write: Callable[[], _Made]) -> _Made:
    """Make a folder and write into it; again if another process removes the folder while it is empty.

    Args:
        folder: made with its parents.
        write: writes into it; called again after a `FileNotFoundError`.

    Raises:
        OSError: the folder cannot be made or written.
    """
    for _ in range(_MOST_VANISHED - 1):
        with contextlib.suppress(FileNotFoundError):
            folder.mkdir(parents=True, exist_ok=True)
            return write()
    folder.mkdir(parents=True, exist_ok=True)
    return write()


def _locked(lock: Path, output: Path, wait: bool) -> BinaryIO:
    # Never through a link, which could lead to a file of somebody else.
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    while True:
        file = os.fdopen(in_made_folder(lock.parent, lambda: os.open(lock, flags, 0o666)), "r+b", buffering=0)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.close()
            raise InputError(
                f"Another process is writing {output}: wait for it to end, or choose another output."
            ) from None
        except OSError as error:
            if error.errno not in _WITHOUT_LOCKS:
                file.close()
                raise
            warnings.warn(
                f"{lock.parent} is on a file system without locks ({error.strerror}), so nothing keeps a second process "
                f"from writing {output}",
                RuntimeWarning,
                stacklevel=4,
            )
        if is_at(file, lock):
            return file
        file.close()  # the one before removed it


def is_at(file: BinaryIO, path: Path) -> bool:
    """Return whether a path still names this open file; a symbolic link to it does not count."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def owner_mark() -> str:
    """Return a part of a temporary name that tells whose file it is: machine, process, random digits."""
    return f"{_machine()}-{os.getpid()}-{secrets.token_hex(4)}"


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders in ``folder`` that dead processes left, once per process.

    Those of living processes of this machine stay, and those of other machines until they are a day old.
    """
    key = (os.getpid(), os.path.realpath(folder))
    if key in _swept:
        return
    _swept.add(key)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") and _is_left_over(entry):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                else:
                    Path(entry.path).unlink(missing_ok=True)


def _is_left_over(entry: os.DirEntry[str]) -> bool:
    match = _TEMPORARY.fullmatch(entry.name)
    if match is None:
        return False
    if match["machine"] == _machine():
        return not _is_alive(int(match["process"]))
    return time.time() - entry.stat(follow_symlinks=False).st_mtime > _OLD_SECONDS


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


@functools.cache
def _machine() -> str:
    """Return 8 hex digits for what numbers the processes: a machine since it was started, or a container on it."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    with contextlib.suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]
