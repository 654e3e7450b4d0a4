"""Losses and metrics in TensorBoard and Weights & Biases, with stand-ins for both packages."""

from __future__ import annotations

import json
import sys
import types
from contextlib import contextmanager

import pytest

from tests.vidbench.jobs.test_training_curve import TINY
from vidbench.errors import InputError
from vidbench.jobs.train import TrainOptions, train_model
from vidbench.jobs.training_curve import CurveOptions
from vidbench.jobs.training_recorders import RECORDER_NAMES, Recorders, RunIdentity, check_recorders
from vidbench.progress import Progress


@contextmanager
def stand_ins():
    """Modules with the calls of both packages that are used; yields what they were called with."""
    calls = {"tensorboard": [], "wandb": []}

    class SummaryWriter:
        def __init__(self, folder):
            calls["tensorboard"].append(("open", folder))

        def add_scalar(self, name, value, step):
            calls["tensorboard"].append((name, float(value), step))

        def close(self):
            calls["tensorboard"].append("closed")

    class Run:
        def define_metric(self, name, step_metric=None):
            calls["wandb"].append(("define", name, step_metric))

        def log(self, numbers):
            calls["wandb"].append(dict(numbers))

        def finish(self):
            calls["wandb"].append("closed")

    def init(**settings):
        calls["wandb"].append(("init", settings))
        return Run()

    board, wandb = types.ModuleType("torch.utils.tensorboard"), types.ModuleType("wandb")
    board.SummaryWriter, wandb.init = SummaryWriter, init
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "torch.utils.tensorboard", board)
        patch.setitem(sys.modules, "wandb", wandb)
        patch.delenv("WANDB_PROJECT", raising=False)
        patch.delenv("VIDBENCH_OFFLINE", raising=False)
        yield calls


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of two steps with both logs: its folder, the lines of its own log, and what the logs got."""
    output = tmp_path_factory.mktemp("logs") / "run"
    options = TrainOptions(
        output=output,
        steps=2,
        settings={**TINY, "log_every": "1"},
        device="cpu",
        curve=CurveOptions(every=2, metrics=("is-shapes",), num_samples=20),
        logs=("tensorboard", "wandb", "wandb"),
    )
    with stand_ins() as calls:
        train_model("dvdgan", "shapes-gen", options, Progress(enabled=False))
    lines = [json.loads(line) for line in (output / "train.jsonl").read_text().splitlines()]
    return output, lines, calls


def expected(lines):
    """The numbers of the run's own log, by step."""
    for line in lines:
        numbers = line.get("metrics", line) if line.get("event") in (None, "metrics") else {}
        if numbers:
            yield line["step"], {name: value for name, value in numbers.items() if name != "step"}


def test_tensorboard_gets_the_numbers_of_the_log(trained):
    output, lines, calls = trained
    first, *scalars, last = calls["tensorboard"]
    assert (first, last) == (("open", str(output / "tensorboard")), "closed")
    assert scalars == [(name, value, step) for step, numbers in expected(lines) for name, value in numbers.items()]
    assert {"loss_generator", "is-shapes"} <= {name for name, _, _ in scalars}
    assert {step for _, _, step in scalars} == {1, 2}


def test_wandb_gets_one_resumable_run_with_the_numbers_of_the_log(trained):
    output, lines, calls = trained
    (_, settings), step, rest, *logged, last = calls["wandb"]
    assert settings["dir"] == str(output)
    assert settings["project"] == "vidbench"
    assert settings["resume"] == "allow"
    assert settings["config"] == {"model": "dvdgan", "task": "shapes-gen", **TINY, "log_every": "1"}
    assert "mode" not in settings
    # W&B orders by its own count of calls, which a resumed run would continue; the step of training is an axis of its own.
    assert (step, rest) == (("define", "step", None), ("define", "*", "step"))
    assert logged == [{"step": step, **numbers} for step, numbers in expected(lines)]
    assert last == "closed"


def recorder(folder, names=("wandb",)):
    return Recorders(names, RunIdentity("noise", "shapes-gen", folder, {}))


def test_a_resumed_run_is_the_same_and_one_elsewhere_is_not(tmp_path):
    with stand_ins() as calls:
        for name in ("a", "a", "b"):
            records = recorder(tmp_path / name)
            with records.closed_at_the_end():
                records(1, {"loss": 0.5})
        identities = [call[1]["id"] for call in calls["wandb"] if "init" in call]
    assert identities[0] == identities[1] != identities[2]


def test_offline_is_offline_and_the_project_is_the_users(tmp_path, monkeypatch):
    with stand_ins() as calls:
        monkeypatch.setenv("VIDBENCH_OFFLINE", "1")
        monkeypatch.setenv("WANDB_PROJECT", "mine")
        recorder(tmp_path)(1, {"loss": 0.5})
    assert calls["wandb"][0][1]["mode"] == "offline"
    assert "project" not in calls["wandb"][0][1]


def stopped_by_an_error(records):
    with records.closed_at_the_end():
        records(1, {"loss": 0.5})
        raise InputError("The loss is not finite.")


def test_nothing_is_opened_without_numbers_and_all_is_closed_after_an_error(tmp_path):
    with stand_ins() as calls:
        with recorder(tmp_path, RECORDER_NAMES).closed_at_the_end():
            pass
        assert calls == {"tensorboard": [], "wandb": []}
        with pytest.raises(InputError):
            stopped_by_an_error(recorder(tmp_path, RECORDER_NAMES))
    assert calls["tensorboard"][-1] == calls["wandb"][-1] == "closed"


def test_a_service_that_refuses_is_one_sentence(tmp_path, monkeypatch):
    with stand_ins():

        def refuse(**settings):
            raise RuntimeError("api_key not configured (no-tty)\nmore")

        monkeypatch.setattr(sys.modules["wandb"], "init", refuse)
        with pytest.raises(
            InputError, match=r"\(api_key not configured \(no-tty\)\): run `wandb login`, or set WANDB_MODE"
        ):
            recorder(tmp_path)(1, {"loss": 0.5})


@pytest.mark.parametrize("name", RECORDER_NAMES)
def test_a_missing_package_is_one_sentence_before_anything_is_written(tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    monkeypatch.setitem(sys.modules, "wandb", None)
    options = TrainOptions(output=tmp_path / "run", steps=1, settings=TINY, device="cpu", logs=(name,))
    with pytest.raises(InputError, match=rf"--log {name} needs a package .*pip install 'vidbench\[{name}\]'"):
        train_model("dvdgan", "shapes-gen", options, Progress(enabled=False))
    assert not (tmp_path / "run").exists()
    with pytest.raises(InputError, match="Unknown log 'tensorbord'; did you mean 'tensorboard'"):
        check_recorders(["tensorbord"])


def test_the_command_offers_every_log():
    from vidbench.cli.train import command

    (option,) = (each for each in command.params if each.name == "logs")
    assert tuple(option.type.choices) == RECORDER_NAMES
