"""The journal of a scan: a line for each video as it is done, so that a scan which was stopped goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from pydantic import ValidationError

from vidbench.data.examination import Finding


def read_journal(path: Path) -> dict[tuple[str, str, str, int, int], Finding]:
    """Findings by their key, the last of each; lines that were cut off when a scan was killed are left out."""
    if not path.is_file():
        return {}
    findings = {}
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                finding = Finding.model_validate_json(line)
            except ValidationError:
                continue
            findings[finding.key] = finding
    return findings


@contextmanager
def appending(path: Path) -> Iterator[TextIO]:
    """Open a journal for more lines, on a line of their own even where the last one was cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        if file.tell():
            file.write("\n")
        yield file


def add(file: TextIO, finding: Finding) -> None:
    """Append one finding, out of this process's hands before the next."""
    file.write(json.dumps(finding.model_dump(mode="json"), ensure_ascii=True) + "\n")
    file.flush()
