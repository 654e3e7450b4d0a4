"""What can be checked without data is checked before data is looked into, which may take minutes.

The functions that look into data raise here, so that a check that comes after them shows as another message.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.task_texts import videos_task
from tests.vidbench.jobs.test_training_curve import TINY
from vidbench.cli import run_command
from vidbench.errors import InputError
from vidbench.jobs.train import TrainOptions, train_model
from vidbench.progress import Progress

REACHED = "the data was looked into"
EVALUATE = "evaluate --model noise --task t.toml --data data --output out"
SCORE = "score --samples clips.npy --task t.toml --data data --output out"
SAMPLE = "sample --model noise --task t.toml --data data --output out"
TRAIN = "train --model dvdgan --task t.toml --data data --output out --steps 1 --device cpu"
EXPORT = "data export --task t.toml --data data --output out"
STATISTICS = "data statistics --task t.toml --data data --output out.safetensors"
MEASURE = "measure clips.npy clips.npy --metric fvd-shapes --num-frames 12"
COMMANDS = (EVALUATE, SCORE, SAMPLE, TRAIN, EXPORT, STATISTICS, MEASURE)

FAULTS = (
    (EVALUATE, "--device nonsense", "nonsense"),
    (EVALUATE, "--num-samples 1", "too few for a covariance"),
    (EVALUATE, "--model dvdgan:missing.safetensors", "There is no checkpoint missing.safetensors"),
    (EVALUATE, "--model dvdgan:t.toml", "t.toml is not a complete safetensors file"),
    (EVALUATE, "--model dvdgan-fp:missing.safetensors", "predicts from context frames"),
    (EVALUATE, "--model noise:missing", "has no weights"),
    (EVALUATE, "--model real:missing", "has no weights"),
    (EVALUATE, "--model copy", "repeats a context frame"),
    (EVALUATE, "--model json:loads", "cannot be called with (checkpoint, task, device)"),
    (EVALUATE, "--reference missing.safetensors", "missing.safetensors"),
    (EVALUATE, "--data missing", "The data folder missing does not exist"),
    (EVALUATE, "--output t.toml/out", "t.toml/out cannot be used"),
    (EVALUATE, "--task fvd.toml", "The weights of 'i3d-kinetics-400' (DeepMind's rgb_scratch) are not"),
    (SCORE, "--device nonsense", "nonsense"),
    (SCORE, "--samples missing.npy", "missing.npy"),
    (SCORE, "--samples small.npy", "have 12 frames of 8x8 pixels"),
    (SCORE, "--samples few.npy", "exactly 8 are required"),
    (SCORE, "--output t.toml/out", "t.toml/out cannot be used"),
    (SCORE, "--task fvd.toml", "The weights of 'i3d-kinetics-400' (DeepMind's rgb_scratch) are not"),
    (SAMPLE, "--device nonsense", "nonsense"),
    (SAMPLE, "--model dvdgan:missing.safetensors", "There is no checkpoint missing.safetensors"),
    (SAMPLE, "--model copy", "repeats a context frame"),
    (SAMPLE, "--output t.toml/out", "t.toml is a file"),
    (SAMPLE, "--output data", "already exists"),
    (SAMPLE, "--data missing", "The data folder missing does not exist"),
    (TRAIN, "--device nonsense", "nonsense"),
    (TRAIN, "--model dvdgan-fp", "predicts from context frames"),
    (TRAIN, "--set nonsense=1", "has no setting 'nonsense'"),
    (TRAIN, "--set batch_size=x", "batch_size"),
    (TRAIN, "--set architecture=v1", "choose the model, dvdgan-v1"),
    (TRAIN, "--set start=missing.safetensors", "There is no checkpoint missing.safetensors"),
    (TRAIN, "--set batch_size=65536 --set ch=65536", "needs"),
    (TRAIN, "--metrics-every 1 --metric nonsense", "nonsense"),
    (TRAIN, "--metrics-every 1 --metric psnr", "compares predicted with true frames"),
    (TRAIN, "--metrics-every 1 --metric fvd", "The weights of 'i3d-kinetics-400' (DeepMind's rgb_scratch) are not"),
    (TRAIN, "--output t.toml/out", "t.toml/out cannot be used"),
    (TRAIN, "--data missing", "The data folder missing does not exist"),
    (EXPORT, "--targets", "so there are no targets"),
    (EXPORT, "--output t.toml/out", "t.toml is a file"),
    (EXPORT, "--output data", "already exists"),
    (STATISTICS, "--device nonsense", "nonsense"),
    (STATISTICS, "--output t.toml/s.safetensors", "t.toml is a file"),
    (STATISTICS, "--output t.toml", "already exists"),
    (STATISTICS, "--task fvd.toml", "The weights of 'i3d-kinetics-400' (DeepMind's rgb_scratch) are not"),
    (MEASURE, "--device nonsense", "nonsense"),
    (MEASURE, "--metric nonsense", "nonsense"),
    (MEASURE, "--metric fvd", "The weights of 'i3d-kinetics-400' (DeepMind's rgb_scratch) are not"),
    (MEASURE, "--metric fvd-c3d-ucf101", "c3d-ucf101"),
    (MEASURE, "--weights shapes=t.toml", "t.toml"),
    (MEASURE, "--resolution 100000", "--resolution"),
)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with sound inputs, in which nothing may look into data."""

    def reached(*_, **__):
        raise InputError(REACHED)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("vidbench.data.layouts.find_listing", reached)
    monkeypatch.setattr("vidbench.jobs.measure.open_clips", reached)
    (tmp_path / "data").mkdir()
    text = videos_task("folder", 8)
    (tmp_path / "t.toml").write_text(text)
    (tmp_path / "fvd.toml").write_text(text.replace("fvd-shapes", "fvd"))
    for name, shape in (("clips", (8, 12, 32, 32, 3)), ("small", (8, 12, 8, 8, 3)), ("few", (4, 12, 32, 32, 3))):
        np.save(tmp_path / name, np.random.default_rng(0).integers(0, 256, shape, np.uint8))
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_sound_arguments_reach_the_data(folder, capsys, command):
    assert run_command(command.split()) == 2
    assert REACHED in capsys.readouterr().err


@pytest.mark.parametrize(("command", "fault", "words"), FAULTS, ids=[f"{c.split()[0]} {f}" for c, f, _ in FAULTS])
def test_a_fault_is_found_before_data_is_looked_into(folder, capsys, command, fault, words):
    options = command.split()
    for option in fault.split():
        if option.startswith("--") and option in options:  # the fault replaces a sound value
            del options[options.index(option) : options.index(option) + 2]
    before = sorted(folder.rglob("*"))
    assert run_command([*options, *fault.split()]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert REACHED not in said
    assert [path for path in sorted(folder.rglob("*")) if "home" not in path.parts and path not in before] == []


@pytest.mark.parametrize("command", [EVALUATE, SCORE, TRAIN + " --metrics-every 1", STATISTICS, MEASURE])
def test_a_cache_that_cannot_be_written_is_found_before_data_is_looked_into(folder, capsys, monkeypatch, command):
    monkeypatch.setenv("VIDBENCH_HOME", str(folder / "t.toml" / "home"))
    assert run_command(command.split()) == 2
    said = capsys.readouterr().err
    assert "t.toml/home cannot be used" in said
    assert REACHED not in said


def test_a_run_that_cannot_be_resumed_is_refused_before_data_is_looked_into(folder, capsys, monkeypatch):
    settings = [word for name, value in TINY.items() for word in ("--set", f"{name}={value}")]
    with monkeypatch.context() as patch:
        patch.undo()
        patch.chdir(folder)
        train_model(
            "dvdgan", "shapes-gen", TrainOptions(output=folder / "out", steps=1, settings=TINY, device="cpu"),
            Progress(enabled=False),
        )  # fmt: skip
    for more, words in (
        (["--set", "ch=8"], "was started with ch=4 and cannot be resumed with ch=8"),
        (["--seed", "7"], "was started with seed 0 and cannot be resumed with seed 7"),
    ):
        chosen = [word for word in settings if not (more[0] == "--set" and word == "ch=4")]
        if more[0] == "--set":
            chosen = chosen[: chosen.index("--set")] + chosen[chosen.index("--set") + 1 :]
        assert run_command([*TRAIN.split(), *chosen, *more]) == 2
        said = capsys.readouterr().err
        assert words in said
        assert REACHED not in said
