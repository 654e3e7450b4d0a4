"""The command line: thin. Each file of this folder parses one group of commands, calls, and prints.

Results go to stdout and nothing else does. Exit codes: 0 fine, 1 a check said no, 2 bad input or usage, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys

import click

from vidbench.version import __version__
from vidmetrics.errors import unknown_name

# Command name -> (module, one line for --help). The modules are imported only when their command runs, so that
# `vidbench --help` never waits for torch.
_COMMANDS = {
    "evaluate": ("vidbench.cli.evaluate", "Sample from a model and score it on a task: the main job."),
    "score": ("vidbench.cli.score", "Score clips that are already on disk, from any model."),
    "measure": ("vidbench.cli.measure", "Measure any two folders or arrays of clips; always unofficial."),
    "sample": ("vidbench.cli.sample", "Write a model's clips for a task, without scoring them."),
    "train": ("vidbench.cli.train", "Train a model on a task's training clips."),
    "tasks": ("vidbench.cli.tasks", "List the tasks, or print a whole protocol."),
    "models": ("vidbench.cli.models", "List the models that --model accepts."),
    "weights": ("vidbench.cli.weights", "Get the published weights of the measuring networks, and prove them."),
    "conformance": ("vidbench.cli.conformance", "Run the known-answer suite on ours, or on anyone's implementation."),
    "data": ("vidbench.cli.data", "Check a data folder, export the clips or the statistics of a task."),
    "compare": (
        "vidbench.cli.compare",
        "Two results: the difference, whether it exceeds the noise, and what stands between them.",
    ),
    "leaderboard": ("vidbench.cli.leaderboard", "Published and measured scores: show, check, add, build."),
    "doctor": ("vidbench.cli.doctor", "Say what is installed, and what would and would not run here."),
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            raise click.UsageError(unknown_name("command", cmd_name, _COMMANDS), ctx)
        module = importlib.import_module(_COMMANDS[cmd_name][0])
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.command(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vidbench")
def cli() -> None:
    """Video generation benchmarks with a protocol behind every number.

    Start with `vidbench evaluate --model dvdgan --task shapes-gen`: it needs no download.
    """


def main() -> None:
    """Run the command line and exit with its code."""
    code = run_command(sys.argv[1:])
    sys.stdout.flush()
    sys.exit(code)


def run_command(arguments: list[str]) -> int:
    """Run one command, errors as a sentence on stderr; returns its exit code.

    Args:
        arguments: what stands after ``vidbench``.
    """
    from vidbench.errors import InputError

    try:
        code = cli.main(arguments, prog_name="vidbench", standalone_mode=False)
    except InputError as error:
        code = _refuse(f"Error: {error}")
    except click.exceptions.Exit as error:
        code = error.exit_code
    except click.ClickException as error:
        code = _refuse(f"Error: {error.format_message()}")
    except (KeyboardInterrupt, click.Abort):
        print("Interrupted: the same command goes on from here.", file=sys.stderr)  # noqa: T201
        code = 130
    except BrokenPipeError:
        # The reader of our output has gone (`| head`); point stdout elsewhere so that the exit flush is silent.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except OSError as error:
        # A full disk or a folder without permission is the user's to mend, not ours to trace.
        if error.filename is None:
            raise
        code = _refuse(
            f"Error: {error.filename} cannot be used ({error.strerror}): check the path and its permissions."
        )
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":
            raise
        code = _refuse(
            "Error: The GPU has too little memory for this batch: give a smaller --batch-size, or in training "
            "--set batch_size or --set accumulate."
        )
    return code if isinstance(code, int) else 0


def _refuse(sentence: str) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201
    return 2
