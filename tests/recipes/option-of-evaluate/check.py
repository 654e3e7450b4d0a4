"""An option that sets the number of CPU threads: it works on the command line and in Python, and bad values are refused."""

import contextlib
import io
from pathlib import Path

import pytest
import torch

import vidbench
from vidbench.cli import run_command
from vidbench.errors import InputError

TASK = """
name = "tiny"
version = 1
title = "A tiny task"
[data]
dataset = "shapes"
train_split = "train"
reference_split = "train"
evaluation_split = "test"
[clips]
num_frames = 12
height = 32
width = 32
resize = "none"
crop = "none"
[reference]
num_clips = 40
[evaluation]
num_samples = 48
labels = "balanced"
metrics = ["is-shapes"]
"""


def run(*words: str) -> tuple[int, str]:
    """Run a command; returns its exit code and everything it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = run_command(list(words))
    return code, printed.getvalue()


Path("tiny.toml").write_text(TASK)
noise = ("--model", "noise", "--task", "tiny.toml", "--device", "cpu")
assert "--threads N" in run("evaluate", "--help")[1]
assert "--threads N" in run("score", "--help")[1]

torch.set_num_threads(1)
code, printed = run("evaluate", *noise, "--threads", "3", "--output", "three", "--json")
assert code == 0, printed
assert torch.get_num_threads() == 3

code, printed = run("evaluate", *noise, "--threads", "0")
assert code == 2, printed
assert "0 is not in the range 1<=x<=1024" in printed, printed

assert run("sample", *noise, "--output", "samples")[0] == 0
vidbench.score("tiny.toml", "samples", device="cpu", threads=2, output="two")
assert torch.get_num_threads() == 2
vidbench.evaluate("noise", "tiny.toml", device="cpu", output="default")
assert torch.get_num_threads() == 2  # unchanged by default

with pytest.raises(InputError, match="--threads 0 is too small: give 1 or more"):
    vidbench.evaluate("noise", "tiny.toml", threads=0)
