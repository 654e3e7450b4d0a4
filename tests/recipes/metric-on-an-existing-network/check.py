"""A kernel distance on pooled features of the embedded network: every part of vidbench knows it."""

import contextlib
import io
import json
import runpy
from pathlib import Path

import numpy as np

import vidmetrics
from vidbench.cli import run_command
from vidbench.leaderboard.rows import direction

ID = "kvd-pool-shapes"


def printed(*words: str) -> str:
    """Run a command that must succeed; returns what it prints."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text):
        code = run_command(list(words))
    assert code == 0, (words, code)
    return text.getvalue()


random = np.random.default_rng(0)
real, samples = (random.integers(0, high, (40, 12, 16, 16, 3), np.uint8) for high in (256, 200))
pool = vidmetrics.load_network("shapes")
expected = vidmetrics.polynomial_mmd(*(pool(clips)["pool"] for clips in (real, samples)))

# In Python, with an interval and under its own name.
assert np.isclose(vidmetrics.kvd_pool_shapes(real, samples), expected, rtol=1e-9)
low, high = vidmetrics.measure(ID, real, samples).interval
assert low < expected < high
assert "kvd_pool_shapes" in dir(vidmetrics)
stub = runpy.run_path("tools/write_stub.py")
assert stub["STUB"].read_text() == stub["stub_text"](), "run `make schema`"

# From the command line.
np.save("real.npy", real)
np.save("samples.npy", samples)
words = ("measure", "real.npy", "samples.npy", "--metric", ID, "--num-frames", "12", "--device", "cpu", "--json")
metric = json.loads(printed(*words))["metrics"][ID]
assert np.isclose(metric["value"], expected, rtol=1e-9)
assert metric["higher_is_better"] is False

# In a task and its result, against the bounds of the task.
task = """
name = "recipe"
version = 1
title = "A task with the new metric"
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
num_clips = 48
[evaluation]
num_samples = 48
labels = "balanced"
metrics = ["kvd-pool-shapes"]
"""
Path("recipe.toml").write_text(task)
printed("evaluate", "--model", "noise", "--task", "recipe.toml", "--output", "out", "--device", "cpu")
result = json.loads(Path("out/result.json").read_text())
assert result["metrics"][ID]["floor"] < result["metrics"][ID]["value"]
assert result["against_count"][ID]["values"]

# In `vidbench doctor`, and in leaderboards.
report = json.loads(printed("doctor", "--json"))["metrics"]
assert report[ID] == report["fvd-shapes"]
assert direction(ID) is False

cards = runpy.run_path("tests/vidmetrics/catalog/test_metric_cards.py")
cards["test_every_metric_has_one_card"]()
cards["test_every_card_says_everything_and_the_right_range_and_direction"]()
