"""The journals of a scan: one line per finished video, so that an interrupted scan can be resumed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from pydantic import ValidationError

from vidbench.data.scan.examination import Finding, FindingKey
from vidbench.distributed.ranks import Ranks
from vidbench.files import failures_named, written_whole


def read_journal(path: Path) -> dict[FindingKey, Finding]:
    """Return findings by key, the last for each; lines cut off when a scan was killed are skipped."""
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
    """Open a journal for appending, starting on a new line even if the last one was cut off."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with failures_named(path), path.open("a", encoding="utf-8") as file:
        if file.tell():
            file.write("\n")
        yield file


def append_finding(file: TextIO, finding: Finding) -> None:
    """Append one finding and flush it, so that a killed process loses at most the current video."""
    file.write(json.dumps(finding.model_dump(mode="json"), ensure_ascii=True) + "\n")
    file.flush()


@dataclass(frozen=True)
class ScanJournals:
    """The journals of one scan: one per rank, because lines from two machines could interleave in one file."""

    output: Path
    name: str
    ranks: Ranks

    @property
    def mine(self) -> Path:
        """The journal that this rank writes; the main rank shares its name with a single-process scan."""
        return self.output / (f"{self.name}.jsonl" if self.ranks.is_main else f"{self.name}-{self.ranks.rank}.jsonl")

    @property
    def all(self) -> list[Path]:
        """The journals of all ranks, from this scan or earlier ones."""
        return sorted(self.output.glob(f"{self.name}*.jsonl"))

    def read(self) -> dict[FindingKey, Finding]:
        """Return the findings of all ranks, from this scan or earlier ones."""
        findings: dict[FindingKey, Finding] = {}
        for path in self.all:
            findings |= read_journal(path)
        return findings

    def replace_journals(self, others: ScanJournals) -> None:
        """Merge these journals into one that atomically replaces ``others``; call on the main rank."""
        findings = self.read()
        if not findings:
            return
        left = [path for path in (*others.all, *self.all) if path != others.mine]
        with written_whole(others.mine) as temporary, appending(temporary) as file:
            for finding in findings.values():
                append_finding(file, finding)
        for path in left:
            path.unlink()
