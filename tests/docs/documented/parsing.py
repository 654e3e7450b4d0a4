"""Parse a documented command without running it: every option must exist and every name be known."""

from __future__ import annotations

import argparse
import fnmatch
import itertools
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import click
import pytest
from click.testing import CliRunner

from vidbench.cli import cli
from vidbench.jobs.weights import all_networks
from vidbench.models.choice import choose_model
from vidbench.tasks import load_task
from vidmetrics import METRICS

# Scripts are parsed without the packages that are not installed.
_FOREIGN = ("c3d_chainer", "videomae_authors", "vjepa_authors", "cdfvd.third_party.i3d.utils", "chainer", "tensorflow", "tensorflow_hub", "torch_fidelity",
            "without_torchvision")  # fmt: skip


class _ParsedError(Exception):
    """Raised after a script has parsed its arguments, so that it does not run."""


def parse(words: list[str]) -> None:
    """Parse a command completely in the current folder.

    Raises:
        AssertionError: the command would be refused.
    """
    program, *arguments = words[1:] if words[0] == "srun" else words
    _PARSERS[program](arguments)


def check_name(words: list[str]) -> None:
    """Check that a text that only names a command, with or without an option, names an existing one."""
    command: click.Command = cli
    context = click.Context(cli)
    for word in words[1:]:
        if word.startswith("-"):
            known = [
                option
                for parameter in command.get_params(context)
                for option in (*parameter.opts, *parameter.secondary_opts)
            ]
            assert word in known, f"`{' '.join(words)}`: no option {word}, only {', '.join(known)}"
        else:
            assert isinstance(command, click.Group), f"`{' '.join(words)}`: '{command.name}' has no commands"
            found = command.get_command(context, word)
            assert found is not None, f"`{' '.join(words)}`: there is no command '{word}'"
            command, context = found, click.Context(found, parent=context)


def _vidbench(arguments: list[str]) -> None:
    seen: list[dict[str, Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        invoke = click.Command.invoke

        def stop(self: click.Command, context: click.Context) -> Any:
            if isinstance(self, click.Group):
                return invoke(self, context)
            return seen.append(context.params)

        patch.setattr(click.Command, "invoke", stop)
        result = CliRunner().invoke(cli, arguments)
    asks_for_help = any(word in ("-h", "--help", "--version") for word in arguments)
    assert result.exit_code == 0, f"`vidbench {' '.join(arguments)}`: {result.stderr}"
    assert seen or asks_for_help, f"`vidbench {' '.join(arguments)}` names no command to run"
    for parameters in seen:
        _look_up(parameters)


def _look_up(parameters: dict[str, Any]) -> None:
    task = parameters.get("task") or parameters.get("task_name")
    if task is not None:
        # A list that does not ship is written by an earlier command of its document; the task that it is of is known before.
        of_task, _, frozen = task.rpartition("@")
        load_task(of_task if frozen.endswith(".json") and not Path(frozen).exists() else task)
    if "model" in parameters and "samples" not in parameters and "result" not in parameters:
        choose_model(parameters["model"])
    for pattern in parameters.get("metrics", ()):
        assert fnmatch.filter(METRICS, pattern), f"no metric is called '{pattern}'"
    named = parameters.get("networks") or parameters.get("targets")
    for name in named if isinstance(named, tuple) else ():
        assert name in all_networks() or Path(name).exists(), f"no network is called '{name}'"


def _torchrun(arguments: list[str]) -> None:
    from torch.distributed.run import get_args_parser

    launch = get_args_parser().parse_args(arguments)
    assert launch.module, "torchrun starts vidbench with -m"
    assert launch.training_script == "vidbench"
    _vidbench(launch.training_script_args)


def _python(arguments: list[str]) -> None:
    as_module = arguments[0] == "-m"
    target, *rest = arguments[1:] if as_module else arguments

    def stop(self: argparse.ArgumentParser, *given: Any, **options: Any) -> Any:
        original(self, *given, **options)
        raise _ParsedError

    def stop_command(self: click.Command, context: click.Context) -> Any:
        if isinstance(self, click.Group):
            return invoke(self, context)
        raise _ParsedError

    original, invoke = argparse.ArgumentParser.parse_args, click.Command.invoke
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", stop)
        patch.setattr(click.Command, "invoke", stop_command)
        patch.setattr(sys, "argv", [target, *rest])
        patch.setattr(sys, "path", [str(Path(target).parent.resolve()), *sys.path])
        # Mock only the script's own imports: other packages probe for these modules and work without them.
        source = "" if as_module else Path(target).read_text(encoding="utf-8")
        imported = re.findall(r"^(?:import|from) ([\w.]+)", source, flags=re.MULTILINE)
        for name in set(_FOREIGN) & set(imported):
            for each in itertools.accumulate(name.split("."), "{}.{}".format):
                patch.setitem(sys.modules, each, MagicMock())
        with pytest.raises(_ParsedError):
            runpy.run_module(target, run_name="__main__") if as_module else runpy.run_path(target, run_name="__main__")


def _make(arguments: list[str]) -> None:
    # Without the variable, make tries each Python on PATH.
    command = ["make", "--dry-run", f"PYTHON={sys.executable}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def _pip(arguments: list[str]) -> None:
    assert arguments[0] == "install"
    target = next(word for word in arguments[1:] if not word.startswith("-"))
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra = re.fullmatch(r"vidbench\[(\w+)\]", target)
    dependencies = [re.match(r"[\w-]+", each)[0] for each in project["dependencies"]]
    if extra:
        known = extra[1] in project["optional-dependencies"]
    else:
        known = target in (*dependencies, "git+URL") or (Path(arguments[-1]) / "pyproject.toml").is_file()
    assert known, f"'{target}' is neither an extra of vidbench nor a package in this repository"


def _pytest(arguments: list[str]) -> None:
    options = re.findall(r"--vidbench-[a-z-]+", Path("metrics/vidmetrics/conformance/pytest_plugin.py").read_text())
    for word in arguments:
        assert not word.startswith("--vidbench-") or word in options, f"the pytest plugin has no option {word}"


_PARSERS = {
    "vidbench": _vidbench,
    "torchrun": _torchrun,
    "python": _python,
    "make": _make,
    "pip": _pip,
    "pytest": _pytest,
}
