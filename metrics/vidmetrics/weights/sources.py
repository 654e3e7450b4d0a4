"""The published weights that this package knows: ``sources.toml`` as objects."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidmetrics.errors import InputError, unknown_name
from vidmetrics.home import home


@dataclass(frozen=True)
class PublishedFile:
    """One file as it was published; at most one of the three ways to know it is given.

    Attributes:
        name: file name.
        urls: where it is, the first choice first.
        bytes: its size; None where nobody has said.
        sha256: SHA-256 of its bytes.
        git_blob: its git blob id, or the beginning of it.
        crc_table: the checkpoint in ``i3d_tensor_crc32c.csv`` that an index must agree with.
    """

    name: str
    urls: tuple[str, ...]
    bytes: int | None = None
    sha256: str | None = None
    git_blob: str | None = None
    crc_table: str | None = None

    @property
    def verifiable(self) -> bool:
        """Whether there is anything to hold the file's contents against."""
        return any((self.sha256, self.git_blob, self.crc_table))

    @property
    def known_by(self) -> str:
        """What the file is recognised by, in words for a person."""
        if self.sha256:
            return f"sha256 {self.sha256}"
        if self.git_blob:
            return f"git blob id {self.git_blob}" + "…" * (len(self.git_blob) < 40)
        if self.crc_table:
            return f"the tensor checksums of {self.crc_table}"
        return "no published hash"


@dataclass(frozen=True)
class Source:
    """One way to get the weights of one network.

    Attributes:
        network: the network it feeds.
        name: what ``--via`` calls it.
        files: what to download.
        imports: which of the files the importer is given.
        handle: what tensorflow-hub resolves, instead of files.
        origin: whose weights these are.
        licence: under which terms, as far as anybody has said.
        paper: where they are described.
    """

    network: str
    name: str
    files: tuple[PublishedFile, ...]
    imports: tuple[str, ...]
    handle: str | None
    origin: str
    licence: str
    paper: str

    @property
    def folder(self) -> Path:
        """Where its files are kept, as downloaded or as put there by hand."""
        return home() / "weights" / "sources" / self.network / self.name

    @property
    def bytes(self) -> int | None:
        """Size of all files together; None if one is not known."""
        sizes = [file.bytes for file in self.files]
        return None if not sizes or None in sizes else sum(size or 0 for size in sizes)


@functools.cache
def sources() -> tuple[Source, ...]:
    """Return every source, in the order of the file."""
    with Path(__file__).with_name("sources.toml").open("rb") as file:
        return tuple(_source(table) for table in tomllib.load(file)["source"])


def _source(table: dict[str, Any]) -> Source:
    files = tuple(PublishedFile(**{**row, "urls": tuple(row["urls"])}) for row in table.pop("file", ()))
    imports = tuple(table.pop("imports", ()))
    return Source(files=files, imports=imports, handle=table.pop("handle", None), **table)


def published_networks() -> list[str]:
    """Return the names of the networks that have a source."""
    return list(dict.fromkeys(source.network for source in sources()))


def source_of(network: str, name: str | None = None) -> Source:
    """Return a source of a network: the one of that name, or the first.

    Raises:
        InputError: nothing is published for such a network, or not under that name.
    """
    found = {source.name: source for source in sources() if source.network == network}
    if not found:
        raise InputError(unknown_name("network", network, published_networks()))
    if name is None:
        return next(iter(found.values()))
    if name not in found:
        raise InputError(unknown_name(f"source of '{network}'", name, found))
    return found[name]
