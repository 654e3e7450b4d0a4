"""Examining all videos of a scan: divided among ranks and worker processes, journaled so that a stopped scan resumes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vidbench.ahead import num_cores
from vidbench.data.scan.examination import Finding, FindingKey, Subject, crashed, examine_subject
from vidbench.data.scan.scan_journal import ScanJournals, append_finding, appending
from vidbench.data.scan.worker_pool import map_processes
from vidbench.distributed.shared_folder import wait_until_visible
from vidbench.errors import InputError
from vidbench.progress import Progress


def examine_all(
    subjects: Sequence[Subject], journals: ScanJournals, workers: int | None, progress: Progress
) -> dict[FindingKey, Finding] | None:
    """Examine all subjects that no journal holds yet, and those whose finding was transient.

    Args:
        subjects: the videos, the same on every rank.
        journals: where findings are kept.
        workers: processes of this rank; None for one per core, divided among the ranks of a node.
        progress: where to show it.

    Returns:
        The findings of all subjects by key; None on other ranks than the main one.

    Raises:
        InputError: findings of other ranks do not appear in the output folder.
    """
    ranks = journals.ranks
    workers = workers or max(1, num_cores() // ranks.local_world_size)
    known = journals.read() if ranks.is_main else {}
    outdated = {finding for finding in known.values() if finding.transient}
    findings = {
        subject.key: known[subject.key]
        for subject in subjects
        if subject.key in known and not known[subject.key].transient
    }
    # The main rank alone reads the journals: ranks that saw different ones would divide different work.
    # As bits, because the store that carries them accepts 8 MB at most.
    bits = ranks.from_main(lambda: "".join("01"[subject.key not in findings] for subject in subjects))
    left = [subject for subject, bit in zip(subjects, bits, strict=True) if bit == "1"]
    if findings:
        progress.say(f"{len(findings)} of {len(subjects)} videos were examined before")
    mine = [left[position] for position in ranks.mine(len(left))]
    if mine:
        with appending(journals.mine) as file, progress.stage("Scanning", len(mine), "videos") as advance:
            num_problems = sum(finding.problem is not None for finding in findings.values())
            for finding in map_processes(examine_subject, mine, min(workers, len(mine)), crashed):
                append_finding(file, finding)
                findings[finding.key] = finding
                num_problems += finding.problem is not None
                advance(1, f"{num_problems} unusable")
    ranks.barrier()
    if not ranks.is_main:
        return None
    if ranks.world_size > 1:
        _wait_for_others(findings, left, journals, outdated)
    return findings


def _wait_for_others(
    findings: dict[FindingKey, Finding],
    expected: Sequence[Subject],
    journals: ScanJournals,
    outdated: Collection[Finding],
) -> None:
    """Add the findings of the other ranks; a network file system may show their last lines late.

    ``outdated`` are lines of earlier scans, which are not those awaited.
    """
    known: dict[FindingKey, Finding] = {}
    missing: list[Subject] = []

    def complete() -> bool:
        known.update({key: line for key, line in journals.read(quiet=True).items() if line not in outdated})
        missing[:] = [subject for subject in expected if subject.key not in known]
        return not missing

    if not wait_until_visible(complete, poll_seconds=0.5):
        raise InputError(
            f"{len(missing)} findings of other ranks do not appear in {journals.output}, the first for "
            f"'{missing[0].video_id}': put the output on a file system that all ranks share, and run the command again."
        )
    findings |= {subject.key: known[subject.key] for subject in expected}
