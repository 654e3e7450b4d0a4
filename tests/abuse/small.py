"""The smallest task whose score reads every kind of stored file, and a model for it that takes no time."""

from __future__ import annotations

import json
from pathlib import Path

from tests.abuse.runner import Outcome, run_limited
from tests.task_texts import task_text

TASK = task_text("smallest", num_clips=24, num_samples=16, metrics=("fid-shapes", "is-shapes"))

MODEL = """
import numpy as np

class Model:
    def __init__(self, scale):
        self.scale = scale
    def sample(self, request):
        shape = (1, 8, 8, 3)
        rng = [np.random.Generator(np.random.Philox(int(seed))) for seed in request.seeds]
        noise = np.stack([each.integers(0, 100, shape) for each in rng]).repeat(4, axis=2).repeat(4, axis=3)
        # Still clips: a report of moving noise takes longer than everything else.
        return (noise * self.scale).astype(np.uint8).repeat(request.num_frames, axis=1)

def load(checkpoint, task, device):
    return Model(1)
"""


_SMALL = ("batch_size=2", "ch=2", "d_ch=2", "latent_dim=4", "embedding_dim=4", "spatial_frames=2", "standing_batches=1")
SETTINGS = tuple(word for setting in _SMALL for word in ("--set", setting))
"""Options of `train` for a tiny DVD-GAN."""


def trained(folder: Path) -> Path:
    """Train a tiny DVD-GAN for one step, and return its sampler: the shipped one takes a second for five clips."""
    ended = run(folder, "train", "--model", "dvdgan", "--output", "trained", "--steps", "1", *SETTINGS)
    assert ended.code == 0, ended.stderr
    return folder / "trained" / "generator.safetensors"


def score(folder: Path, *arguments: str) -> float:
    """Run a command that prints a result as JSON, and return the FID."""
    ended = run(folder, *arguments, "--json")
    assert ended.code == 0, ended.stderr
    value: float = json.loads(ended.stdout)["metrics"]["fid-shapes"]["value"]
    return value


def run(folder: Path, *arguments: str) -> Outcome:
    """Run a command in a folder that has the task as ``task.toml``."""
    (folder / "task.toml").write_text(TASK, encoding="utf-8")
    return run_limited([*arguments, "--task", "task.toml"], folder)
