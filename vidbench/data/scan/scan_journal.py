"""The journals of a scan: a line for each video as it is done, so that a scan which was stopped goes on."""

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
from vidbench.files import written_whole


def read_journal(path: Path) -> dict[FindingKey, Finding]:
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


def append_finding(file: TextIO, finding: Finding) -> None:
    """Append one finding, out of this process's hands before the next."""
    file.write(json.dumps(finding.model_dump(mode="json"), ensure_ascii=True) + "\n")
    file.flush()


@dataclass(frozen=True)
class ScanJournals:
    """The journals of one scan: one for each rank, because lines of two machines could mix in one file."""

    output: Path
    name: str
    ranks: Ranks

    @property
    def mine(self) -> Path:
        """The one that this rank writes; that of the main rank is also that of a scan in one process."""
        return self.output / (f"{self.name}.jsonl" if self.ranks.is_main else f"{self.name}-{self.ranks.rank}.jsonl")

    @property
    def all(self) -> list[Path]:
        """Those of all ranks, in this scan or before."""
        return sorted(self.output.glob(f"{self.name}*.jsonl"))

    def read(self) -> dict[FindingKey, Finding]:
        """What any rank has found, in this scan or before."""
        findings: dict[FindingKey, Finding] = {}
        for path in self.all:
            findings |= read_journal(path)
        return findings

    def take_the_place_of(self, others: ScanJournals) -> None:
        """Make one journal of these in the place of the others, all at once; on the main rank."""
        findings = self.read()
        if not findings:
            return
        left = [path for path in (*others.all, *self.all) if path != others.mine]
        with written_whole(others.mine) as temporary, appending(temporary) as file:
            for finding in findings.values():
                append_finding(file, finding)
        for path in left:
            path.unlink()
