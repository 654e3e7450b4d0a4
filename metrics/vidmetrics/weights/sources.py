"""The sources of published weights: ``sources.toml`` as objects."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidmetrics.catalog.network_cards import NETWORKS, base_network
from vidmetrics.errors import InputError, unknown_name
from vidmetrics.formats.documents import parse_toml
from vidmetrics.home import home

NEEDED_REPORTS = 3
"""Independent parties that must report the same SHA-256 of a file whose author has published none."""


@dataclass(frozen=True)
class HashReport:
    """What somebody measured of a file whose author has published no hash.

    Attributes:
        sha256: SHA-256 of the file's bytes.
        by: who measured it, a person or a group; reports of one party count once.
        date: when, ISO 8601.
        where: a link to the report, and where the party had the file from.
    """

    sha256: str
    by: str
    date: str
    where: str


def agreed_sha256(reports: Sequence[HashReport]) -> str | None:
    """Return the SHA-256 that enough independent parties report; None if they are too few, or if any two disagree."""
    hashes = {report.sha256 for report in reports}
    enough = len({report.by.casefold() for report in reports}) >= NEEDED_REPORTS
    return hashes.pop() if enough and len(hashes) == 1 else None


@dataclass(frozen=True)
class PublishedFile:
    """One published file, identified by at most one of three hashes.

    Attributes:
        name: file name.
        urls: its mirrors, in order of preference.
        bytes: its size; None if unknown.
        sha256: SHA-256 of its bytes.
        git_blob: its git blob id, or a prefix.
        crc_table: the checkpoint in ``i3d_tensor_crc32c.csv`` that an index must match.
        rests_on: where a hash comes from that the author of the file has not published.
        reports: what others measured; `sha256` is what they agree on, if it is not known otherwise.
    """

    name: str
    urls: tuple[str, ...]
    bytes: int | None = None
    sha256: str | None = None
    git_blob: str | None = None
    crc_table: str | None = None
    rests_on: str = ""
    reports: tuple[HashReport, ...] = ()

    @property
    def verifiable(self) -> bool:
        """Whether the file's contents can be verified."""
        return any((self.sha256, self.git_blob, self.crc_table))

    @property
    def known_by(self) -> str:
        """How the file is identified, in words."""
        if self.sha256:
            return f"sha256 {self.sha256}"
        if self.git_blob:
            return f"git blob id {self.git_blob}" + "…" * (len(self.git_blob) < 40)
        if self.crc_table:
            return f"the tensor checksums of {self.crc_table}"
        return f"no published hash, and {len(self.reports)} of {NEEDED_REPORTS} reports that must agree on one"


@dataclass(frozen=True)
class Source:
    """One source of the weights of one network.

    Attributes:
        network: the network.
        name: its name for ``--via``.
        files: the files to download.
        imports: the files passed to the importer.
        handle: the handle for tensorflow-hub, instead of files.
        origin: the origin of the weights.
        licence: their licence, as far as stated.
        paper: the paper that describes them.
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
        """The folder of its files, downloaded or put there by the user."""
        return home() / "weights" / "sources" / self.network / self.name

    @property
    def bytes(self) -> int | None:
        """Total size of the files; None if a size is unknown."""
        sizes = [file.bytes for file in self.files]
        return None if not sizes or None in sizes else sum(size or 0 for size in sizes)


@functools.cache
def sources() -> tuple[Source, ...]:
    """Return all sources, in the order of the file."""
    tables = parse_toml(Path(__file__).with_name("sources.toml").read_bytes())["source"]
    return tuple(_source(table) for table in tables)


def _source(table: dict[str, Any]) -> Source:
    files = tuple(_file(row) for row in table.pop("file", ()))
    imports = tuple(table.pop("imports", ()))
    return Source(files=files, imports=imports, handle=table.pop("handle", None), **table)


def _file(row: dict[str, Any]) -> PublishedFile:
    reports = tuple(HashReport(**report) for report in row.get("report", ()))
    fields = {name: value for name, value in row.items() if name != "report"}
    # A file of which the author published a hash needs no consensus.
    if not any(name in fields for name in ("sha256", "git_blob", "crc_table")):
        fields["sha256"] = agreed_sha256(reports)
    return PublishedFile(**{**fields, "urls": tuple(row["urls"]), "reports": reports})


def published_networks() -> list[str]:
    """Return the names of the networks that have a source."""
    return list(dict.fromkeys(source.network for source in sources()))


def source_of(network: str, name: str | None = None) -> Source:
    """Return the source of a network with this name, or the first.

    Raises:
        InputError: there is no source for such a network, or none with this name.
    """
    found = {source.name: source for source in sources() if source.network == network}
    if not found:
        raise InputError(unknown_name("network", network, published_networks()))
    if name is None:
        return next(iter(found.values()))
    if name not in found:
        raise InputError(unknown_name(f"source of '{network}'", name, found))
    return found[name]


def licence_of(network: str, *, proven: bool) -> str:
    """Return the licence of a network's weights as far as its source states it, in words.

    Args:
        network: a feature extractor, or a variant of the I3D.
        proven: whether the weights in use are known to be the published ones; those of any others are unknown.
    """
    base = base_network(network)
    if not proven:
        return "unknown: the weights are not proven to be the published ones"
    if base in NETWORKS and NETWORKS[base].embedded:
        return "Apache-2.0: trained for vidbench and shipped with it"
    if base not in published_networks():
        return "unknown: no source of these weights is listed"
    # Proven weights are those of the first source, whichever copy they were read from.
    licence = source_of(base).licence
    return f"unknown: {licence}" if licence.startswith("not stated") else licence
