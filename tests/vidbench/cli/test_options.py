"""An option of a run is declared once: the command line and the Python calls follow `RunOptions`."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import Annotated, Literal, get_args, get_type_hints

import click
import pytest
from click.testing import CliRunner

import vidbench
from vidbench.cli import cli, options
from vidbench.jobs import evaluate as job
from vidbench.scoring.run_options import Help, RunOptions

FIELDS = {field.name: field.default for field in dataclasses.fields(RunOptions)}
# For each option a value other than its default, as text and as in `RunOptions`.
CHOSEN = {
    "data": ("videos", Path("videos")),
    "ignore": ("*.txt", ("*.txt",)),
    "reference": ("real.safetensors", Path("real.safetensors")),
    "output": ("out", Path("out")),
    "num_samples": ("7", 7),
    "batch_size": ("3", 3),
    "device": ("cpu", "cpu"),
    "precision": ("fast", "fast"),
    "first": ("7", 7),
    "floor_sets": ("4", 4),
    "replace": (None, True),
    "seed": ("5", 5),
}
CALLS = {
    "evaluate": ("evaluate_model", {"model": "noise", "task": "shapes-gen"}, {"first"}),
    "score": ("score_samples", {"samples": "clips.npy", "task": "shapes-gen"}, {"seed"}),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Every:
    """An option of each type."""

    threads: Annotated[int | None, Help("Threads.", "N", (1, 8))] = None
    share: Annotated[float, Help("Share.")] = 0.5
    style: Annotated[Literal["a", "b"], Help("Style.")] = "a"
    report: Annotated[bool, Help("Write a report.")] = True
    quick: Annotated[bool, Help("Be quick.")] = False


class Stopped(Exception):  # noqa: N818
    """Ends a command before it starts its work."""


@pytest.fixture
def received(monkeypatch):
    """The options that the jobs behind `evaluate` and `score` were called with."""
    calls = []

    def stop(subject, task, chosen, progress):
        calls.append(chosen)
        raise Stopped

    for name, _, _ in CALLS.values():
        monkeypatch.setattr(job, name, stop)
    return calls


def test_every_field_is_tried_here_with_another_value_than_its_default():
    assert set(CHOSEN) == set(FIELDS)
    assert all(value != FIELDS[name] for name, (_, value) in CHOSEN.items())


@pytest.mark.parametrize("name", CALLS)
def test_python_and_command_line_offer_every_option_with_its_default(name, received):
    _, given, without = CALLS[name]
    signature = inspect.signature(getattr(vidbench, name)).parameters
    offered = {key: value.default for key, value in signature.items() if key not in given}
    assert offered == {key: default for key, default in FIELDS.items() if key not in without}
    (command,) = (cli.get_command(click.Context(cli), name),)
    assert {option.name for option in command.params} == {*given, *offered, "as_json"}
    with pytest.raises(Stopped):
        getattr(vidbench, name)(**given)
    words = [word for key, value in given.items() for word in (f"--{key}", value)]
    assert isinstance(CliRunner().invoke(cli, [name, *words]).exception, Stopped)
    assert received == [RunOptions(), RunOptions()]


@pytest.mark.parametrize("name", CALLS)
def test_every_option_reaches_the_run(name, received):
    _, given, without = CALLS[name]
    chosen = {key: pair for key, pair in CHOSEN.items() if key not in without}
    with pytest.raises(Stopped):
        getattr(vidbench, name)(**given, **{key: value for key, (_, value) in chosen.items()})
    words = [word for key, value in given.items() for word in (f"--{key}", value)]
    for key, (text, _) in chosen.items():
        words += [f"--{key.replace('_', '-')}", *([] if text is None else [text])]
    assert isinstance(CliRunner().invoke(cli, [name, *words]).exception, Stopped)
    assert received == [RunOptions(**{key: value for key, (_, value) in chosen.items()})] * 2


def test_strings_are_paths_in_python(received):
    with pytest.raises(Stopped):
        vidbench.evaluate("noise", "shapes-gen", data="d", output="o", reference="r")
    assert received == [RunOptions(data=Path("d"), output=Path("o"), reference=Path("r"))]


def test_every_option_has_a_sentence_of_help():
    for annotation in get_type_hints(RunOptions, include_extras=True).values():
        _, shown = get_args(annotation)
        assert shown.text.endswith(".")


def test_an_option_of_each_type_is_parsed_by_its_annotation(monkeypatch):
    monkeypatch.setattr(options, "RunOptions", Every)
    got = {}

    @click.command()
    @options.scoring(leave_out=("style",))
    def command(task, as_json, **chosen):
        got.update(chosen)

    def invoke(*words):
        result = CliRunner().invoke(command, ["--task", "t", *words])
        return result.exit_code, result.output

    assert invoke() == (0, "")
    assert got == {"threads": None, "share": 0.5, "report": True, "quick": False}
    assert invoke("--threads", "4", "--share", "0.25", "--no-report", "--quick") == (0, "")
    assert got == {"threads": 4, "share": 0.25, "report": False, "quick": True}
    assert "range" in invoke("--threads", "9")[1]
    assert "No such option" in invoke("--style", "a")[1]
    assert "[default: 0.5]" in invoke("--help")[1]
