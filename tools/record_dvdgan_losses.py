"""Record the losses of a tiny DVD-GAN training run for tests/dvdgan/training/test_golden.py.

    python tools/record_dvdgan_losses.py tests/golden/dvdgan_losses.json

A second run uses other convolution kernels (oneDNN off), which sum in a different order. How far the two curves
diverge indicates how far two machines may; it is recorded next to the tolerances, which are several times larger.
"""

from __future__ import annotations

import importlib.util
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dvdgan.model import DVDGAN
from dvdgan.training.training_log import versions
from vidbench.models import ModelTask, TrainRequest

NAMES = ("loss_spatial", "loss_temporal", "loss_generator", "real_spatial", "fake_temporal")
STEPS, SEED = 50, 3
SETTINGS = {"batch_size": "4", "log_every": "1", "checkpoint_every": "100"}
TOLERANCE, TOLERANCE_FIRST_5 = 0.01, 0.001


def main() -> None:
    """Train twice, compare the losses and write the record."""
    torch.set_num_threads(1)
    recorded = _train()
    with torch.backends.mkldnn.flags(enabled=False):
        other = _train()
    apart = {name: np.abs(np.subtract(recorded[name], other[name])) for name in NAMES}
    golden = {
        "command": "python tools/record_dvdgan_losses.py tests/golden/dvdgan_losses.json",
        "versions": versions() | {"machine": platform.machine()},
        "seed": SEED,
        "steps": STEPS,
        "settings": SETTINGS,
        "settings_beside": "TINY of tests/dvdgan/conftest.py, clips of ColourClips there",
        "tolerance": TOLERANCE,
        "tolerance_first_5": TOLERANCE_FIRST_5,
        "apart_without_onednn": float(max(values.max() for values in apart.values())),
        "apart_without_onednn_first_5": float(max(values[:5].max() for values in apart.values())),
        "losses": recorded,
    }
    Path(sys.argv[1]).write_text(json.dumps(golden, indent=1) + "\n")
    print({name: value for name, value in golden.items() if name.startswith(("apart", "tolerance"))})
    print({name: round(float(np.std(values)), 3) for name, values in recorded.items()})


def _train() -> dict[str, list[float]]:
    fixtures = _fixtures()
    task = ModelTask("tiny", 5, 0, 8, 8, ("red", "blue", "green"))
    with tempfile.TemporaryDirectory() as folder:
        settings = {**fixtures.TINY, **SETTINGS}
        DVDGAN.train(TrainRequest(task, fixtures.ColourClips(task), Path(folder), STEPS, SEED, "cpu", settings))
        lines = [json.loads(line) for line in (Path(folder) / "train.jsonl").read_text().splitlines()]
    return {name: [line[name] for line in lines if name in line] for name in NAMES}


def _fixtures() -> Any:
    path = Path(__file__).parents[1] / "tests" / "dvdgan" / "conftest.py"
    spec = importlib.util.spec_from_file_location("dvdgan_fixtures", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"cannot load {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
