"""A training setting that clips gradients: it takes effect, is recorded, and is kept by a resumed run."""

import contextlib
import io
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from dvdgan.config import Settings
from dvdgan.settings_text import settings_from_values
from vidbench.cli import run_command

SMALL = ["batch_size=2", "ch=2", "d_ch=2", "latent_dim=4", "embedding_dim=4", "spatial_frames=2", "standing_batches=1"]


def train(output: str, steps: int, *settings: str) -> tuple[int, str]:
    """Run the command; returns its exit code and what it prints on stderr."""
    given = [word for text in (*SMALL, *settings) for word in ("--set", text)]
    command = ["train", "--model", "dvdgan", "--task", "shapes-gen", "--output", output, "--device", "cpu"]
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        return run_command([*command, "--steps", str(steps), *given]), said.getvalue()


def moved(output: str) -> bool:
    """Whether the second update changed the weights of the generator."""
    first, second = (load_file(Path(output) / f"state-0000000{step}.safetensors") for step in (1, 2))
    names = [name for name in first if name.startswith("generator/") and name.endswith("weight")]
    return any(not torch.equal(first[name], second[name]) for name in names)


every = "checkpoint_every=1"
assert train("free", 2, every)[0] == 0
assert moved("free")
assert train("clipped", 1, every, "max_grad_norm=0")[0] == 0
header = json.loads(Path("clipped/train.jsonl").read_text().splitlines()[0])
assert header["settings"]["max_grad_norm"] == 0

code, said = train("clipped", 2, every, "max_grad_norm=1")
assert code == 2, code
assert "started with max_grad_norm=0.0 and cannot be resumed with max_grad_norm=1.0" in said, said
assert train("clipped", 2, every)[0] == 0  # a resumed run keeps it
assert not moved("clipped")

code, said = train("wrong", 1, "max_grad_norm=-1")
assert code == 2, code
assert "Setting 'max_grad_norm' is -1; give a number of at least 0." in said, said

older = Settings().to_values()
del older["max_grad_norm"]
assert settings_from_values(older, "a file") == Settings()
