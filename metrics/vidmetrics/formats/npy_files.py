"""The numpy formats ``.npy`` and ``.npz``: what a file declares is checked against its size before anything is read."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.formats.faults import UnreadableError, reason, unreadable
from vidmetrics.formats.memory import refuse_more_than_memory
from vidmetrics.one_parser import parse_alone
from vidmetrics.regular_files import open_regular

MOST_MEMBERS = 100_000
"""Maximum number of arrays in an archive; the largest published weights have 1,200."""

_MOST_AXES = 32  # numpy 1 has no more
_CHUNK = 2**20


@dataclass(frozen=True)
class NpyHeader:
    """What the header of a ``.npy`` file declares.

    Attributes:
        shape: shape of the array.
        dtype: its numpy type, never with Python objects or named fields.
        fortran_order: whether the first axis varies fastest.
        offset: first byte of the values.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran_order: bool
    offset: int

    @property
    def num_bytes(self) -> int:
        """Number of bytes of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def npy_header(path: Path, where: str | None = None) -> NpyHeader:
    """Read the header of a ``.npy`` file and check that the values have as many bytes as it declares.

    Args:
        path: the file.
        where: subject of the sentence in messages; None for "The file PATH".

    Raises:
        UnreadableError: the file cannot be opened, is of another format, cut short or followed by further bytes, or
            contains Python objects.
    """
    try:
        with open_regular(path) as file:
            header = _header(file)
        size = path.stat().st_size
    except OSError as error:
        raise UnreadableError(error.strerror or reason(error), where or f"The file {path}") from error
    except _HeaderError as error:
        raise unreadable(path, str(error), where, own="a numpy array") from None
    if size != header.offset + header.num_bytes:
        raise UnreadableError(_wrong_size(header, size), where or f"The file {path}")
    return header


def map_npy(path: Path, where: str | None = None) -> npt.NDArray[Any]:
    """Return the array of a ``.npy`` file as a read-only memory map.

    Args:
        path: the file.
        where: subject of the sentence in messages; None for "The file PATH".

    Raises:
        UnreadableError: as for `npy_header`.
    """
    header = npy_header(path, where)
    order: Any = "F" if header.fortran_order else "C"
    if header.num_bytes == 0:  # nothing can be mapped
        return np.empty(header.shape, header.dtype, order=order)
    try:
        return np.memmap(path, header.dtype, "r", header.offset, header.shape, order)
    except (OSError, ValueError) as error:
        raise UnreadableError(reason(error), where or f"The file {path}") from error


def npz_headers(path: Path, where: str | None = None) -> dict[str, NpyHeader]:
    """Return the header of every array in a ``.npz`` file, without reading values.

    Args:
        path: the file.
        where: subject of the sentence in messages; None for "The file PATH".

    Raises:
        UnreadableError: the archive is damaged or encrypted, contains a name twice or something else than ``.npy`` files, or
            a member's size is not that of its array.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {name: _member_header(archive, member) for name, member in _members(archive).items()}
    except _HeaderError as error:
        raise UnreadableError(str(error), where or f"The file {path}") from None
    except InputError:
        raise
    except Exception as error:  # zipfile, zlib, bz2 and lzma raise various exceptions for damaged archives
        raise unreadable(path, reason(error), where, own="a ZIP archive") from error


def unpack_npy(path: Path, name: str, target: IO[bytes], where: str | None = None) -> None:
    """Write one array of a ``.npz`` file to an open file, as ``.npy``.

    Args:
        path: the archive.
        name: the array.
        target: where to write.
        where: subject of the sentence in messages; None for "The file PATH".

    Raises:
        UnreadableError: as for `npz_headers`, or the member's checksum is wrong.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            member = _members(archive)[name]
            _member_header(archive, member)
            with archive.open(member) as packed:
                while chunk := packed.read(_CHUNK):
                    target.write(chunk)
    except _HeaderError as error:
        raise UnreadableError(str(error), where or f"The file {path}") from None
    except OSError as error:
        if error.errno is not None:  # the disk, not the archive
            raise
        raise UnreadableError(reason(error), where or f"The file {path}") from error
    except Exception as error:  # as above
        raise unreadable(path, reason(error), where, own="a ZIP archive") from error


def read_npz(path: Path, wanted: Iterable[str] | None = None, where: str | None = None) -> dict[str, npt.NDArray[Any]]:
    """Read arrays of a ``.npz`` file into memory.

    Args:
        path: the archive.
        wanted: names of the arrays; None for all.
        where: subject of the sentence in messages; None for "The file PATH".

    Raises:
        UnreadableError: as for `npz_headers`, or a checksum is wrong, or a wanted array is missing.
        InputError: the arrays need more memory than the machine has.
    """
    subject = where or f"The file {path}"
    headers = npz_headers(path, subject)
    names = list(headers) if wanted is None else list(wanted)
    if missing := [name for name in names if name not in headers]:
        raise UnreadableError(f"it has no array '{missing[0]}'", subject)
    needed = sum(headers[name].num_bytes for name in names)
    refuse_more_than_memory(needed, f"Reading {path}", "give the file that was published")
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(archive)
            return {name: _values(archive, members[name], headers[name]) for name in names}
    except Exception as error:  # as above
        raise unreadable(path, reason(error), where, own="a ZIP archive") from error


class _HeaderError(Exception):
    """A header that numpy's format does not allow."""


def _header(file: IO[bytes]) -> NpyHeader:
    form = np.lib.format
    try:
        version = form.read_magic(file)
        read: Any = {(1, 0): form.read_array_header_1_0, (2, 0): form.read_array_header_2_0}.get(version)
        if read is None:
            raise _HeaderError(f"it is a numpy array of the unknown version {version[0]}.{version[1]}")
        start = file.tell()

        def parsed() -> Any:
            file.seek(start)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # headers of Python 2 are read, with a warning
                return read(file)

        shape, fortran_order, dtype = parse_alone(parsed)
    except _HeaderError:
        raise
    except Exception as error:  # numpy parses the header as a Python literal, and lets SyntaxError and others through
        raise _HeaderError(f"its header is not that of a numpy array: {reason(error)}") from None
    if dtype.hasobject:
        raise _HeaderError("it contains Python objects, which are not loaded")
    if dtype.names or dtype.subdtype or dtype.kind not in "biufcSUmM" or dtype.itemsize == 0:
        raise _HeaderError(f"its values are {dtype}, not numbers")
    if len(shape) > _MOST_AXES or not all(type(size) is int and 0 <= size < 2**63 for size in shape):
        raise _HeaderError("its header declares an impossible shape")
    if math.prod(size or 1 for size in shape) * dtype.itemsize >= 2**63:
        raise _HeaderError("its header declares more values than any file has")
    return NpyHeader(tuple(shape), dtype, bool(fortran_order), file.tell())


def _wrong_size(header: NpyHeader, size: int) -> str:
    declared = f"{header.dtype} {list(header.shape)}"
    held = size - header.offset
    what = "is cut short" if held < header.num_bytes else "holds more than one array"
    return f"it {what}: {declared} needs {header.num_bytes:,} bytes of values, and there are {held:,}"


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    listed = archive.infolist()
    if len(listed) > MOST_MEMBERS:
        raise _HeaderError(f"it lists {len(listed):,} arrays, more than {MOST_MEMBERS:,}")
    members: dict[str, zipfile.ZipInfo] = {}
    for member in listed:
        name = member.filename.removesuffix(".npy")
        if name in members:
            raise _HeaderError(f"it contains the array '{name}' twice")
        if name == member.filename:
            raise _HeaderError(f"it contains '{name}', which is not a .npy file")
        members[name] = member
    return members


def _member_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NpyHeader:
    with archive.open(member) as packed:
        try:
            header = _header(packed)
        except _HeaderError as error:
            raise _HeaderError(f"its member '{member.filename}': {error}") from None
    # zipfile never unpacks more than a member's declared size.
    if member.file_size != header.offset + header.num_bytes:
        raise _HeaderError(f"its member '{member.filename}': {_wrong_size(header, member.file_size)}")
    return header


def _values(archive: zipfile.ZipFile, member: zipfile.ZipInfo, header: NpyHeader) -> npt.NDArray[Any]:
    with archive.open(member) as packed:
        packed.read(header.offset)
        flat = np.empty(math.prod(header.shape), header.dtype)
        filled, view = 0, flat.view(np.uint8).reshape(-1)
        while filled < header.num_bytes:
            chunk = packed.read(min(_CHUNK, header.num_bytes - filled))
            if not chunk:
                raise EOFError(f"its member '{member.filename}' ends early")
            view[filled : filled + len(chunk)] = np.frombuffer(chunk, np.uint8)
            filled += len(chunk)
        packed.read(1)  # verifies the checksum
    return flat.reshape(header.shape, order="F" if header.fortran_order else "C")
