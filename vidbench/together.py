"""Several commands in one process, each in a thread and, on a GPU, on a stream of its own.

    python -m vidbench.together commands.txt --jobs 9

Small networks leave most of a GPU idle, and processes that share one take turns: only streams of one process fill it.
The file holds one ``vidbench`` command a line, as a user would type them; blank lines and lines that begin with ``#``
are left out. Commands start in the order of the file, and one that fails does not stop the others.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vidbench.cli import run_command
from vidbench.errors import InputError

if TYPE_CHECKING:
    import torch


def read_commands(path: Path) -> list[list[str]]:
    """The commands of a file, each as what stands after ``vidbench``.

    Raises:
        InputError: the file cannot be read, holds no command, or a line is none; names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}): give a text file of commands.") from None
    commands = []
    for number, line in enumerate(lines, start=1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise InputError(f"Line {number} of {path} cannot be read ({error}): mend its quotes.") from None
        if words and (words[0] != "vidbench" or len(words) == 1):
            raise InputError(f"Line {number} of {path} is no vidbench command: begin it with `vidbench train`, say.")
        if words:
            commands.append(words[1:])
    if not commands:
        raise InputError(f"{path} holds no command: write one a line.")
    return commands


def run_together(commands: Sequence[list[str]], jobs: int) -> list[int]:
    """Run commands in threads.

    Args:
        commands: what stands after ``vidbench``, one list per command.
        jobs: how many run at a time.

    Returns:
        The exit codes, in order; 1 for a command that ended in an error of the program itself, which is printed.
    """
    with ThreadPoolExecutor(jobs, thread_name_prefix="vidbench-command") as pool:
        return list(pool.map(_run_aside, commands))


def _run_aside(command: list[str]) -> int:
    import traceback

    import torch

    try:
        device = _device_of(command)
        if device.type != "cuda":
            return run_command(command)
        # Threads begin on the one stream that all work of a process shares unless it is told otherwise.
        with torch.cuda.device(device), torch.cuda.stream(torch.cuda.Stream(device)):
            return run_command(command)
    except Exception:
        traceback.print_exc()
        return 1


def _device_of(command: Sequence[str]) -> torch.device:
    """The device that a command names; by default the first GPU, or the CPU where there is none."""
    import torch

    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    options.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    try:
        named = torch.device(options.parse_known_args(list(command))[0].device)
    except (RuntimeError, argparse.ArgumentError):  # the command itself says what is wrong with it
        return torch.device("cpu")
    return torch.device("cuda", named.index or 0) if named.type == "cuda" else named


@click.command(help="Run the vidbench commands of a file in one process, some at a time.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Commands at a time.")
def main(file: Path, jobs: int) -> None:
    """See the module."""
    try:
        commands = read_commands(file)
    except InputError as error:
        raise click.UsageError(str(error)) from None
    codes = run_together(commands, jobs)
    failed = [shlex.join(["vidbench", *command]) for command, code in zip(commands, codes, strict=True) if code]
    for line in failed:
        click.echo(f"failed: {line}", err=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
