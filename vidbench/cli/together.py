"""Several commands in one process, each in a thread and, on a GPU, on a stream of its own.

    python -m vidbench.cli.together commands.txt --jobs 9

Small networks leave most of a GPU idle, and processes that share one take turns: only streams of one process fill it.
The file holds one ``vidbench`` command a line, as a user would type them; blank lines and lines that begin with ``#``
are left out. Commands start in the order of the file, and one that fails does not stop the others.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from vidbench.cli import run_command
from vidbench.distributed.ranks import choose_device, ranks_from_environment
from vidbench.errors import InputError


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

    # A bug that one command meets must not cost the others.
    try:
        device = _device_of(command)
        if not device.startswith("cuda"):
            return run_command(command)
        # Threads begin on the one stream that all work of a process shares unless it is told otherwise.
        with torch.cuda.device(device), torch.cuda.stream(torch.cuda.Stream(device)):
            return run_command(command)
    except Exception:
        traceback.print_exc()
        return 1


def _device_of(command: Sequence[str]) -> str:
    """The device that a command will choose; the CPU where it will refuse what it is given."""
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    options.add_argument("--device")
    try:
        return choose_device(options.parse_known_args(list(command))[0].device, ranks_from_environment())
    except (InputError, argparse.ArgumentError):
        return "cpu"


@click.command(help="Run the vidbench commands of a file in one process, some at a time.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Commands at a time.")
def main(file: Path, jobs: int) -> None:
    """See the module."""
    # Work of 8 streams at most reaches a GPU at once, unless more are asked for before the first use of it; 32 can be had.
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
    try:
        commands = read_commands(file)
    except InputError as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(2) from None
    codes = run_together(commands, jobs)
    failed = [shlex.join(["vidbench", *command]) for command, code in zip(commands, codes, strict=True) if code]
    for line in failed:
        click.echo(f"failed: {line}", err=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
