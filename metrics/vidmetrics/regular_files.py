"""Opening regular files, and nothing else.

Opening a pipe waits until another program opens its other end, perhaps forever, and a device may have no end. Here both are
refused at once, as what they are.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "it is a pipe and not a file",
    stat.S_IFCHR: "it is a device and not a file",
    stat.S_IFBLK: "it is a device and not a file",
    stat.S_IFSOCK: "it is a socket and not a file",
    stat.S_IFDIR: "it is a folder and not a file",
}
_LEADS_NOWHERE = "it is a link that leads nowhere"


def regular_only(name: str, flags: int) -> int:
    """Open a regular file for `open(…, opener=)`, to read or to write.

    Raises:
        OSError: it cannot be opened, or is a pipe, a device, a socket or a folder; its ``strerror`` says which.
    """
    try:
        handle = os.open(name, flags | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    except OSError as error:
        # Sockets, and pipes that nobody reads, cannot be opened at all.
        if (named := _other_kind(Path(name))) is not None:
            raise OSError(error.errno, named, name) from None
        raise
    kind = stat.S_IFMT(os.fstat(handle).st_mode)
    if kind != stat.S_IFREG:
        os.close(handle)
        raise OSError(errno.EISDIR if kind == stat.S_IFDIR else errno.EINVAL, _KINDS.get(kind, "it is no file"), name)
    return handle


def _other_kind(path: Path) -> str | None:
    try:
        return _KINDS.get(stat.S_IFMT(path.stat().st_mode))
    except FileNotFoundError:
        return _LEADS_NOWHERE if path.is_symlink() else None
    except OSError:  # the first error says more
        return None


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading bytes.

    Raises:
        OSError: as for `regular_only`.
    """
    return open(path, "rb", opener=regular_only)


def read_regular(path: Path) -> bytes:
    """Return all bytes of a regular file.

    Raises:
        OSError: as for `regular_only`.
    """
    with open_regular(path) as file:
        return file.read()


def why_no_file(path: Path) -> str:
    """Return why a path is not that of a regular file, as the end of a sentence about it: what is there, or that nothing is.

    Args:
        path: a path for which `Path.is_file` is false.
    """
    kind = _other_kind(path)
    return "does not exist" if kind is None else kind.removeprefix("it ")


def is_there(path: Path) -> bool:
    """Return whether a path names anything, also a link that leads nowhere, which `Path.exists` does not see."""
    return os.path.lexists(path)
