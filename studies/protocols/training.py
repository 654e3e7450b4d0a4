"""The training that makes the six checkpoints of DVD-GAN: stopped at each, copied, resumed."""

from __future__ import annotations

import shutil
from pathlib import Path

from vidbench.files import written_whole
from vidbench.jobs.train import TrainOptions, train_model
from vidbench.progress import Progress

STEPS = (25, 75, 200, 400, 600, 850)
TASK = Path(__file__).with_name("weizmann-32.toml")
SETTINGS = {
    "ch": "16",
    "d_ch": "16",
    "g_multipliers": "1,2,4",
    "d_multipliers": "1,2,4",
    "spatial_frames": "4",
    "batch_size": "8",
    "d_steps": "1",
    "g_lr": "3e-4",
    "d_lr": "4e-4",
    "ema_decay": "0.99",
    "ema_start": "50",
    "augment": "translation",
    "loader_threads": "1",
}


def train_checkpoints(data: Path, folder: Path, device: str, steps: tuple[int, ...] = STEPS) -> list[int]:
    """Write ``step-NNNNN.safetensors`` for each number of steps that the folder does not have yet, and return these numbers.

    A resumed run gives the same weights as an uninterrupted one on a CPU, so stopping at a checkpoint changes nothing.
    """
    made_here = []
    for count in steps:
        kept = folder / f"step-{count:05d}.safetensors"
        if kept.is_file():
            continue
        options = TrainOptions(data=data, output=folder / "training", steps=count, settings=SETTINGS, device=device)
        made = train_model("dvdgan", str(TASK), options, Progress(enabled=False))
        with written_whole(kept) as temporary:
            shutil.copyfile(made, temporary)
        made_here.append(count)
    return made_here
