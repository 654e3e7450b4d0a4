"""Reader of TensorFlow V2 checkpoints that does not need TensorFlow.

A checkpoint is an index, ``PREFIX.index``, and one or more files of raw tensor bytes, ``PREFIX.data-00000-of-00001``. The
index is a sorted string table (`vidmetrics.weights.sstable`) from names to messages with the position of a tensor and the
checksum of its bytes: ``BundleHeaderProto`` under the empty name, ``BundleEntryProto`` under every other name
(``tensorflow/core/protobuf/tensor_bundle.proto``). Every checksum is verified.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.formats.faults import real_kind
from vidmetrics.formats.memory import refuse_more_than_memory
from vidmetrics.regular_files import open_regular
from vidmetrics.weights.crc32c import masked_crc32c
from vidmetrics.weights.sstable import LIMIT, read_table
from vidmetrics.weights.wire import DamagedError, as_bytes, as_int, fields

# tensorflow/core/framework/types.proto; strings, bfloat16 and the like do not occur in weights of these networks.
_DTYPES = {
    1: "<f4",
    2: "<f8",
    3: "<i4",
    4: "<u1",
    5: "<i2",
    6: "<i1",
    8: "<c8",
    9: "<i8",
    10: "|b1",
    17: "<u2",
    18: "<c16",
    19: "<f2",
    22: "<u4",
    23: "<u8",
}
_STRING = 7
_MAX_SHARDS = 99999  # the file name has five digits


@dataclass(frozen=True)
class Entry:
    """The position of one tensor.

    Attributes:
        dtype: its data type, a number of TensorFlow's ``types.proto``.
        shape: its shape.
        shard: number of its data file.
        offset: first byte in this file.
        size: number of bytes.
        crc32c: masked CRC-32C of these bytes.
        sliced: whether it is stored in slices; no published network is.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc32c: int
    sliced: bool

    @property
    def is_text(self) -> bool:
        """Whether it contains strings, like the bookkeeping of TensorFlow 2, rather than numbers."""
        return self.dtype == _STRING


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint.

    Attributes:
        prefix: path of the checkpoint without ``.index``.
        num_shards: number of data files.
        entries: its tensors by name.
    """

    prefix: Path
    num_shards: int
    entries: Mapping[str, Entry]

    def data_file(self, shard: int) -> Path:
        """Return the path of a data file."""
        return self.prefix.parent / (f"{self.prefix.name}.data-{shard:05d}-of-{self.num_shards:05d}")

    def read(self, name: str) -> npt.NDArray[Any]:
        """Return a tensor.

        Raises:
            InputError: there is no such tensor, its data type is not supported, its data file is missing or too short, or
                its checksum is wrong.
        """
        if name not in self.entries:
            raise InputError(
                f"The checkpoint {self.prefix} has no tensor {name!r}; give the checkpoint of the network."
            )
        entry = self.entries[name]
        if entry.sliced or entry.dtype not in _DTYPES:
            what = "is stored in slices" if entry.sliced else f"has TensorFlow's data type number {entry.dtype}"
            raise InputError(
                f"Tensor {name!r} of the checkpoint {self.prefix} {what}, which is not supported; "
                "give the checkpoint as it was published."
            )
        path = self.data_file(entry.shard)
        try:
            with open_regular(path) as file:
                # Before the read, which allocates its size at once.
                held = os.fstat(file.fileno()).st_size
                raw = b""
                if entry.offset + entry.size <= held:
                    file.seek(entry.offset)
                    raw = file.read(entry.size)
        except OSError as error:
            raise InputError(f"The data of the checkpoint cannot be read ({error}); put {path} there.") from error
        if len(raw) != entry.size:
            raise InputError(
                f"{path} is cut short: tensor {name!r} needs bytes {entry.offset} to {entry.offset + entry.size}{_instead(path)}; "
                "get it again."
            )
        if masked_crc32c(raw) != entry.crc32c:
            raise InputError(f"Tensor {name!r} in {path} does not have the checksum of the index; get it again.")
        values = np.frombuffer(raw, dtype=np.dtype(_DTYPES[entry.dtype])) if raw else np.empty(0, _DTYPES[entry.dtype])
        return values.reshape(entry.shape).copy()

    def refuse_more_than_memory(self, names: Iterable[str]) -> None:
        """Refuse tensors that do not fit into memory together; entries may claim the same bytes many times.

        Raises:
            InputError: names what they need and what the machine has.
        """
        needed = sum(self.entries[name].size for name in names)
        refuse_more_than_memory(needed, f"Reading {self.prefix}", "give the checkpoint that was published")

    def read_all(self) -> dict[str, npt.NDArray[Any]]:
        """Return every numeric tensor by name; strings, TensorFlow's own metadata, are omitted.

        Raises:
            InputError: as for `read`.
        """
        wanted = [name for name, entry in self.entries.items() if not entry.is_text]
        self.refuse_more_than_memory(wanted)
        return {name: self.read(name) for name in wanted}


def _instead(path: Path) -> str:
    """Return what a data file is if its first bytes are those of another format, as a clause."""
    kind = real_kind(path)
    return "" if kind is None else f" (it is {kind})"


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a checkpoint by its prefix or its ``.index`` file; reads only the index.

    Raises:
        InputError: the index is missing, damaged, big-endian, or of an unknown version.
    """
    index = path if path.suffix == ".index" else path.parent / f"{path.name}.index"
    num_shards, entries = parse_index(index)
    return Checkpoint(index.with_suffix(""), num_shards, entries)


def parse_index(index: Path) -> tuple[int, dict[str, Entry]]:
    """Return the number of data files and the entries of an index file, which may have any name.

    Raises:
        InputError: as for `open_checkpoint`.
    """
    try:
        with open_regular(index) as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise InputError(f"The checkpoint index {index} cannot be read ({error.strerror}); give its path.") from error
    try:
        return _parse(data)
    except DamagedError as error:
        kind = real_kind(index)
        reason = str(error) if kind is None else f"it is {kind}"
        raise InputError(f"{index} is not a complete TensorFlow checkpoint index ({reason}); get it again.") from error


def _parse(data: bytes) -> tuple[int, dict[str, Entry]]:
    table = read_table(data)
    if b"" not in table:
        raise DamagedError("it has no header")
    num_shards = _header(table.pop(b""))
    entries = {}
    for key, value in table.items():
        try:
            name = key.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DamagedError("a name is not UTF-8") from error
        entries[name] = _entry(name, value, num_shards)
    return num_shards, entries


def _header(message: bytes) -> int:
    num_shards, min_consumer = 0, 0
    for number, value in fields(message):
        if number == 1:
            num_shards = as_int(value)
        elif number == 2 and as_int(value) != 0:
            raise DamagedError("it comes from a big-endian machine")
        elif number == 3:
            min_consumer = next((as_int(v) for n, v in fields(as_bytes(value)) if n == 2), 0)
    if not 1 <= num_shards <= _MAX_SHARDS:
        raise DamagedError(f"it claims {num_shards} data files")
    if min_consumer > 1:
        raise DamagedError(f"it needs a reader of version {min_consumer}")
    return num_shards


def _entry(name: str, message: bytes, num_shards: int) -> Entry:
    numbers = dict.fromkeys(
        (1, 3, 4, 5, 6), 0
    )  # dtype, shard, offset, size, checksum; zeros are omitted from the message
    shape: tuple[int, ...] = ()
    sliced = False
    for number, value in fields(message):
        if number in numbers:
            numbers[number] = as_int(value)
        elif number == 2:
            shape = _shape(as_bytes(value))
        elif number == 7:
            sliced = True
    entry = Entry(numbers[1], shape, numbers[3], numbers[4], numbers[5], numbers[6], sliced)
    if not 0 <= entry.shard < num_shards or entry.offset < 0 or entry.size < 0:
        raise DamagedError(f"the place of {name!r} makes no sense")
    known = entry.dtype in _DTYPES and not sliced
    if known and entry.size != math.prod(shape) * np.dtype(_DTYPES[entry.dtype]).itemsize:
        raise DamagedError(f"the size of {name!r} does not fit its shape")
    return entry


def _shape(message: bytes) -> tuple[int, ...]:
    sizes: list[int] = []
    for number, value in fields(message):
        if number == 3 and as_int(value) != 0:
            raise DamagedError("a shape is not known")
        if number == 2:
            size = next((as_int(v) for n, v in fields(as_bytes(value)) if n == 1), 0)
            if not 0 <= size < 2**32:
                raise DamagedError("a shape makes no sense")
            sizes.append(size)
            if len(sizes) > 8:
                raise DamagedError("a shape makes no sense")
    # The bytes of an empty tensor do not bound its other axes.
    if 0 in sizes and math.prod(size or 1 for size in sizes) >= 2**32:
        raise DamagedError("a shape makes no sense")
    return tuple(sizes)
