"""Sizes are width x height, as everyone writes them, in every message; arrays stay [T, H, W, C]."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from vidbench.data.images import fit_frames
from vidbench.data.shapes.dataset import ShapesDataset, ShapesTrainingClips, render
from vidbench.errors import InputError
from vidbench.tasks import load_task
from vidbench.tasks.words import protocol_text
from vidmetrics.networks.resize import resize_bilinear
from vidmetrics.statistics.frames import ssim_frames

FRAMES = np.zeros((1, 2, 8, 20, 3), np.uint8)

REFUSALS: dict[str, tuple[Callable[[], object], str]] = {
    "rendering": (lambda: render("train", np.arange(2), 0, 32, 48), "48x32"),
    "a split": (lambda: ShapesDataset("train", 0, 4, 32, 48), "48x32"),
    "training clips": (
        lambda: ShapesTrainingClips(split="train", num_frames=512, height=2048, width=4096, seed=0, num_videos=80_000),
        "4096x2048",
    ),
    "a resize": (lambda: resize_bilinear(torch.zeros(1, 4, 4, 3), 0, 5), "5x0"),
    "SSIM": (lambda: ssim_frames(FRAMES, FRAMES), "20x8"),
    "a size that the task refuses": (lambda: fit_frames(FRAMES[0], 16, 24, "none", "none"), "20x8 .* requires 24x16"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_gives_width_and_height(name):
    function, size = REFUSALS[name]
    with pytest.raises(InputError, match=size):
        function()


def test_the_description_of_a_task_gives_width_and_height():
    task = load_task("k600-pred-magvit").task
    clips = task.clips.model_copy(update={"height": 90, "width": 160, "via": (180, 320)})
    text = protocol_text(task.model_copy(update={"clips": clips}))
    assert "160x90 pixels" in text
    assert "resized to 320x180 by tf2-bilinear and then by tf1-bilinear" in " ".join(text.split())


def test_samples_of_another_size_are_refused_with_width_and_height(tmp_path):
    import vidbench

    np.save(tmp_path / "clips.npy", np.zeros((8, 12, 32, 48, 3), np.uint8))
    with pytest.raises(InputError, match="12 frames of 48x32 pixels"):
        vidbench.score(samples=tmp_path / "clips.npy", task="shapes-gen", num_samples=8, output=tmp_path / "out")
