"""Run several commands in one process, each in its own thread and, on a GPU, on its own stream.

    python -m vidbench.cli.together commands.txt --jobs 9

Small networks leave most of a GPU idle, and processes that share a GPU take turns; only streams of one process fill it.
The file holds one ``vidbench`` command per line, as typed on the command line; blank lines and lines that start with ``#``
are skipped. Commands start in the order of the file, and a failing command does not stop the others.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from vidbench.cli import refuse, run_command
from vidbench.cli.paths import PATH
from vidbench.cli.streams import HUNG_UP, ReaderHungUp, guarded_streams, reserve_descriptors
from vidbench.distributed.ranks import choose_device, ranks_from_environment
from vidbench.errors import InputError
from vidmetrics.regular_files import read_regular


def read_commands(path: Path) -> list[list[str]]:
    """Read the commands of a file; each is a list of arguments without ``vidbench``.

    Raises:
        InputError: the file cannot be read or holds no command, or a line is not a command; names the line.
    """
    try:
        lines = read_regular(path).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}): give a text file of commands.") from None
    commands = []
    for number, line in enumerate(lines, start=1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise InputError(f"Line {number} of {path} cannot be read ({error}): check its quotes.") from None
        if words and (words[0] != "vidbench" or len(words) == 1):
            raise InputError(
                f"Line {number} of {path} is not a vidbench command: start it with, e.g., `vidbench train`."
            )
        if words:
            commands.append(words[1:])
    if not commands:
        raise InputError(f"{path} contains no command: write one per line.")
    return commands


def run_together(commands: Sequence[list[str]], jobs: int) -> list[int]:
    """Run commands in threads.

    Args:
        commands: arguments without ``vidbench``, one list per command.
        jobs: commands running at a time.

    Returns:
        The exit codes, in order; 1 for a command that raised an unexpected exception, which is printed.
    """
    with ThreadPoolExecutor(jobs, thread_name_prefix="vidbench-command") as pool:
        return list(pool.map(_run_aside, commands))


def _run_aside(command: list[str]) -> int:
    import traceback

    import torch

    # An unexpected exception in one command must not stop the others.
    try:
        device = _device_of(command)
        if not device.startswith("cuda"):
            return run_command(command)
        # By default all threads of a process share one stream.
        with torch.cuda.device(device), torch.cuda.stream(torch.cuda.Stream(device)):
            return run_command(command)
    except ReaderHungUp:
        return HUNG_UP
    except Exception:
        traceback.print_exc()
        return 1


def _device_of(command: Sequence[str]) -> str:
    """Return the device that a command will use; the CPU if the command will refuse its arguments."""
    options = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    options.add_argument("--device")
    try:
        return choose_device(options.parse_known_args(list(command))[0].device, ranks_from_environment())
    except (InputError, argparse.ArgumentError):
        return "cpu"


@click.command(help="Run the vidbench commands of a file in one process, several at a time.")
@click.argument("file", type=PATH)
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Commands at a time.")
def main(file: Path, jobs: int) -> None:
    """See the module."""
    # By default at most 8 streams reach a GPU concurrently; 32 is the maximum, and it must be set before CUDA starts.
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")
    try:
        commands = read_commands(file)
        with guarded_streams():
            codes = run_together(commands, jobs)
    except ReaderHungUp:
        raise SystemExit(HUNG_UP) from None
    except InputError as error:
        raise SystemExit(refuse(error)) from None
    failed = [shlex.join(["vidbench", *command]) for command, code in zip(commands, codes, strict=True) if code]
    for line in failed:
        click.echo(f"failed: {line}", err=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    reserve_descriptors()
    main()
