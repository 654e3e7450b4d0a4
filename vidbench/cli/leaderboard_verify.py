"""`vidbench leaderboard verify`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidbench.cli import options
from vidbench.cli.paths import CLIPS, PATH
from vidbench.cli.streams import echo_line

if TYPE_CHECKING:
    from vidbench.jobs.row_verification import VerifiedRows


@click.command("verify")
@click.argument("row")
@click.option(
    "--samples", type=CLIPS, metavar="PATH", help="The stored samples of the result: makes the row recomputed."
)
@click.option(
    "--model",
    metavar="MODEL",
    help="NAME, NAME:CHECKPOINT, or package.module:callable: makes the row verified. Default: the registered model that the "
    "result names.",
)
@click.option("--by", default="", metavar="TEXT", help="Name of the person who verifies, for the log.")
@click.option("--replay", is_flag=True, help="Repeat the stored log with the seeds that it names, and change no row.")
@options.data
@options.ignore
@options.device
@options.batch_size
@options.output("Folder of all the work; default: runs/verifications/RESULT. A verification found there is resumed.")
@click.option(
    "--leaderboards", type=PATH, metavar="DIR", help="Leaderboards folder; default: the one of this vidbench."
)
@options.as_json
def verify_command(
    row: str,
    samples: Path | None,
    model: str | None,
    by: str,
    replay: bool,
    leaderboards: Path | None,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Make ROW (the id of a measured row) and all other rows of its result again, in an empty cache, and write a log.

    From samples, the values must be those of the result. From a model, they must be so with the task's seed, and 8 further seeds are
    drawn, whose scores must not be worse than chance explains. Exit 1 if a value is not made again or the row is flagged.
    """
    from vidbench.distributed.launcher import require_single_process
    from vidbench.errors import InputError
    from vidbench.jobs.row_verification import VerifyOptions, verify_row
    from vidbench.leaderboard.boards import packaged_folder
    from vidbench.progress import Progress
    from vidbench.scoring.run_options import RunOptions

    require_single_process("leaderboard verify")
    if samples is not None and model is not None:
        raise click.UsageError("--samples and --model are two ways to make a row again: give one of them.")
    folder, is_checkout = packaged_folder()
    if leaderboards is None and not is_checkout:
        raise InputError(
            "This vidbench is an installed package, not a checkout: name the folder with --leaderboards DIR."
        )
    chosen_options = VerifyOptions(samples=samples, model=model, replay=replay, by=by, run=RunOptions(**chosen))
    outcome = verify_row(row, leaderboards or folder, chosen_options, Progress())
    if as_json:
        click.echo(outcome.log.model_dump_json(indent=2))
    else:
        _print(outcome, replay)
    if outcome.differing or any(each.open_flags for each in outcome.rows) or (outcome.log.flags and replay):
        sys.exit(1)


def _print(outcome: VerifiedRows, replay: bool) -> None:
    from vidbench.leaderboard.flags import FLAGS

    log = outcome.log
    for name, value in log.values.items():
        agrees = "differs" if name in outcome.differing else "made again"
        line = f"{name:<12} claimed {value.claimed:.6g}, {agrees} {value.again:.6g}"
        if value.test is not None:
            low, high = min(value.drawn), max(value.drawn)
            line += (
                f"; {len(value.drawn)} drawn seeds {low:.4g} to {high:.4g}, probability {value.test.probability:.2g} "
                f"(outlier below {value.test.level:.2g})"
            )
        echo_line(line)
    for code in log.flags:
        echo_line(f"flag {code}: {FLAGS[code]}")
    if outcome.differing:
        echo_line(f"not made again: {', '.join(outcome.differing)}; the rows stay as they were")
    elif replay:
        echo_line("the log was repeated; the rows stay as they are")
    for row in outcome.rows:
        echo_line(f"{row.id}: {row.status}" + (f", flagged {', '.join(row.open_flags)}" if row.open_flags else ""))
    echo_line(f"log: {outcome.path}")
