"""Going through all videos of a data folder before a long run does: what is missing, what is unusable, what is here."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from vidbench.data.layouts import find_listing
from vidbench.data.layouts.listing import Listing
from vidbench.data.scan.examination import Finding, FindingKey, Subject, examine_subject, killed
from vidbench.data.scan.scan_journal import ScanJournals, append_finding, appending
from vidbench.data.scan.scan_manifest import ManifestVideo, SplitCoverage, write_manifest, write_rows
from vidbench.data.scan.scanned import remember_scan, scanned_file
from vidbench.data.scan.worker_pool import map_processes
from vidbench.distributed.ranks import Ranks
from vidbench.distributed.shared_folder import wait_until_visible
from vidbench.errors import InputError
from vidbench.files import digest
from vidbench.progress import Progress
from vidbench.tasks.schema import ClipSpec, Task

# A change of what a finding holds or means must not meet an older journal.
_JOURNAL_FORMAT = 1


class UnusableVideo(NamedTuple):
    """A row of ``problems.csv``."""

    split: str
    id: str
    path: str
    problem: str
    reason: str


@dataclass(frozen=True)
class Scan:
    """The outcome of a scan.

    Attributes:
        output: folder with ``manifest.json``, ``manifest.csv``, ``problems.csv``, ``missing.csv``, ``files.csv`` and the
            journal.
        manifest_sha256: hash of the manifest.
        splits: the coverage of each split.
        problems: the unusable videos, one reason each.
        num_missing: listed videos that are not on disk, over all splits.
        remarks: what a person should know about the lists.
        findings: what was found of each video, in the order of split and name.
        changed: files with other content than at the last scan, at the same size and date; only a full scan sees them.
    """

    output: Path
    manifest_sha256: str
    splits: tuple[SplitCoverage, ...]
    problems: tuple[UnusableVideo, ...]
    num_missing: int
    remarks: tuple[str, ...]
    findings: tuple[Finding, ...]
    changed: tuple[str, ...] = ()


def scan_folder(
    root: Path,
    task: Task | None,
    splits: Sequence[str],
    output: Path,
    workers: int | None,
    progress: Progress,
    full: bool = False,
    ranks: Ranks | None = None,
) -> Scan | None:
    """Decode every official video of a folder once, and write what was found.

    Under torchrun the ranks divide the videos by index, each with a journal of its own, and the main one writes.

    Args:
        root: the data folder.
        task: whose data and clips; None for any folder of videos.
        splits: splits to look at; none for all that the task uses.
        output: folder for the manifest, the problems and the journal. A scan found there goes on.
        workers: number of processes of this rank; None for one per core, divided among the ranks of a node.
        progress: where to show it.
        full: decode also what an earlier scan saw at the same size and date, and say what differs from then.
        ranks: this process among the others; None where it is alone.

    Returns:
        The outcome; None on other ranks than the main one.

    Raises:
        InputError: the folder is not laid out as the task needs, or the task reads no folder.
    """
    ranks = ranks or Ranks()
    listings = _listings(root, task, splits)
    subjects = [subject for split, listing in listings.items() for subject in subjects_of(split, listing, task)]
    ranks.check_shared(output)
    ranks.agree("the list of videos", [subject.key for subject in subjects])
    workers = workers or max(1, _num_cores() // ranks.local_world_size)
    journals = ScanJournals(output, _journal_name(root, task), ranks)
    # Journals of their own, so that a full scan which was stopped goes on too; they take the others' place at the end.
    in_use = replace(journals, name=f"full-{journals.name}") if full else journals
    findings = _examine_all(subjects, in_use, workers, progress)
    if findings is None:
        return None
    changed: tuple[str, ...] = ()
    if full:
        changed = _changed(journals.read(), findings)
        in_use.take_the_place_of(journals)
    problems = _problems(listings, subjects, findings)
    unusable = {(problem.split, problem.id) for problem in problems}
    usable = [subject for subject in subjects if (subject.split, subject.video_id) not in unusable]
    videos = [_entry(subject, findings[subject.key]) for subject in usable]
    coverage = tuple(_coverage(split, listing, videos) for split, listing in listings.items())
    missing = [(split, name) for split, listing in listings.items() for name in listing.missing]
    write_rows(output / "problems.csv", UnusableVideo._fields, problems)
    write_rows(output / "missing.csv", ("split", "id"), missing)
    named = None if task is None else {"name": task.name, "version": task.version, "fingerprint": task.fingerprint}
    manifest_sha256 = write_manifest(output, named, coverage, videos)
    if task is not None and set(_task_splits(task)) <= set(listings):
        files = (
            scanned_file(
                subject.split,
                subject.video_id,
                subject.source,
                root,
                (subject.file_bytes, subject.file_time),
                findings[subject.key].file_sha256,
            )
            for subject in subjects
        )
        remember_scan(root, task, output, manifest_sha256, files)
    return Scan(
        output=output,
        manifest_sha256=manifest_sha256,
        splits=coverage,
        problems=tuple(problems),
        num_missing=len(missing),
        remarks=tuple(remark for listing in listings.values() for remark in listing.remarks),
        findings=tuple(findings[subject.key] for subject in subjects),
        changed=changed,
    )


def _task_splits(task: Task) -> tuple[str, ...]:
    data = task.data
    return tuple(dict.fromkeys((data.train_split, data.reference_split, data.evaluation_split)))


def _changed(earlier: Mapping[FindingKey, Finding], findings: Mapping[FindingKey, Finding]) -> tuple[str, ...]:
    """Paths of the files that are not what they were under the same size and date."""
    return tuple(
        finding.key[2]
        for key, finding in sorted(findings.items())
        if key in earlier
        and earlier[key].model_copy(update={"reason": ""}) != finding.model_copy(update={"reason": ""})
    )


def _listings(root: Path, task: Task | None, splits: Sequence[str]) -> dict[str, Listing]:
    if task is None:
        return {split: find_listing("folder", root, split) for split in splits or ("all",)}
    if task.data.embedded:
        raise InputError(f"The task '{task.name}' uses embedded data: there is no folder to scan.")
    return {split: find_listing(task.data.dataset, root, split) for split in splits or _task_splits(task)}


def subjects_of(split: str, listing: Listing, task: Task | None) -> list[Subject]:
    """The listed videos on disk, by name."""
    subjects, plans = [], _plans(split, task)
    for name in sorted(listing.sources):
        source, label = listing.sources[name], listing.labels[name]
        state = source.path.stat()
        subject = Subject(
            split=split,
            video_id=name,
            label=None if label is None else listing.class_names[label],
            source=source,
            seconds=(listing.seconds or {}).get(name),
            plans=plans,
            file_bytes=state.st_size,
            file_time=state.st_mtime_ns,
        )
        subjects.append(subject)
    return subjects


def _plans(split: str, task: Task | None) -> tuple[ClipSpec, ...]:
    """Which clips a task takes of the videos of a split: those of `clips`, and the real side's own where they differ."""
    if task is None:
        return ()
    # How often a plan takes a video is no property of the file.
    clips, own = (plan.model_copy(update={"draw": "once"}) for plan in (task.clips, task.reference_clips))
    fewer = clips.starts == "uniform" and clips.crop != "three" and own.clips_per_video <= clips.clips_per_video
    same = own == clips or (fewer and own.model_copy(update={"clips_per_video": clips.clips_per_video}) == clips)
    return (clips,) if same or split != task.data.reference_split else (clips, own)


def _journal_name(root: Path, task: Task | None) -> str:
    """Findings hold for one folder, one reader and one way to cut clips; others have a journal of their own."""
    reading: list[Any] | None = None
    if task is not None:
        reading = [task.data.dataset, task.clips.identity()]
        for own in _plans(task.data.reference_split, task)[1:]:
            reading += [task.data.reference_split, own.identity()]
    name = digest({"format": _JOURNAL_FORMAT, "root": str(root.resolve()), "reading": reading})[:16]
    return f"journal-{name}"


def _examine_all(
    subjects: Sequence[Subject], journals: ScanJournals, workers: int, progress: Progress
) -> dict[FindingKey, Finding] | None:
    """Findings of all subjects by key; None on other ranks than the main one, which do their part alone."""
    ranks = journals.ranks
    known = journals.read() if ranks.is_main else {}
    findings = {subject.key: known[subject.key] for subject in subjects if subject.key in known}
    # One look for all: ranks that had read different journals would divide different work.
    # Bits, because the store that carries it takes 8 MB at most.
    bits = ranks.from_main(lambda: "".join("01"[subject.key not in findings] for subject in subjects))
    left = [subject for subject, bit in zip(subjects, bits, strict=True) if bit == "1"]
    if findings:
        progress.say(f"{len(findings)} of {len(subjects)} videos were examined before")
    mine = [left[position] for position in ranks.mine(len(left))]
    if mine:
        with appending(journals.mine) as file, progress.stage("Scanning", len(mine), "videos") as advance:
            num_problems = sum(finding.problem is not None for finding in findings.values())
            for finding in map_processes(examine_subject, mine, min(workers, len(mine)), killed):
                append_finding(file, finding)
                findings[finding.key] = finding
                num_problems += finding.problem is not None
                advance(1, f"{num_problems} unusable")
    ranks.barrier()
    if not ranks.is_main:
        return None
    if ranks.world_size > 1:
        _wait_for_others(findings, left, journals)
    return findings


def _wait_for_others(findings: dict[FindingKey, Finding], expected: Sequence[Subject], journals: ScanJournals) -> None:
    """Add what the other ranks found; their last lines may take a moment to show on a network file system."""
    known: dict[FindingKey, Finding] = {}
    missing: list[Subject] = []

    def complete() -> bool:
        known.update(journals.read())
        missing[:] = [subject for subject in expected if subject.key not in known]
        return not missing

    if not wait_until_visible(complete, poll_seconds=0.5):
        raise InputError(
            f"{len(missing)} findings of other ranks do not show in {journals.output}, the first that of "
            f"'{missing[0].video_id}': put the output on a file system that all ranks share, and give the command again."
        )
    findings |= {subject.key: known[subject.key] for subject in expected}


def _problems(
    listings: dict[str, Listing], subjects: Sequence[Subject], findings: dict[FindingKey, Finding]
) -> list[UnusableVideo]:
    problems = []
    first_with: dict[str, Subject] = {}
    for subject in subjects:
        finding, path = findings[subject.key], str(subject.source.path)
        if finding.problem is not None:
            problems.append(UnusableVideo(subject.split, subject.video_id, path, finding.problem, finding.reason))
            continue
        first = first_with.setdefault(finding.file_sha256 or path, subject)
        # One file may serve two splits; two files with the same bytes may not.
        if first is not subject and first.source != subject.source:
            reason = (
                f"The video '{path}' has the same content as '{first.source.path}' of split '{first.split}'; keep one."
            )
            problems.append(UnusableVideo(subject.split, subject.video_id, path, "duplicated", reason))
    for split, listing in listings.items():
        for name, kept, other in listing.duplicates:
            reason = f"The video '{name}' is there twice: '{kept}' and '{other}'; keep one."
            problems.append(UnusableVideo(split, name, str(other), "duplicated", reason))
    return problems


def _entry(subject: Subject, finding: Finding) -> ManifestVideo:
    return ManifestVideo(
        split=subject.split,
        id=subject.video_id,
        label=subject.label,
        frames=finding.frames or 0,
        fps=finding.fps,
        width=finding.width or 0,
        height=finding.height or 0,
        sha256=finding.clips_sha256 or "",
    )


def _coverage(split: str, listing: Listing, videos: Sequence[ManifestVideo]) -> SplitCoverage:
    official = max(listing.num_official or 0, len(listing.labels))
    usable = sum(video.split == split for video in videos)
    return SplitCoverage(split, listing.origin, official, len(listing.sources), usable)


def _num_cores() -> int:
    """Cores that this process may use, where the system says."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def count_problems(scan: Scan) -> dict[str, int]:
    """How many videos have each problem, the most frequent first."""
    return dict(Counter(problem.problem for problem in scan.problems).most_common())
