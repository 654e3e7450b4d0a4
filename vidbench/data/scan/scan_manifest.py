"""The manifest: which videos of a data set are here and usable, and the digest of what a task makes of each.

Two laboratories whose manifests have the same hash give a task the very same frames, whatever files they come from.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vidbench.files import digest, write_text

FORMAT = "vidbench-manifest-1"


class ManifestVideo(NamedTuple):
    """A usable video; see `vidbench.data.scan.examination.Finding`."""

    split: str
    id: str
    label: str | None
    frames: int
    fps: float | None
    width: int
    height: int
    sha256: str


class SplitCoverage(NamedTuple):
    """How much of a split is here.

    Attributes:
        split: its name.
        list: where its official list comes from.
        official: videos on the list.
        found: of these, on disk.
        usable: of these, without a problem.
    """

    split: str
    list: str
    official: int
    found: int
    usable: int

    @property
    def coverage(self) -> float:
        """Share of the official videos that are usable, 0 to 1."""
        return self.usable / self.official


def manifest_sha256(task: dict[str, Any] | None, videos: Sequence[ManifestVideo]) -> str:
    """The manifest's own hash: of the task and of the usable videos, in any order; no path and no date enters it."""
    return digest({"format": FORMAT, "task": task, "videos": sorted(map(list, videos), key=lambda video: video[:2])})


def write_manifest(
    folder: Path, task: dict[str, Any] | None, splits: Sequence[SplitCoverage], videos: Sequence[ManifestVideo]
) -> str:
    """Write ``manifest.json`` and ``manifest.csv``; returns the manifest's hash.

    Args:
        folder: where to.
        task: name, version and fingerprint of the task, or None.
        splits: the coverage of each split.
        videos: the usable videos.
    """
    sha256 = manifest_sha256(task, videos)
    document = {
        "format": FORMAT,
        "sha256": sha256,
        "task": task,
        "splits": [{**split._asdict(), "coverage": split.coverage} for split in splits],
        "videos": [video._asdict() for video in videos],
    }
    write_text(folder / "manifest.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    write_rows(folder / "manifest.csv", ManifestVideo._fields, videos)
    return sha256


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Write a CSV file whole."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)
    write_text(path, text.getvalue())
