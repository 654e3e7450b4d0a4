"""Scanning a data folder before a long run: what is missing, what is unusable, what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from vidbench.data.folders.inventory import entries_sentences
from vidbench.data.layouts.listing import Listing
from vidbench.data.layouts.withdrawn import WITHDRAWN
from vidbench.data.scan.division import examine_all
from vidbench.data.scan.examination import Finding, FindingKey, Subject
from vidbench.data.scan.scan_journal import ScanJournals
from vidbench.data.scan.scan_manifest import ManifestVideo, SplitCoverage, write_manifest, write_rows
from vidbench.data.scan.scanned import remember_scan, scanned_file
from vidbench.data.scan.subjects import clip_plans, listings_of, subjects_of, task_splits
from vidbench.data.seek.stored import KEYFRAMES_NAME, write_indexes
from vidbench.distributed.ranks import Ranks
from vidbench.files import digest
from vidbench.progress import Progress
from vidbench.tasks.schema import Task

# Raise this number when the content or meaning of a finding changes, so that older journals are not read.
_JOURNAL_FORMAT = 4


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
        output: folder with ``manifest.json``, ``manifest.csv``, ``problems.csv``, ``missing.csv``, ``files.csv``,
            ``keyframes.jsonl`` and the journal.
        manifest_sha256: hash of the manifest.
        splits: the coverage of each split.
        problems: the unusable videos, one reason each.
        num_missing: listed videos that are not on disk, over all splits.
        remarks: what a person should know about the lists.
        findings: what was found for each video, by split and name.
        unused: number of entries of each split's folder that are not in use, by reason.
        changed: files whose content differs from the last scan at the same size and date; only a full scan sees them.
    """

    output: Path
    manifest_sha256: str
    splits: tuple[SplitCoverage, ...]
    problems: tuple[UnusableVideo, ...]
    num_missing: int
    remarks: tuple[str, ...]
    findings: tuple[Finding, ...]
    unused: Mapping[str, Mapping[str, int]]
    changed: tuple[str, ...] = ()


def scan_folder(
    root: Path,
    task: Task | None,
    splits: Sequence[str],
    output: Path,
    *,
    workers: int | None = None,
    progress: Progress,
    full: bool = False,
    ignore: Sequence[str] = (),
    ranks: Ranks | None = None,
) -> Scan | None:
    """Decode every official video of a folder once, and write what was found.

    Under torchrun the ranks divide the videos by index, each with its own journal, and the main rank writes the manifest.

    Args:
        root: the data folder.
        task: decides the dataset and the clips; None for any folder of videos.
        splits: splits to scan; none for all that the task uses.
        output: folder for the manifest, the problems and the journal. A scan found there is resumed.
        workers: number of processes of this rank; None for one per core, divided among the ranks of a node.
        progress: where to show it.
        ignore: patterns of entries to leave out; see `vidbench.data.folders.inventory.matching_patterns`.
        full: decode even what an earlier scan saw at the same size and date, and report what differs.
        ranks: the ranks of this run; None for a single process.

    Returns:
        The outcome; None on other ranks than the main one.

    Raises:
        InputError: the folder is not in the layout of the task, or the task reads no folder.
    """
    ranks = ranks or Ranks()
    listings = listings_of(root, task, splits, ignore)
    places = [(f"split '{split}' of '{root}'", listing.unused) for split, listing in listings.items()]
    for line in entries_sentences(ignore, places):
        progress.say(line)
    subjects = [subject for split, listing in listings.items() for subject in subjects_of(split, listing, task)]
    ranks.check_shared(output)
    ranks.agree("the list of videos", [subject.key for subject in subjects])
    journals = ScanJournals(output, _journal_name(root, task), ranks)
    # Separate journals, so that an interrupted full scan can be resumed too; they replace the others at the end.
    in_use = replace(journals, name=f"full-{journals.name}") if full else journals
    findings = examine_all(subjects, in_use, workers, progress)
    if findings is None:
        return None
    changed: tuple[str, ...] = ()
    if full:
        changed = _changed(journals.read(), findings)
        in_use.replace_journals(journals)
    problems = _problems(listings, subjects, findings)
    unusable = {(problem.split, problem.id) for problem in problems}
    usable = [subject for subject in subjects if (subject.split, subject.video_id) not in unusable]
    videos = [_entry(subject, findings[subject.key]) for subject in usable]
    coverage = tuple(_coverage(split, listing, videos) for split, listing in listings.items())
    missing = [(split, name) for split, listing in listings.items() for name in listing.missing]
    write_rows(output / "problems.csv", UnusableVideo._fields, problems)
    write_rows(output / "missing.csv", ("split", "id"), missing)
    unused = {split: dict(listing.unused) for split, listing in listings.items()}
    named = None if task is None else {"name": task.name, "version": task.version, "fingerprint": task.fingerprint}
    manifest_sha256 = write_manifest(output, named, coverage, videos, {"ignored": list(ignore), "unused": unused})
    if task is not None and set(task_splits(task)) <= set(listings):
        files = [
            scanned_file(
                subject.split,
                subject.video_id,
                subject.source,
                root,
                (subject.file_bytes, subject.file_time),
                findings[subject.key].file_sha256,
            )
            for subject in subjects
        ]
        found = zip(files, (findings[subject.key].keyframes for subject in subjects), strict=True)
        write_indexes(output / KEYFRAMES_NAME, ((file.indexed, index) for file, index in found if index is not None))
        remember_scan(root, task, output, manifest_sha256, files)
    return Scan(
        output=output,
        manifest_sha256=manifest_sha256,
        splits=coverage,
        problems=tuple(problems),
        num_missing=len(missing),
        remarks=tuple(remark for listing in listings.values() for remark in listing.remarks),
        findings=tuple(findings[subject.key] for subject in subjects),
        unused=unused,
        changed=changed,
    )


def _journal_name(root: Path, task: Task | None) -> str:
    """Name the journal after all that a finding depends on: the folder, the layout and how clips are cut."""
    reading: list[Any] | None = None
    if task is not None:
        reading = [task.data.dataset, task.clips.identity()]
        for own in clip_plans(task.data.reference_split, task)[1:]:
            reading += [task.data.reference_split, own.identity()]
    name = digest({"format": _JOURNAL_FORMAT, "root": str(root.resolve()), "reading": reading})[:16]
    return f"journal-{name}"


def _changed(earlier: Mapping[FindingKey, Finding], findings: Mapping[FindingKey, Finding]) -> tuple[str, ...]:
    """Return the paths of files whose content changed while size and date did not."""
    return tuple(
        finding.key[2]
        for key, finding in sorted(findings.items())
        if key in earlier
        and not (finding.transient or earlier[key].transient)
        and _content(earlier[key]) != _content(finding)
    )


def _content(finding: Finding) -> Finding:
    return finding.model_copy(update={"reason": "", "keyframes": None})


def _problems(
    listings: dict[str, Listing], subjects: Sequence[Subject], findings: dict[FindingKey, Finding]
) -> list[UnusableVideo]:
    problems: list[UnusableVideo] = []
    first_with: dict[str, Subject] = {}
    for subject in subjects:
        finding, path = findings[subject.key], str(subject.source.path)
        if finding.problem is not None:
            problems.append(UnusableVideo(subject.split, subject.video_id, path, finding.problem, finding.reason))
            continue
        first = first_with.setdefault(finding.file_sha256 or path, subject)
        # One file may belong to two splits; two files with the same bytes may not.
        if first is not subject and first.source != subject.source:
            reason = (
                f"The video '{path}' has the same content as '{first.source.path}' of split '{first.split}'; keep one."
            )
            problems.append(UnusableVideo(subject.split, subject.video_id, path, "duplicated", reason))
    named = {problem.path for problem in problems}
    for split, listing in listings.items():
        for name, file in listing.withdrawn.items():
            reason = (
                f"The video '{file}' was withdrawn and is not read (GOVERNANCE.md); delete it, and every copy of it."
            )
            problems.append(UnusableVideo(split, name, str(file), WITHDRAWN, reason))
        for name, kept, other in listing.duplicates:
            if str(other) in named:
                continue  # its content said so
            named.add(str(other))
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


def count_problems(scan: Scan) -> dict[str, int]:
    """Count the videos with each problem, the most frequent first."""
    return dict(Counter(problem.problem for problem in scan.problems).most_common())
