"""Rows of a ``.npy`` file, read one by one and compared with what was there when the file was opened.

There is no memory map: if another program cuts the file short, a read of the map would end the process with SIGBUS.
"""

from __future__ import annotations

import math
import os
import tempfile
from hashlib import blake2b, sha256
from pathlib import Path
from typing import IO, Any

import numpy as np

from vidbench.errors import InputError
from vidbench.files import file_changed, file_state
from vidmetrics.formats.faults import UnreadableError
from vidmetrics.formats.npy_files import npy_header
from vidmetrics.regular_files import open_regular, regular_only

_BLOCK_BYTES = 1 << 24


class NpyRows:
    """The rows of an array in a ``.npy`` file.

    Attributes:
        shape: shape of the array.
        dtype: its type.
    """

    def __init__(self, path: Path, source: Path, wanted: str) -> None:
        """Read the header.

        Args:
            path: the file.
            source: the file to name in messages.
            wanted: what the array should be, for messages.

        Raises:
            InputError: the file is not a ``.npy`` file.
        """
        self._path, self._source, self._state = path, source, file_state(path)
        try:
            self._header = npy_header(path)
        except UnreadableError as error:
            raise InputError(
                f"The file '{source}' is not a readable numpy array ({error.clause}); {wanted}."
            ) from error
        self.shape, self.dtype = self._header.shape, self._header.dtype
        self._digests: list[bytes] = []
        self._offset = self._header.offset
        self._transposed: IO[bytes] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def hash(self) -> str:
        """Return the SHA-256 of the file, and remember a digest of each row; call before `read`.

        Raises:
            InputError: the file changed since it was opened.
        """
        whole = sha256()
        with open_regular(self._path) as file:
            whole.update(file.read(self._header.offset))
            if self._header.fortran_order:
                self._transposed = self._in_row_order(file, whole)
            else:
                self._digests = [self._hashed_row(file, whole) for _ in range(len(self))]
            whole.update(file.read())
        if file_state(self._path) != self._state:
            raise file_changed(self._source)
        if self._transposed is not None:
            self._path, self._offset = Path(self._transposed.name), 0
            with open_regular(self._path) as file:
                self._digests = [self._hashed_row(file, sha256()) for _ in range(len(self))]
        return whole.hexdigest()

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return rows, ``[len(rows), *shape[1:]]``.

        Raises:
            InputError: the file has changed since it was hashed.
        """
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        content = bytearray(self._row_bytes)
        try:
            handle = regular_only(str(self._path), os.O_RDONLY)
        except OSError:
            raise file_changed(self._source) from None
        try:
            for place, row in enumerate(rows.tolist()):
                got = _read_at(handle, content, self._offset + row * self._row_bytes)
                if got < len(content) or blake2b(content, digest_size=16).digest() != self._digests[row]:
                    raise file_changed(self._source)
                found[place] = self._shaped(content)
        finally:
            os.close(handle)
        return found

    @property
    def _row_bytes(self) -> int:
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def _shaped(self, content: bytearray) -> np.ndarray:
        values = np.frombuffer(content, self.dtype)
        if self._transposed is None:
            return values.reshape(self.shape[1:])
        return values.reshape(self.shape[:0:-1]).T

    def _in_row_order(self, file: IO[bytes], whole: Any) -> IO[bytes]:
        """Copy an array in Fortran order to a private file, row after row, with the axes of each row reversed."""
        header = self._header
        rows, values = header.shape[0], math.prod(header.shape[1:])
        # Not closed here: it must live as long as its reader.
        target = tempfile.NamedTemporaryFile(suffix=".rows")  # noqa: SIM115
        target.truncate(header.num_bytes)
        if header.num_bytes == 0:
            return target
        copied = np.memmap(target.name, header.dtype, "r+", 0, (rows, values))
        size = max(1, _BLOCK_BYTES // (rows * header.dtype.itemsize))
        for start in range(0, values, size):
            stop = min(start + size, values)
            content = file.read((stop - start) * rows * header.dtype.itemsize)
            if len(content) < (stop - start) * rows * header.dtype.itemsize:
                raise file_changed(self._source)
            whole.update(content)
            copied[:, start:stop] = np.frombuffer(content, header.dtype).reshape(stop - start, rows).T
        copied.flush()
        return target

    def _hashed_row(self, file: IO[bytes], whole: Any) -> bytes:
        content = file.read(self._row_bytes)
        if len(content) < self._row_bytes:
            raise file_changed(self._source)
        whole.update(content)
        return blake2b(content, digest_size=16).digest()


def _read_at(handle: int, content: bytearray, offset: int) -> int:
    """Fill ``content`` from a place in a file, and return how many bytes there were."""
    view, got = memoryview(content), 0
    while got < len(content):
        count = os.preadv(handle, [view[got:]], offset + got)
        if count == 0:
            break
        got += count
    return got
