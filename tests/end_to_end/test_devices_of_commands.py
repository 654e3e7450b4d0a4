"""Every command that takes a device refuses one that is not there, such as a Mac's, in one sentence and before it computes."""

from __future__ import annotations

import json

import click
import numpy as np
import pytest
import torch

from tests.task_texts import task_text
from tests.vidbench.cli.test_command_line import assert_refused, run
from vidbench.cli import cli

LINES = {
    "evaluate": "--model noise --task gen.toml --output out",
    "score": "--task gen.toml --samples clips.npy --output out",
    "measure": "clips.npy clips.npy --metric fvd-shapes --num-frames 12",
    "sample": "--model noise --task gen.toml --output out",
    "train": "--model dvdgan --task gen.toml --output out",
    "rehearse": "--model noise --task shapes-gen",
    "data statistics": "--task gen.toml --output s.safetensors",
    "nearest": "--samples clips.npy --task gen.toml",
    "reproduce": "result.json --output out",
}
# Takes a row of a board; its device goes to the same run as that of `evaluate`.
ELSEWHERE = {"leaderboard verify"}


def _with_device(group, path=()):
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _with_device(command, (*path, name))
        elif any("--device" in option.opts for option in command.params):
            yield " ".join((*path, name))


def test_every_command_that_takes_a_device_is_tried():
    assert set(_with_device(cli)) == set(LINES) | ELSEWHERE


@pytest.mark.skipif(torch.backends.mps.is_available(), reason="this machine has the device")
@pytest.mark.parametrize("command", LINES)
def test_the_device_of_a_mac_is_refused_elsewhere(command, tmp_path, result_document):
    (tmp_path / "gen.toml").write_text(task_text("tiny-gen", num_clips=12, num_samples=4, metrics=("fvd-shapes",)))
    np.save(tmp_path / "clips.npy", np.zeros((4, 12, 32, 32, 3), np.uint8))
    document = {**result_document, "model": {**result_document["model"], "name": "noise"}}
    (tmp_path / "result.json").write_text(json.dumps(document))
    done = run(*command.split(), *LINES[command].split(), "--device", "mps", cwd=tmp_path)
    assert_refused(done, "--device mps is not available, because torch sees no GPU: use --device cpu.")
