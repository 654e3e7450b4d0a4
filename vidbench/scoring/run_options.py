"""Options of a run: the one declaration behind `vidbench evaluate`, `vidbench score` and their Python calls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple


class Help(NamedTuple):
    """What `--help` shows of an option, and the range of an integer."""

    text: str
    metavar: str | None = None
    bounds: tuple[int, int] | None = None


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What a user may choose about a run; only ``num_samples``, ``first``, ``seed`` and ``precision`` affect the score.

    `vidbench.cli.options` builds the command-line options from these fields: name, type, default and help.
    """

    data: Annotated[Path | None, Help("Data folder, for tasks that read videos.", "DIR")] = None
    ignore: Annotated[
        tuple[str, ...],
        Help(
            "Leave out entries of folders with this name, such as '*.txt'; with a slash, this path; repeatable.",
            "PATTERN",
        ),
    ] = ()
    reference: Annotated[
        Path | None,
        Help("Reference statistics from `vidbench data statistics`, instead of the reference clips.", "FILE"),
    ] = None
    output: Annotated[
        Path | None,
        Help(
            "Folder for result.json and report.html; default: runs/TASK/MODEL, or runs/TASK/samples-NAME for clips on disk. A run found there is resumed.",
            "DIR",
        ),
    ] = None
    num_samples: Annotated[
        int | None, Help("Samples per run; any other number than the task's makes the result unofficial.", "N")
    ] = None
    batch_size: Annotated[int, Help("Clips per call; does not affect any number.")] = 32
    device: Annotated[str | None, Help("cpu, cuda or cuda:N; default: a GPU if there is one.", "DEVICE")] = None
    precision: Annotated[
        Literal["exact", "fast"],
        Help(
            "Precision of the networks: within 1e-5 of float64 and deterministic, or within 1e-3 (bfloat16 on a CPU: 1e-2) and quicker."
        ),
    ] = "exact"
    first: Annotated[
        int | None,
        Help(
            "Score the first N samples of PATH (N per run of the task) and no others; unofficial.",
            "N",
            (2, 2**31),
        ),
    ] = None
    floor_sets: Annotated[
        int | None,
        Help(
            "Disjoint sets of held-out clips to measure the floor on, as far as the split has them; does not affect the score.",
            "K",
            (1, 1000),
        ),
    ] = None
    replace: Annotated[
        bool, Help("Replace the result of another model, or of other samples, in the output folder.")
    ] = False
    seed: Annotated[
        int | None,
        Help("Seed of the samples; any other than the task's makes the result unofficial.", "S", (0, 2**63 - 1)),
    ] = None
