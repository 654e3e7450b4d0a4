"""Withdrawn videos: they stay on the official list, so that no other clip moves, and are never read.

``withdrawn.toml`` names them by the digest of their official name; GOVERNANCE.md says who may ask and what follows.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from vidbench.data.folders.inventory import merged
from vidbench.data.layouts.listing import Listing
from vidbench.tasks.datasets import DATASETS
from vidmetrics.formats.documents import parse_toml

LIST = Path(__file__).with_name("withdrawn.toml")
WITHDRAWN = "withdrawn"


class Withdrawal(BaseModel):
    """One withdrawn video; who asked is stated by their relation to it, never by name."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    datasets: tuple[str, ...] = Field(min_length=1, strict=False)
    name_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    date: str = Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
    asked_by: str = Field(pattern=r"^(person shown|rights holder|publisher)$")


@functools.cache
def withdrawals(path: Path) -> tuple[Withdrawal, ...]:
    """Return the entries of a list of withdrawn videos; those of a dataset that nobody knows are an error of the list."""
    entries = tuple(Withdrawal.model_validate(entry) for entry in parse_toml(path.read_bytes()).get("withdrawn", ()))
    unknown = {name for entry in entries for name in entry.datasets} - set(DATASETS)
    if unknown:
        raise ValueError(f"{path} names unknown datasets: {sorted(unknown)}")
    return entries


def name_sha256(name: str) -> str:
    """Return the digest by which the list names a video."""
    return sha256(name.encode()).hexdigest()


def withdrawn_names(dataset: str, names: Collection[str]) -> list[str]:
    """Return those of some official names that are withdrawn, sorted.

    Args:
        dataset: ``data.dataset`` of a task.
        names: official names of videos.
    """
    digests = {entry.name_sha256 for entry in withdrawals(LIST) if dataset in entry.datasets}
    return sorted(name for name in names if name_sha256(name) in digests) if digests else []


def without_withdrawn(dataset: str, listing: Listing) -> Listing:
    """Return a listing that reads no withdrawn video: it counts as missing, and its file as unused."""
    names = withdrawn_names(dataset, listing.sources)
    if not names:
        return listing
    kept = {name: source for name, source in listing.sources.items() if name not in set(names)}
    return replace(
        listing,
        sources=kept,
        withdrawn={name: listing.sources[name].path for name in names},
        unused=merged(listing.unused, {WITHDRAWN: len(names)}),
    )
