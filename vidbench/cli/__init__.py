"""The command line. Each file parses one group of commands, calls the job behind it and prints the outcome.

Results go to stdout and nothing else does. Exit codes: 0 fine, 1 a check said no, 2 bad input or usage, or results that could
not be written, 130 interrupted, 141 the reader of stdout hung up.
"""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence

import click

from vidbench.cli.groups import Group
from vidbench.cli.streams import HUNG_UP, ReaderHungUp, discard, guarded_streams, reserve_descriptors
from vidbench.errors import InputError, LackingError
from vidbench.rendering.printable import printable_line
from vidbench.version import __version__

# Command name -> (module, one line for --help). A module is imported only when its command runs, so that
# `vidbench --help` does not import torch.
_COMMANDS = {
    "evaluate": ("vidbench.cli.evaluate", "Sample from a model and score it on a task: the main command."),
    "score": ("vidbench.cli.score", "Score clips that are already on disk, from any model."),
    "measure": ("vidbench.cli.measure", "Measure any two folders or arrays of clips; always unofficial."),
    "sample": ("vidbench.cli.sample", "Write a model's clips for a task, without scoring them."),
    "train": ("vidbench.cli.train", "Train a model on a task's training clips."),
    "rehearse": ("vidbench.cli.rehearse", "Try a task's whole path in minutes, without its data and weights."),
    "tasks": ("vidbench.cli.tasks", "List the tasks, or print a complete protocol."),
    "metrics": ("vidbench.cli.metrics", "List the metrics that --metric accepts, or print a definition."),
    "models": ("vidbench.cli.models", "List the models that --model accepts, or say what one is."),
    "weights": ("vidbench.cli.weights", "Download the published network weights, and verify them."),
    "conformance": (
        "vidbench.cli.conformance",
        "Run the known-answer suite on vidmetrics or any other implementation.",
    ),
    "data": ("vidbench.cli.data", "Check a data folder; export the clips or the statistics of a task."),
    "compare": (
        "vidbench.cli.compare",
        "Compare two results: the difference, whether it exceeds the noise, and why they may not be comparable.",
    ),
    "nearest": ("vidbench.cli.nearest_clips", "Find the training clips nearest to samples, and flag copies."),
    "reproduce": ("vidbench.cli.reproduce", "Compute a result again from what it says; exit 1 if a value differs."),
    "export-result": (
        "vidbench.cli.export_result",
        "Print a result as the Hugging Face Hub or Every Eval Ever read it.",
    ),
    "leaderboard": ("vidbench.cli.leaderboard", "Published and measured scores: list, show, check, add, build."),
    "doctor": ("vidbench.cli.doctor", "Show what is installed, and what can run here."),
}


_FULL = "free some space or choose another folder, and run the same command again"
_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "the file system or `ulimit -f` allows no larger file; choose another folder",
    errno.EROFS: "choose a folder that can be written",
    errno.EIO: "the disk or the network behind it has failed; run the same command again once it is back",
    errno.ENOENT: "the file or its folder is missing, or vanished during the run; check the path",
    errno.ELOOP: "a symbolic link is where a file would be written, and none is followed; remove it",
    errno.EMFILE: "raise the number of open files, `ulimit -n`",
    errno.ENOMEM: "free some memory and run the same command again",
}


class _LazyGroup(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def load_command(self, ctx: click.Context, name: str) -> click.Command:
        command: click.Command = importlib.import_module(_COMMANDS[name][0]).command
        return command

    def summary(self, ctx: click.Context, name: str) -> str:
        return _COMMANDS[name][1]


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vidbench")
def cli() -> None:
    """Video generation benchmarks with a protocol behind every number.

    Start with `vidbench evaluate --model dvdgan --task shapes-gen`: it needs no download.
    """


def main() -> None:
    """Run the command line and exit with its code."""
    reserve_descriptors()
    code = 0
    try:
        with guarded_streams():
            code = run_command(sys.argv[1:])
    except ReaderHungUp:
        code = HUNG_UP
    except InputError as error:
        # After the command: its results could not be printed.
        code = refuse(error)
    sys.exit(code)


def run_command(arguments: list[str]) -> int:
    """Run one command and return its exit code; errors are printed to stderr as one sentence.

    Args:
        arguments: the command line without ``vidbench``.
    """
    try:
        code = cli.main(arguments, prog_name="vidbench", standalone_mode=False)
    except InputError as error:
        code = refuse(error)
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        code = refuse(error.format_message())
    except (KeyboardInterrupt, click.Abort) as stopped:
        # click replaces the first by the second; the cause may say what is kept.
        told = str(stopped.__cause__ or stopped) or _when_interrupted(arguments)
        print(printable_line(f"Interrupted: {told}"), file=sys.stderr)  # noqa: T201
        code = 130
    except OSError as error:
        # A full disk or a folder without permission needs no traceback.
        if error.errno is None:
            raise
        code = refuse(system_refusal(error))
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":
            raise
        code = refuse(
            "The GPU is out of memory: use a smaller --batch-size, or for training --set batch_size or --set accumulate."
        )
    return code if isinstance(code, int) else 0


RESUMING = frozenset(
    {
        "data export",
        "data scan",
        "data statistics",
        "evaluate",
        "measure",
        "nearest",
        "reproduce",
        "sample",
        "score",
        "train",
        "weights fetch",
    }
)
"""Commands that keep what they have finished when they are interrupted; tests interrupt each."""


def _when_interrupted(arguments: Sequence[str]) -> str:
    """Return what an interrupted command says, unless it says more itself."""
    resumes = {arguments[0], " ".join(arguments[:2])} & RESUMING if arguments else set()
    return "run the same command again to resume." if resumes else "the same command begins again."


def system_refusal(error: OSError) -> str:
    """Return the sentence for what the operating system refused: the path, the reason, and what to do."""
    advice = _ADVICE.get(error.errno or 0, "check the path and its permissions")
    what = "A system call failed" if error.filename is None else f"{os.fsdecode(error.filename)} cannot be used"
    return f"{what} ({error.strerror}): {advice}."


def refuse(sentence: object) -> int:
    """Print a refusal to stderr and return its exit code; of several missing things each has a line above it."""
    lines: list[object] = []
    if isinstance(sentence, LackingError):
        lines = ["Missing:", *(f"  {line}" for line in sentence.lines)]
        sentence = f"{sentence.head}: {sentence.advice}."
    # Where stderr is full too, only the exit code remains.
    if sys.stderr is not None:
        try:
            for line in (*lines, f"Error: {sentence}"):
                print(printable_line(str(line)), file=sys.stderr, flush=True)  # noqa: T201
        except OSError:
            discard(sys.stderr)
    return 2
