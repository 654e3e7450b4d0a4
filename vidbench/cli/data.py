"""`vidbench data scan`, `vidbench data overlap`, `vidbench data freeze`, `vidbench data export` and `vidbench data statistics`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from vidbench.cli import options
from vidbench.cli.groups import Group
from vidbench.cli.paths import CLIPS, PATH
from vidbench.cli.statistics import command as statistics
from vidbench.cli.streams import echo_line
from vidbench.errors import InputError

if TYPE_CHECKING:
    from vidbench.data.leaks.search import Shared
    from vidbench.data.scan.scan import Scan
    from vidbench.jobs.shared_videos import SharedVideos

# Longer lists are in the CSV files.
_ROWS_SHOWN = 50
_SEARCHED = ("names", "bytes", "frames")


@click.group("data", cls=Group)
def command() -> None:
    """Check data folders before a long run, find videos that two share, and export the clips or the statistics of a task."""


command.add_command(statistics)


@command.command("scan")
@click.argument("folder", metavar="DIR", type=CLIPS)
@click.option(
    "--task", "task_name", metavar="TASK", help="Check the splits and clips of this task; default: all videos of DIR."
)
@click.option("--num-frames", type=int, metavar="N", help="With --resolution: the splits and clips of a plain folder.")
@click.option(
    "--resolution", type=int, metavar="SIDE", help="As in `vidbench train` of a plain folder, without --task."
)
@click.option("--split", "splits", multiple=True, metavar="SPLIT", help="Scan only this split; repeatable.")
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Number of worker processes; default: one per core."
)
@click.option(
    "--full", is_flag=True, help="Also decode files that an earlier scan saw with the same size and date, and compare."
)
@options.ignore
@options.output("Folder for the manifest and the problems; default: runs/scan-DIR. A scan found there is resumed.")
@options.as_json
@click.pass_context
def data_scan(
    ctx: click.Context,
    folder: Path,
    task_name: str | None,
    num_frames: int | None,
    resolution: int | None,
    splits: tuple[str, ...],
    workers: int | None,
    full: bool,
    ignore: tuple[str, ...],
    output: Path | None,
    as_json: bool,
) -> None:
    """Decode every video of DIR, report the unusable ones, and write a manifest of the others.

    Later runs on DIR and TASK record the manifest's hash, and refuse files whose size or date has changed. Exit code 1 means
    that a video is unusable, or with --full that a file changed unnoticed. Under torchrun, the ranks divide the videos.
    """
    from vidbench.data.plain_folder import task_or_folder, write_task_file
    from vidbench.data.scan.scan import scan_folder
    from vidbench.distributed.ranks import process_group
    from vidbench.progress import Progress

    sized = num_frames is not None or resolution is not None
    task = task_or_folder(task_name, folder, num_frames, resolution).task if task_name or sized else None
    # `Path.resolve` raises for a link to itself.
    name = f"scan-{Path(os.path.realpath(folder)).name}" + (f"-{task.name}" if task else "")
    output = output or Path("runs") / name
    with process_group() as ranks, ranks.sole_writer(output):
        outcome = scan_folder(
            folder,
            task,
            splits,
            output,
            workers=workers,
            progress=Progress(enabled=ranks.is_main),
            full=full,
            ignore=ignore,
            ranks=ranks,
        )
        if outcome is not None and task is not None and sized:
            write_task_file(output, task)
    if outcome is None:
        return
    if as_json:
        click.echo(json.dumps(_document(outcome), indent=2, ensure_ascii=False))
    else:
        _print(outcome, with_videos=task is None)
    ctx.exit(1 if outcome.problems or outcome.changed else 0)


@command.command("overlap")
@click.argument("a", metavar="A", type=CLIPS)
@click.argument("b", metavar="[B]", type=CLIPS, required=False)
@click.option(
    "--task",
    "task_name",
    metavar="TASK",
    help="Compare the training split of A with the held-out split of B; B is A by default.",
)
@click.option(
    "--by",
    type=click.Choice(["names", "bytes", "frames"]),
    default="frames",
    show_default=True,
    help="How far to look: the names alone, the bytes of files too, or the frames as well, which decodes every video.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", help="Number of worker processes; default: one per core."
)
@options.ignore
@options.as_json
@click.pass_context
def data_overlap(
    ctx: click.Context,
    a: Path,
    b: Path | None,
    task_name: str | None,
    by: Literal["names", "bytes", "frames"],
    workers: int | None,
    ignore: tuple[str, ...],
    as_json: bool,
) -> None:
    """Find the videos that A and B share: folders, or lists of names (.csv, .txt) with --by names.

    Exit code 1 means that a video is on both sides, or could not be read. After a scan of A for TASK, results of the task say what was
    found.
    """
    from vidbench.distributed.launcher import require_single_process
    from vidbench.jobs.shared_videos import shared_of_paths, shared_of_task
    from vidbench.progress import Progress

    require_single_process("data overlap")
    if task_name is not None:
        outcome = shared_of_task(task_name, a, b, by, workers, Progress(), ignore)
    elif b is None:
        raise InputError("There is one side: give a second folder or list, or the splits of a task with --task.")
    else:
        outcome = shared_of_paths(a, b, by, workers, Progress(), ignore)
    if as_json:
        click.echo(json.dumps(_overlap_document(outcome), indent=2, ensure_ascii=False))
    else:
        _print_overlap(outcome)
    ctx.exit(1 if outcome.overlap.shared or outcome.overlap.not_compared else 0)


@command.command("freeze")
@click.argument("folder", metavar="DIR", type=CLIPS)
@options.task
@click.option("--year", type=click.IntRange(2000, 2099), required=True, help="Year of the list.")
@options.ignore
@click.option("--output", required=True, type=PATH, metavar="FILE", help="The .json file to write; it must not exist.")
@options.as_json
def data_freeze(folder: Path, task: str, year: int, ignore: tuple[str, ...], output: Path, as_json: bool) -> None:
    """Write the usable videos of DIR, as its last scan found them, to a list: TASK@FILE is then the task on exactly these videos.

    The list has names, classes and digests of frames, so that everyone who has the videos gets the same reference set, and what disappears
    later is a new list instead of a drift.
    """
    from vidbench.jobs.freeze import freeze_folder

    frozen = freeze_folder(folder, task, year, output, ignore)
    counts = {name: {"official": split.official, "videos": len(split.videos)} for name, split in frozen.splits.items()}
    if as_json:
        document = {"file": str(output), "sha256": frozen.sha256, "year": year, "splits": counts}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    for name, count in counts.items():
        echo_line(f"split {name}: {count['videos']:,} usable of {count['official']:,} official")
    echo_line(f"list       {output}")
    echo_line(f"sha256     {frozen.sha256}")


@command.command("export")
@options.task
@options.data
@options.ignore
@options.output("Folder to write; it must not exist.", required=True)
@click.option("--targets", is_flag=True, help="Also write the frames that follow the context frames.")
@click.option(
    "--num-samples", type=click.IntRange(min=1), metavar="N", help="Samples per run; default: the task's number."
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["npy", "png"]),
    default="npy",
    show_default=True,
    help="npy is the exchange format; png writes a folder of frames per clip. Both are lossless.",
)
def data_export(task: str, **chosen: Any) -> None:
    """Write what an external sampler needs: context frames, labels, seeds, and the ids to pass on to `vidbench score`.

    The same command resumes an interrupted export.
    """
    from vidbench.jobs.export import ExportOptions, export_task
    from vidbench.progress import Progress

    export_task(task, ExportOptions(**chosen), Progress())
    echo_line(chosen["output"])


def _overlap_document(outcome: SharedVideos) -> dict[str, object]:
    found = outcome.overlap
    return {
        "sides": [{"what": what, "videos": count} for what, count in zip(found.sides, found.counts, strict=True)],
        "searched": found.depth,
        "shared": [
            {**pair._asdict(), "match": None if pair.match is None else pair.match._asdict()} for pair in found.shared
        ],
        "num_shared": list(found.num_shared),
        "kinds": found.counted(),
        "not_compared": [each._asdict() for each in found.not_compared],
        "manifest_sha256": outcome.manifest_sha256,
    }


def _print_overlap(outcome: SharedVideos) -> None:
    found = outcome.overlap
    if found.shared:
        width = max(len(pair.a) for pair in found.shared[:_ROWS_SHOWN])
        other = max(len(pair.b) for pair in found.shared[:_ROWS_SHOWN])
        for pair in found.shared[:_ROWS_SHOWN]:
            echo_line(f"{pair.a:<{width}}  {pair.b:<{other}}  {_recognised(pair)}")
    if len(found.shared) > _ROWS_SHOWN:
        echo_line(f"… and {len(found.shared) - _ROWS_SHOWN:,} more: --json has all")
    for unread in found.not_compared[:_ROWS_SHOWN]:
        echo_line(f"not compared: {unread.reason}")
    if len(found.not_compared) > _ROWS_SHOWN:
        echo_line(f"… and {len(found.not_compared) - _ROWS_SHOWN:,} more")
    for what, count, shared in zip(found.sides, found.counts, found.num_shared, strict=True):
        echo_line(f"{what}: {shared:,} of {count:,} videos are on the other side")
    kinds = ", ".join(f"{count:,} by {kind}" for kind, count in found.counted().items())
    echo_line(f"pairs      {len(found.shared):,}{f' ({kinds})' if kinds else ''}")
    echo_line(f"searched   {', '.join(_SEARCHED[: _SEARCHED.index(found.depth) + 1])}")
    if outcome.manifest_sha256 is not None:
        echo_line(f"noted for the results of these videos, manifest {outcome.manifest_sha256}")
    if outcome.why_not_noted is not None:
        echo_line(f"note: {outcome.why_not_noted}")


def _recognised(pair: Shared) -> str:
    words = ", ".join(pair.kinds)
    if pair.seconds is not None:
        words += f", {pair.seconds} s in common"
    if pair.match is None:
        return words
    match = pair.match
    moved = "still" if match.still else f"motion {match.motion:.3f}"
    shifted = (
        f", {abs(match.shift)} frames {'later' if match.shift > 0 else 'earlier'} in the second" if match.shift else ""
    )
    return f"{words} (pictures {match.pictures:.3f}, {moved}, {match.frames} frames{shifted})"


def _document(outcome: Scan) -> dict[str, object]:
    return {
        "manifest": str(outcome.output / "manifest.json"),
        "manifest_sha256": outcome.manifest_sha256,
        "splits": [{**split._asdict(), "coverage": split.coverage} for split in outcome.splits],
        "missing": outcome.num_missing,
        "problems": [problem._asdict() for problem in outcome.problems],
        "changed": list(outcome.changed),
        "remarks": list(outcome.remarks),
        "unused": outcome.unused,
    }


def _print(outcome: Scan, with_videos: bool) -> None:
    from vidbench.data.scan.scan import count_problems

    if with_videos:
        _print_videos(outcome)
    for split in outcome.splits:
        echo_line(
            f"split {split.split}: {split.usable:,} usable of {split.found:,} found of {split.official:,} official "
            f"({split.coverage:.2%}), {split.list}"
        )
    for remark in outcome.remarks:
        echo_line(f"note: {remark}")
    for problem in outcome.problems[:_ROWS_SHOWN]:
        echo_line(f"{problem.problem}: {problem.reason}")
    if len(outcome.problems) > _ROWS_SHOWN:
        echo_line(f"… and {len(outcome.problems) - _ROWS_SHOWN:,} more")
    for path in outcome.changed[:_ROWS_SHOWN]:
        echo_line(f"changed: The content of '{path}' differs from the last scan, at the same size and date.")
    counts = ", ".join(f"{count:,} {problem}" for problem, count in count_problems(outcome).items())
    echo_line(f"unusable   {counts or 'none'} ({outcome.output / 'problems.csv'})")
    echo_line(f"missing    {outcome.num_missing:,} ({outcome.output / 'missing.csv'})")
    echo_line(f"manifest   {outcome.output / 'manifest.json'}")
    echo_line(f"sha256     {outcome.manifest_sha256}")


def _print_videos(outcome: Scan) -> None:
    found = [finding for finding in outcome.findings if finding.frames is not None][:_ROWS_SHOWN]
    width = max((len(finding.key[1]) for finding in found), default=0)
    for finding in found:
        rate = f"{finding.fps:.2f} fps" if finding.fps else "no rate"
        size = f"{finding.width}x{finding.height}"
        length = "" if finding.seconds is None else f"{finding.seconds:8.2f} s"
        turned = {"0": "", "mirrored": "  mirrored"}.get(finding.rotation or "0", f"  turned by {finding.rotation}")
        echo_line(f"{finding.key[1]:<{width}}  {finding.frames:>6} frames  {rate:>9}  {size:>9}{length}{turned}")
