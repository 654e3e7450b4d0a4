"""A small task and a slow model, for running the main job many times."""

from __future__ import annotations

import pytest

SMALL_TASK = """
name = "small-gen"
version = 1
title = "A small copy of shapes-gen for tests"
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
num_clips = 150
[evaluation]
num_samples = 200
labels = "balanced"
metrics = ["fvd-shapes", "fid-shapes", "is-shapes"]
"""

# Noise around the class's grey level: cheap, and no two samples are alike.
PLUGIN = """
import os, time
import numpy as np

class Slow:
    def sample(self, request):
        time.sleep(float(os.environ.get("SLOW_SECONDS", "0")))
        clips = []
        for seed, label in zip(request.seeds, request.labels):
            rng = np.random.Generator(np.random.Philox(int(seed)))
            clips.append(rng.integers(0, 80, (request.num_frames, 32, 32, 3)) + 5 * int(label))
        return np.stack(clips).astype(np.uint8)

def load(checkpoint, task, device):
    return Slow()

class Wrong:
    def __init__(self, answer):
        self.answer = answer
    def sample(self, request):
        return self.answer(len(request.seeds), request.num_frames)

def wrong_shape(checkpoint, task, device):
    return Wrong(lambda n, t: np.zeros((n, t, 16, 16, 3), np.uint8))

def wrong_dtype(checkpoint, task, device):
    return Wrong(lambda n, t: np.zeros((n, t, 32, 32, 3), np.float32))
"""


@pytest.fixture
def small_task(tmp_path):
    """Path of a task file whose run takes seconds."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL_TASK)
    return path


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A module with models, in the current folder."""
    (tmp_path / "slow_plugin.py").write_text(PLUGIN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path
