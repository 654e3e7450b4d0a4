"""The journals of a scan: one sealed line per finished video, so that an interrupted scan can be resumed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pydantic import ValidationError

from vidbench.data.scan.examination import Finding, FindingKey
from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.files import failures_named, never_through_links, written_whole
from vidbench.progress import warn
from vidmetrics.regular_files import is_there, read_regular
from vidmetrics.sealed import DamagedFileError, sealed_json, unsealed_json


def read_journal(path: Path, quiet: bool) -> dict[FindingKey, Finding]:
    """Return findings by key, the last for each; a line that is not as it was written is skipped.

    Args:
        path: the journal.
        quiet: do not warn of skipped lines, because another rank is writing them.

    Raises:
        InputError: there is something else than a readable file.
    """
    try:
        content = read_regular(path)
    except OSError as error:
        if not is_there(path):
            return {}
        raise InputError(
            f"The scan journal {path} cannot be read ({error.strerror}): remove it, or choose another --output."
        ) from None
    findings, damaged = {}, 0
    for line in content.splitlines(keepends=True):
        try:
            fields = unsealed_json(line.removesuffix(b"\n"))
            finding = Finding.model_validate(fields)
        except (DamagedFileError, ValidationError):
            damaged += 1
            continue
        findings[finding.key] = finding
    if damaged and not quiet:
        warn(f"Damaged or cut-off lines in the scan journal {path}: {damaged}; their videos are examined again.")
    return findings


@contextmanager
def appending(path: Path) -> Iterator[BinaryIO]:
    """Open a journal for appending; a last line that was cut off is removed first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with failures_named(path), open(path, "a+b", opener=never_through_links) as file:
        file.seek(0)
        whole = sum(len(line) for line in file if line.endswith(b"\n"))
        file.truncate(whole)
        yield file


def append_finding(file: BinaryIO, finding: Finding) -> None:
    """Append one finding and flush it, so that a killed process loses at most the current video."""
    file.write(sealed_json(finding.model_dump(mode="json")) + b"\n")
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

    def read(self, quiet: bool = False) -> dict[FindingKey, Finding]:
        """Return the findings of all ranks, from this scan or earlier ones; see `read_journal`.

        A file with a transient finding may have been examined by another rank in the next scan: that finding prevails.
        """
        findings: dict[FindingKey, Finding] = {}
        for path in self.all:
            for key, finding in read_journal(path, quiet).items():
                other = findings.get(key)
                if other is None or not finding.transient or 0 < other.transient < finding.transient:
                    findings[key] = finding
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
