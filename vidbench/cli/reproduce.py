"""`vidbench reproduce`."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidbench.cli import options
from vidbench.cli.paths import CLIPS, PATH
from vidbench.cli.streams import echo_line

if TYPE_CHECKING:
    from vidbench.jobs.reproduce import Reproduction


@click.command("reproduce")
@click.argument("result", type=PATH)
@click.option("--samples", type=CLIPS, metavar="PATH", help="The stored samples of the result, if it is of `score`.")
@click.option(
    "--model",
    metavar="MODEL",
    help="NAME, NAME:CHECKPOINT, or package.module:callable; default: the registered model that the result names.",
)
@click.option("--task", metavar="FILE", help="The task file of the result, if its task does not ship.")
@options.data
@options.of_run("reference")
@options.ignore
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    metavar="SHARE",
    help="Relative difference up to which a value is the same; default: none with the same versions, platform and device, else the "
    "bound of the precision.",
)
@options.device
@options.batch_size
@options.output("Folder of all the work; default: runs/reproductions/DIGEST. A reproduction found there is resumed.")
@options.as_json
def command(
    result: Path,
    samples: Path | None,
    model: str | None,
    task: str | None,
    tolerance: float | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Compute RESULT (a result.json, or the folder of a run) again from what it says, in an empty cache.

    Task, seed, number of samples, precision and sets of the floor are those of the result. Exit 1 if a value, an end of an interval, a
    floor or a ceiling differs by more than the tolerance, which is printed; exit 2 if something that the result names is not here, or
    is another: the model, its checkpoint, the samples, the data, the weights.
    """
    from vidbench.distributed.launcher import require_single_process
    from vidbench.jobs.reproduce import ReproduceOptions, reproduce_result
    from vidbench.progress import Progress
    from vidbench.scoring.run_options import RunOptions

    require_single_process("reproduce")
    if samples is not None and model is not None:
        raise click.UsageError("--samples and --model are two ways to make a result again: give one of them.")
    given = ReproduceOptions(samples=samples, model=model, task=task, tolerance=tolerance, run=RunOptions(**chosen))
    found = reproduce_result(result, given, Progress())
    if as_json:
        click.echo(json.dumps(_document(found), indent=2))
    else:
        _print(found)
    if found.differing:
        sys.exit(1)


def _document(found: Reproduction) -> dict[str, Any]:
    return {
        "reproduced": not found.differing,
        "tolerance": dataclasses.asdict(found.bound),
        "values": {
            value.name: {"claimed": value.claimed, "again": value.again, "agrees": value.agrees}
            for value in found.values
        },
        "environment": {
            "claimed": found.claimed.environment.model_dump(),
            "again": found.again.environment.model_dump(),
        },
        "output": str(found.output),
    }


def _print(found: Reproduction) -> None:
    from vidbench.leaderboard.agreement import in_last_digits
    from vidbench.leaderboard.verification import EQUAL

    bound = found.bound
    extent = "equal to the last bit" if bound.relative == 0 else f"within {bound.relative:g} of the value"
    echo_line(f"tolerance: {extent}{', or as boards print it' if bound.as_printed else ''} ({bound.why})")
    width = max(len(value.name) for value in found.values)
    for value in found.values:
        if value.agrees:
            echo_line(f"{value.name:<{width}}  {value.claimed:.9g}  made again")
        else:
            now = "not measured" if value.again is None else f"now {value.again!r}"
            echo_line(f"{value.name:<{width}}  {value.claimed!r}  DIFFERS: {now}")
    wrong = found.differing
    if not wrong:
        echo_line(f"reproduced: {len(found.values)} values; result  {found.output / 'result.json'}")
        return
    echo_line(f"not reproduced: {len(wrong)} of {len(found.values)} values; result  {found.output / 'result.json'}")
    if in_last_digits(wrong, bound):
        echo_line(
            f"note: they differ in the last digits, as on another processor of the platform: --tolerance {EQUAL:g}"
        )
