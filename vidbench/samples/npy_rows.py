"""Rows of a ``.npy`` file, read in blocks and compared with what was there when the file was opened.

There is no memory map: if another program cuts the file short, a read of the map would end the process with SIGBUS.
"""

from __future__ import annotations

import math
import os
import tempfile
from contextlib import ExitStack
from hashlib import blake2b, sha256
from pathlib import Path
from typing import IO, Any

import numpy as np

from vidbench.ahead import in_order, num_cores
from vidbench.errors import InputError
from vidbench.files import file_changed, file_state
from vidmetrics.formats.faults import UnreadableError
from vidmetrics.formats.npy_files import npy_header
from vidmetrics.regular_files import open_regular, regular_only

_BLOCK_BYTES = 1 << 24
_ROW_BLOCK_BYTES = 1 << 22
"""Most bytes that have one digest, unless one row has more: a block is read whole for each of its rows."""
_MOST_ROWS = 64
"""Most rows that have one digest: batches, which are divisors or multiples of it, then read no block twice."""
_THREADS_FROM = 1 << 25
"""Smaller files are hashed without threads."""
_MOST_THREADS = 4


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
        """Return the SHA-256 of the file, and remember a digest of each block of rows; call before `read`.

        Raises:
            InputError: the file changed since it was opened.
        """
        whole = sha256()
        with open_regular(self._path) as file:
            whole.update(file.read(self._header.offset))
            if self._header.fortran_order:
                self._transposed = self._in_row_order(file, whole)
            else:
                self._digests = self._hashed_blocks(file, whole)
                file.seek(self._offset + len(self) * self._row_bytes)
            whole.update(file.read())
        if file_state(self._path) != self._state:
            raise file_changed(self._source)
        if self._transposed is not None:
            self._path, self._offset = Path(self._transposed.name), 0
            with open_regular(self._path) as file:
                self._digests = self._hashed_blocks(file, None)
        return whole.hexdigest()

    def read(self, rows: np.ndarray, into: np.ndarray | None = None) -> np.ndarray:
        """Return rows, ``[len(rows), *shape[1:]]``.

        Args:
            rows: int64 ``[N]``.
            into: where to put them, contiguous; None for new memory.

        Raises:
            InputError: the file has changed since it was hashed.
        """
        found = np.empty((len(rows), *self.shape[1:]), self.dtype) if into is None else into
        block_of = rows // self._block_rows
        try:
            handle = regular_only(str(self._path), os.O_RDONLY)
        except OSError:
            raise file_changed(self._source) from None
        try:
            for block in np.unique(block_of).tolist():
                places = np.flatnonzero(block_of == block)
                first, count = self._rows_of(block)
                inside = rows[places] - first
                whole = len(inside) == count and bool((inside == np.arange(count)).all())
                if whole and self._transposed is None and places[-1] - places[0] == count - 1:
                    self._load(handle, block, found[places[0] : places[-1] + 1].reshape(-1).view(np.uint8))
                else:
                    found[places] = self._shaped(self._load(handle, block))[inside]
        finally:
            os.close(handle)
        return found

    def close(self) -> None:
        """Remove the private file, if there is one, of rows that will not be read."""
        if self._transposed is not None:
            self._transposed.close()

    @property
    def _row_bytes(self) -> int:
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def _block_rows(self) -> int:
        """Rows of a block, a power of two."""
        fitting = min(max(1, _ROW_BLOCK_BYTES // max(1, self._row_bytes)), _MOST_ROWS)
        return 1 << (fitting.bit_length() - 1)

    def _rows_of(self, block: int) -> tuple[int, int]:
        """Return the first row of a block and their number."""
        first = block * self._block_rows
        return first, min(self._block_rows, len(self) - first)

    def _load(self, handle: int, block: int, content: np.ndarray | None = None) -> np.ndarray:
        """Read a block, into ``content`` if it is given, and refuse one that is not what was hashed."""
        content, found = self._loaded(handle, block, content)
        if found != self._digests[block]:
            raise file_changed(self._source)
        return content

    def _loaded(self, handle: int, block: int, content: np.ndarray | None = None) -> tuple[np.ndarray, bytes]:
        """Read a block, and return its bytes and their digest."""
        first, count = self._rows_of(block)
        if content is None:
            content = np.empty(count * self._row_bytes, np.uint8)
        view = content.data
        if _read_at(handle, view, self._offset + first * self._row_bytes) < len(content):
            raise file_changed(self._source)
        return content, blake2b(view, digest_size=16).digest()

    def _shaped(self, content: np.ndarray) -> np.ndarray:
        """Return the rows of a block."""
        values = content.view(self.dtype)
        if self._transposed is None:
            return values.reshape(-1, *self.shape[1:])
        rows = values.reshape(-1, *self.shape[:0:-1])
        return rows.transpose(0, *range(rows.ndim - 1, 0, -1))

    def _in_row_order(self, file: IO[bytes], whole: Any) -> IO[bytes]:
        """Copy an array in Fortran order to a private file, row after row, with the axes of each row reversed."""
        header = self._header
        with ExitStack() as refused:
            # Not closed without an error: it must live as long as its reader.
            target = refused.enter_context(tempfile.NamedTemporaryFile(suffix=".rows"))
            target.truncate(header.num_bytes)
            if header.num_bytes:
                self._copy_rows(file, whole, target.name)
            refused.pop_all()
        return target

    def _copy_rows(self, file: IO[bytes], whole: Any, target: str) -> None:
        header = self._header
        rows, values = header.shape[0], math.prod(header.shape[1:])
        copied = np.memmap(target, header.dtype, "r+", 0, (rows, values))
        size = max(1, _BLOCK_BYTES // (rows * header.dtype.itemsize))
        for start in range(0, values, size):
            stop = min(start + size, values)
            content = file.read((stop - start) * rows * header.dtype.itemsize)
            if len(content) < (stop - start) * rows * header.dtype.itemsize:
                raise file_changed(self._source)
            whole.update(content)
            copied[:, start:stop] = np.frombuffer(content, header.dtype).reshape(stop - start, rows).T
        copied.flush()

    def _hashed_blocks(self, file: IO[bytes], whole: Any) -> list[bytes]:
        """Return the digest of each block; ``whole`` is updated with all of them unless it is None.

        Threads read and digest, since the other hash, which goes through the file in order, takes as long as both.
        """
        threads = min(_MOST_THREADS, num_cores()) if len(self) * self._row_bytes >= _THREADS_FROM else 0
        blocks = range(-(-len(self) // self._block_rows))
        digests = []
        for content, found in in_order(lambda block: self._loaded(file.fileno(), block), blocks, threads):
            if whole is not None:
                whole.update(content)
            digests.append(found)
        return digests


def _read_at(handle: int, content: memoryview, offset: int) -> int:
    """Fill ``content`` from a place in a file, and return how many bytes there were."""
    got = 0
    while got < len(content):
        count = os.preadv(handle, [content[got:]], offset + got)
        if count == 0:
            break
        got += count
    return got
