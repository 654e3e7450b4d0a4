"""The manifest: which videos of a dataset are present and usable, with the digest of the frames a task gets from each.

Equal manifest hashes mean that a task gets exactly the same frames, whatever files they come from.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from vidbench.files import digest, write_text
from vidbench.rendering.printable import csv_cell

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
    """How much of a split is present.

    Attributes:
        split: its name.
        list: where its official list comes from.
        official: number of listed videos.
        found: how many of them are on disk.
        usable: how many of those have no problem.
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
    """Hash the task and the usable videos, in any order; paths and dates do not enter the hash."""
    return digest({"format": FORMAT, "task": task, "videos": sorted(map(list, videos), key=lambda video: video[:2])})


def write_manifest(
    folder: Path,
    task: dict[str, Any] | None,
    splits: Sequence[SplitCoverage],
    videos: Sequence[ManifestVideo],
    entries: Mapping[str, Any],
) -> str:
    """Write ``manifest.json`` and ``manifest.csv``, and return the manifest's hash.

    Args:
        folder: where to write them.
        task: name, version and fingerprint of the task, or None.
        splits: the coverage of each split.
        videos: the usable videos.
        entries: what else the folder holds, for the document alone; it does not enter the hash.
    """
    sha256 = manifest_sha256(task, videos)
    document = {
        "format": FORMAT,
        "sha256": sha256,
        "task": task,
        **entries,
        "splits": [{**split._asdict(), "coverage": split.coverage} for split in splits],
        "videos": [video._asdict() for video in videos],
    }
    write_text(folder / "manifest.json", json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    write_rows(folder / "manifest.csv", ManifestVideo._fields, videos)
    return sha256


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]], *, exact: bool = False) -> None:
    """Write a CSV file atomically.

    Args:
        path: the file.
        header: names of the columns.
        rows: the cells.
        exact: write every cell as it is, for a file that vidbench reads again; else a spreadsheet shows every cell and
            runs none, so that a name such as ``-a.mp4`` gets an apostrophe.
    """

    def cell_of(cell: Any) -> Any:
        return csv_cell(cell) if isinstance(cell, str) and not exact else cell

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(header)
    table.writerows([cell_of(cell) for cell in row] for row in rows)
    write_text(path, text.getvalue())
