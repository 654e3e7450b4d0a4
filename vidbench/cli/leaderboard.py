"""`vidbench leaderboard list|show|check|add|build`."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vidbench.cli import options
from vidbench.cli.groups import Group
from vidbench.cli.leaderboard_verify import verify_command
from vidbench.cli.paths import PATH
from vidbench.cli.streams import echo_line

if TYPE_CHECKING:
    from vidbench.leaderboard.rows import BoardRow
    from vidbench.tasks import Task

_folder = click.option(
    "--leaderboards",
    type=PATH,
    metavar="DIR",
    help="Leaderboards folder; default: the one of this vidbench.",
)


_NOT_STATED = "not-stated"
_TRAINING = ["train", "train+test", "none", _NOT_STATED]
_EXTRA_DATA = ["none", "pre-training", "features", _NOT_STATED]


@click.group("leaderboard", cls=Group)
def command() -> None:
    """Published and measured scores, ranked only within comparable groups."""


@command.command("list")
@options.as_json
@_folder
def leaderboard_list(as_json: bool, leaderboards: Path | None) -> None:
    """Print one line per board: its name, the number of its rows, its title."""
    from vidbench.leaderboard.boards import board_names, board_title, leaderboards_folder, read_board
    from vidbench.tasks import load_task, task_names

    folder = leaderboards_folder(leaderboards)
    boards = [read_board(folder, name) for name in board_names(folder)]
    titles = {task.name: _marked_title(task) for task in (load_task(name).task for name in task_names())}
    rows = [
        {"name": each.name, "rows": len(each.rows), "title": titles.get(each.name) or board_title(each.name)}
        for each in boards
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    width = max(len(str(row["name"])) for row in rows)
    for row in rows:
        echo_line(f"{row['name']:<{width}}  {row['rows']:>4} rows  {row['title']}".rstrip())


def _marked_title(task: Task) -> str:
    return task.title if task.status == "active" else f"{task.title} [{task.status}]"


@command.command("show")
@click.argument("task")
@click.option(
    "--format",
    "style",
    type=click.Choice(["table", "csv", "json", "markdown", "latex"]),
    default="table",
    show_default=True,
    help="Output format.",
)
@click.option("--group", multiple=True, metavar="TEXT", help="Only groups with TEXT in their name; repeatable.")
@_folder
def leaderboard_show(task: str, style: str, group: tuple[str, ...], leaderboards: Path | None) -> None:
    """Print the board of TASK, ranked within comparability groups, never across them.

    Measured rows that share a letter are tied: their difference is within the noise of all comparisons of the group together.
    """
    from vidbench.leaderboard.boards import leaderboards_folder, read_board, stored_metrics, why_unranked
    from vidbench.leaderboard.ranking import rank_groups
    from vidbench.leaderboard.tables import FORMATS

    folder = leaderboards_folder(leaderboards)
    board = read_board(folder, task)
    groups = rank_groups(board.rows, group, why_unranked(board.name), stored_metrics(folder))
    click.echo(FORMATS[style](groups))


@command.command("check")
@click.argument("folder", required=False, type=PATH, metavar="[DIR]")
@options.as_json
@_folder
def leaderboard_check(folder: Path | None, as_json: bool, leaderboards: Path | None) -> None:
    """Validate every row and every stored result of a leaderboards folder; exit 1 if anything is wrong."""
    from vidbench.leaderboard.boards import leaderboards_folder
    from vidbench.leaderboard.check import check_folder

    if folder is not None and leaderboards is not None:
        raise click.UsageError("DIR and --leaderboards DIR name the same thing: give one of them.")
    boards, findings = check_folder(leaderboards_folder(folder or leaderboards))
    if as_json:
        rows = {board.name: len(board.rows) for board in boards}
        click.echo(json.dumps({"rows": rows, "findings": [vars(each) for each in findings]}, indent=2))
    else:
        for finding in findings:
            echo_line(finding)
        counts = ", ".join(f"{board.name} {len(board.rows)}" for board in boards)
        verdict = f"{len(findings)} findings" if findings else "no findings"
        echo_line(f"{sum(len(board.rows) for board in boards)} rows ({counts}): {verdict}")
    if findings:
        sys.exit(1)


@command.command("add")
@click.argument("result", type=PATH)
@click.option("--name", "model", default="", metavar="TEXT", help="Name of the model in the table.")
@click.option(
    "--training-log",
    "training_logs",
    type=PATH,
    multiple=True,
    metavar="FILE",
    help="train.jsonl of the training that ended with this checkpoint, to be stored; repeatable, in order.",
)
@click.option(
    "--training",
    type=click.Choice(_TRAINING),
    default=None,
    help="Data the model was trained on; none for a model without training.",
)
@click.option("--extra-data", type=click.Choice(_EXTRA_DATA), default=None, help="Additional training data.")
@click.option("--paper", default="", metavar="TEXT", help="Paper of the model.")
@click.option("--arxiv", default="", metavar="ID", help="arXiv id of the paper.")
@click.option("--note", default="", metavar="TEXT", help="Anything else a reader must know.")
@_folder
def leaderboard_add(result: Path, leaderboards: Path | None, **said: Any) -> None:
    """Check RESULT (a result.json) against its task, store it, and add its rows as claimed.

    Refused: a task or fingerprint that is not shipped, unofficial results, unproven weights, missing data, and implausibly
    good or bad scores.
    """
    from vidbench.distributed.launcher import require_single_process
    from vidbench.errors import InputError
    from vidbench.leaderboard.adding import Submission, add_result
    from vidbench.leaderboard.admission import require_admissible
    from vidbench.leaderboard.boards import packaged_folder, read_board
    from vidbench.leaderboard.tables import score_cell
    from vidbench.results.schema import read_result

    require_single_process("leaderboard add")
    folder, is_checkout = packaged_folder()
    if leaderboards is None and not is_checkout:
        raise InputError(
            "This vidbench is an installed package, not a checkout: name the folder with --leaderboards DIR."
        )
    # Nobody should look for what is asked about a result that cannot enter.
    require_admissible(read_result(result), str(result))
    _require_stated(said)
    said = {name: "" if value in (None, _NOT_STATED) else value for name, value in said.items()}
    rows = add_result(result, leaderboards or folder, Submission(**said))
    board = read_board(leaderboards or folder, rows[0].task)
    for row in rows:
        echo_line(f"{row.metric:<12} {score_cell(row):>18}  {row.status}  {_place(row, board.rows)}  {row.group}")


def _require_stated(said: dict[str, Any]) -> None:
    from vidbench.errors import InputError

    asked = {"--training": (said["training"], _TRAINING), "--extra-data": (said["extra_data"], _EXTRA_DATA)}
    missing = [f"{option} {'|'.join(values)}" for option, (given, values) in asked.items() if given is None]
    if missing:
        raise InputError(
            f"A result does not say what its model was trained on: give {' and '.join(missing)}. Rows that do not say it "
            "are shown as such and not ranked."
        )


def _place(row: BoardRow, rows: Sequence[BoardRow]) -> str:
    from vidbench.leaderboard.boards import why_unranked
    from vidbench.leaderboard.placement import standing_words
    from vidbench.leaderboard.ranking import once_verified, standings
    from vidbench.leaderboard.rows import not_stated

    if reason := why_unranked(row.task):
        return f"not ranked ({row.status}; {reason})"
    if row.open_flags:
        return f"not ranked (flagged {', '.join(row.open_flags)})"
    missing = [f"{', '.join(not_stated(row))} not stated"] if not_stated(row) else []
    ranks = [each for each in standings(once_verified(row), rows) if each.rank is not None]
    would = [f"would {standing_words(each)}" for each in ranks if each.condition or not missing]
    return f"not ranked ({'; '.join([row.status, *missing, *would])})"


command.add_command(verify_command)


@command.command("build")
@options.output("Folder of the site; an earlier site is replaced.", required=True)
@_folder
def leaderboard_build(output: Path, leaderboards: Path | None) -> None:
    """Write the leaderboards as a static site that makes no external requests."""
    from vidbench.distributed.launcher import require_single_process
    from vidbench.leaderboard.boards import leaderboards_folder
    from vidbench.leaderboard.pages.build import build_site

    require_single_process("leaderboard build")
    for page in build_site(leaderboards_folder(leaderboards), output):
        echo_line(page)
