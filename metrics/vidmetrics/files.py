"""Files that appear whole or not at all, files that change in use, and digests of files and arrays."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.locks import in_made_folder, owner_mark, remove_leftovers
from vidmetrics.regular_files import open_regular, regular_only


def temporary_name(path: Path) -> Path:
    """Return an unused hidden name in the folder of ``path``, with its suffix."""
    return path.with_name(f".{path.name}.{owner_mark()}{path.suffix}")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Yield a temporary file to write; on success it replaces ``path``, on failure it is removed.

    >>> from pathlib import Path
    >>> from vidbench.models import written_whole
    >>> with written_whole(Path("checkpoint.bin")) as temporary:
    ...     _ = temporary.write_bytes(b"weights")
    >>> Path("checkpoint.bin").read_bytes()
    b'weights'

    Missing parent folders are created. The file gets the mode of any new file, 0666 less the umask, even where the
    library that writes it chooses another. Its bytes are on disk before it gets its name, and the name before this returns.
    What killed processes left in the folder is removed.
    """
    with failures_named(path):
        temporary = temporary_name(path)
        try:
            mode = in_made_folder(path.parent, lambda: _create(temporary))
            yield temporary
            # safetensors replaces this file with a private one.
            temporary.chmod(mode)
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            # A folder that has vanished, or a disk that has failed, takes the file with it.
            with suppress(OSError):
                temporary.unlink()


def _create(path: Path) -> int:
    """Create an empty file, and return the mode that new files have here."""
    remove_leftovers(path.parent)
    with path.open("xb") as file:
        return stat.S_IMODE(os.fstat(file.fileno()).st_mode)


@contextmanager
def failures_named(path: Path) -> Iterator[None]:
    """Raise what the system refuses within as `OSError` with ``path``, whichever library wrote.

    Python names no path once a file is open, safetensors and FFmpeg raise errors of their own, and numpy counts items; none of
    them would tell a user which folder is full. Errors that name another file than ``path`` and its temporaries pass.
    """
    try:
        yield
    except OSError as error:
        named = error.filename
        if isinstance(named, str | bytes | os.PathLike) and Path(os.fsdecode(named)).parent != path.parent:
            raise
        number = error.errno or _system_number(error)
        # Libraries also raise bare OSErrors for other reasons, and a connection is no file.
        if number is None or number in _CONNECTION_LOST:
            raise
        raise _named(number, path) from error
    except Exception as error:
        number = _system_number(error)
        if number is None:
            raise
        raise _named(number, path) from error


def _named(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))


_CONNECTION_LOST = (errno.ECONNRESET, errno.ECONNREFUSED, errno.ECONNABORTED, errno.EPIPE, errno.ETIMEDOUT)
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")
_RUST_ERROR = re.compile(r"\bOs \{ code: (\d+)|\(os error (\d+)\)")


def _system_number(error: Exception) -> int | None:
    """Return the errno in an error of a library: an attribute in FFmpeg's, words in those of Rust and numpy."""
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number in errno.errorcode:
        return number
    found = _RUST_ERROR.search(str(error))
    if found:
        return int(found[1] or found[2])
    # numpy does not say why; short writes are those of a full disk.
    return errno.ENOSPC if _SHORT_WRITE.search(str(error)) else None


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to disk; a no-op where folders cannot be synced, as on Windows and some network disks."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EACCES):
            raise
    finally:
        os.close(handle)


def write_array(path: Path, array: npt.NDArray[Any]) -> None:
    """Write an array as `numpy.save` does, byte for byte; a failed write states its reason, which numpy's own does not.

    Args:
        path: file ending in ``.npy``.
        array: any array without objects.
    """
    with path.open("wb") as file:
        np.lib.format.write_array(_Writer(file), np.asanyarray(array), allow_pickle=False)


class _Writer:
    """What numpy does not take for a file of C, which it would write with C's functions."""

    def __init__(self, file: BinaryIO) -> None:
        self.write = file.write


def never_through_links(name: str, flags: int) -> int:
    """Open a file for `open(…, opener=)`; a symbolic link at the end of the path is an error, and so is a pipe or a device.

    >>> from vidbench.models import never_through_links
    >>> with open("train.jsonl", "a", opener=never_through_links) as log:
    ...     log.write("{}")
    2

    Files that are replaced whole replace a link; those that are appended to would write where it leads.
    """
    return regular_only(name, flags | os.O_NOFOLLOW)


def sync_tree(folder: Path) -> None:
    """Write every file below a folder to disk, before the folder gets the name under which it is trusted."""
    for path in folder.rglob("*"):
        if path.is_file():
            with failures_named(path), path.open("rb") as file:
                os.fsync(file.fileno())


def check_writable(folder: Path) -> None:
    """Check that files can be written in a folder, before hours of work that would end there; nothing is left of the check.

    What killed processes left in the folder is removed.

    Raises:
        InputError: a file is in its place.
        OSError: the folder cannot be created or written; names it.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(
            f"{folder} is a file, where a folder is to be written: choose another one, or remove the file."
        )
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        with failures_named(folder / "any"):
            in_made_folder(folder, lambda: _write_probe(folder))
    except OSError as error:
        raise _named(error.errno or errno.EIO, folder) from None
    finally:
        for each in missing:
            with suppress(OSError):
                each.rmdir()


def _write_probe(folder: Path) -> None:
    remove_leftovers(folder)
    probe = temporary_name(folder / "writable")
    try:
        probe.write_bytes(b"x")
    finally:
        probe.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole, in UTF-8."""
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    >>> from pathlib import Path
    >>> from vidbench.models import file_sha256
    >>> _ = Path("weights.bin").write_bytes(b"")
    >>> file_sha256(Path("weights.bin"))[:8]
    'e3b0c442'
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class HashedFile:
    """A file as it was when it was hashed, for a reader who comes later.

    Attributes:
        path: the file.
        state: its size, date in nanoseconds, and inode.
        sha256: digest of its bytes.
    """

    path: Path
    state: tuple[int, int, int]
    sha256: str

    def check(self, content: bool = True) -> None:
        """Refuse a file that is no longer the one that was hashed; call after reading it, before the result is stored.

        Args:
            content: hash the file again; False compares size, date and inode only.

        Raises:
            InputError: it has changed, or is gone.
        """
        if file_state(self.path) != self.state or (content and file_sha256(self.path) != self.sha256):
            raise file_changed(self.path)

    @contextmanager
    def checked(self) -> Iterator[None]:
        """Read the file inside the block; a change of it is reported rather than what the reader made of it.

        Raises:
            InputError: as for `check`.
        """
        try:
            yield
        except InputError:
            self.check()
            raise
        self.check()


def hash_file(path: Path) -> HashedFile:
    """Hash a file for a reader who comes later.

    Raises:
        InputError: it changes while it is hashed.
    """
    hashed = HashedFile(path, file_state(path), file_sha256(path))
    hashed.check(content=False)
    return hashed


def file_state(path: Path) -> tuple[int, int, int]:
    """Return size, date in nanoseconds and inode of a file.

    Raises:
        InputError: it is gone.
    """
    try:
        state = path.stat()
    except OSError:
        raise file_changed(path) from None
    return state.st_size, state.st_mtime_ns, state.st_ino


def file_changed(path: Path) -> InputError:
    """Return the error for a file that changed between two looks at it."""
    return InputError(
        f"The file '{path}' changed while it was in use: let no other program write to it, and run the same command again."
    )


def arrays_sha256(arrays: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return one SHA-256 of named arrays: names, dtypes, shapes and little-endian bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        little = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(f"{name} {little.dtype.str} {list(little.shape)}\n".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()
