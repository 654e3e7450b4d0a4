"""A tiny task, tiny settings, and real clips of constant colour."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from vidbench.models import ModelTask, TrainRequest

TINY = {
    "ch": "4", "g_multipliers": "1,2", "d_ch": "4", "d_multipliers": "1,2", "latent_dim": "6", "embedding_dim": "5",
    "spatial_frames": "3", "batch_size": "3", "standing_batches": "2", "log_every": "2", "loader_threads": "2",
    "ema_start": "1", "checkpoint_every": "2", "sample_every": "100",
}  # fmt: skip


class ColourClips:
    """Clips of one colour each, by label, with a little noise; records its draws."""

    num_videos = 50

    def __init__(self, task: ModelTask, noise: int = 8) -> None:
        self.task, self.noise, self.drawn = task, noise, []

    def draw(self, step: int, batch_size: int) -> tuple[np.ndarray, np.ndarray]:
        self.drawn.append(step)
        task, rng = self.task, np.random.default_rng(step)
        labels = rng.integers(0, max(1, task.num_classes), batch_size)
        colours = np.array([[200, 40, 60], [50, 70, 210], [60, 190, 80]])[labels % 3]
        shape = (batch_size, task.num_frames, task.height, task.width, 3)
        clips = colours[:, None, None, None] + rng.integers(-self.noise, self.noise + 1, shape)
        return clips.astype(np.uint8), labels


@pytest.fixture(autouse=True)
def _same_draws():
    """Make draws from torch's global generator independent of the tests that ran before."""
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Use one thread: faster for networks this small, and sums have the same order everywhere."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def task() -> ModelTask:
    return ModelTask("tiny", 5, 0, 8, 8, ("red", "blue", "green"))


@pytest.fixture
def tiny_settings() -> dict[str, str]:
    return dict(TINY)


@pytest.fixture
def request_for(task, tiny_settings):
    """A function that creates a training request; keyword arguments are settings."""

    def make(
        output: Path, steps: int, seed: int = 3, clips=None, on: ModelTask = task, **settings: str
    ) -> TrainRequest:
        return TrainRequest(on, clips or ColourClips(on), output, steps, seed, "cpu", {**tiny_settings, **settings})

    return make
