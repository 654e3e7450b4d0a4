"""Sampling checkpoints and training states: safetensors with JSON metadata, written whole or not at all."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from dvdgan.config import Settings
from dvdgan.generator import Generator
from dvdgan.layers import SpectralLayer, batch_norms, use_plain_weights
from dvdgan.settings_text import settings_from_values
from vidbench.models import InputError, ModelTask, written_whole

SAMPLER_FILE = "generator.safetensors"
_SAMPLER, _STATE = "dvdgan-generator-1", "dvdgan-training-1"
_METADATA, _KEEP_STATES = "dvdgan", 2


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


def read_metadata(path: Path, kind: str) -> dict[str, Any]:
    """Read the metadata of a file of a given format.

    Raises:
        InputError: no such file, not safetensors, or another format.
    """
    metadata = _metadata(path)
    if metadata.get("format") != kind:
        raise InputError(
            f"{path} is of format '{metadata.get('format', 'unknown')}', not '{kind}'; "
            "give a checkpoint that `vidbench train --model dvdgan` wrote."
        )
    return metadata


def is_state(path: Path) -> bool:
    """Whether a file is a training state.

    Raises:
        InputError: no such file, or not safetensors.
    """
    return _metadata(path).get("format") == _STATE


def _metadata(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(f"There is no checkpoint {path}; give a file that `vidbench train --model dvdgan` wrote.")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_METADATA, "{}")
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a complete safetensors file ({error}); copy or train it again.") from None
    metadata: dict[str, Any] = json.loads(text)
    return metadata


def to_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> bytes:
    """Serialise to safetensors. All metadata is under one key, since the order of keys varies and files are hashed."""
    return save(dict(tensors), {_METADATA: json.dumps(dict(metadata), sort_keys=True)})


def check_task(path: Path, metadata: Mapping[str, Any], task: ModelTask) -> None:
    """Refuse a checkpoint for clips of another shape or for other classes.

    Raises:
        InputError: names the first difference.
    """
    stored = metadata["task"]
    for key, unit in (("height", "pixels high"), ("width", "pixels wide"), ("num_frames", "frames long")):
        if stored[key] != getattr(task, key):
            raise InputError(
                f"{path} generates clips {stored[key]} {unit} and task '{task.name}' needs {getattr(task, key)}; "
                f"give a checkpoint trained for it, or train one with `vidbench train --model dvdgan --task {task.name}`."
            )
    if stored["context_frames"] != task.context_frames:
        raise InputError(
            f"{path} was trained with {stored['context_frames']} context frames and task '{task.name}' has "
            f"{task.context_frames}; give a checkpoint trained for it."
        )
    if list(stored["class_names"]) != list(task.class_names):
        raise InputError(
            f"{path} was trained on the {len(stored['class_names'])} classes of task '{stored['name']}', which are not "
            f"the {task.num_classes} of task '{task.name}'; give a checkpoint trained for it."
        )


def write_sampler(
    path: Path, sampler: Generator, task: ModelTask, settings: Settings, origin: Mapping[str, Any]
) -> None:
    """Write a sampler from `make_sampler`: baked weights as float16 (their own precision), the rest as float32.

    Args:
        path: file to write.
        sampler: the generator.
        task: the task it was trained for.
        settings: its settings.
        origin: provenance (steps, seed, versions), stored as JSON.
    """
    half = {f"{name}.weight" for name, layer in sampler.named_modules() if isinstance(layer, SpectralLayer)}
    tensors = {
        name: (tensor.half() if name in half else tensor.float()).contiguous().cpu()
        for name, tensor in sampler.state_dict().items()
        if not name.endswith(".u")
    }
    metadata = {
        "format": _SAMPLER,
        "task": dataclasses.asdict(task),
        "settings": settings.to_values(),
        "origin": dict(origin),
    }
    write_atomically(path, to_bytes(tensors, metadata))


def read_sampler(path: Path, task: ModelTask, device: torch.device) -> tuple[Generator, Settings]:
    """Read a generator ready to sample, float32, with standing statistics, and its settings.

    Raises:
        InputError: the file is missing, damaged, of another model, or for clips of another shape.
    """
    metadata = read_metadata(path, _SAMPLER)
    check_task(path, metadata, task)
    settings = settings_from_values(metadata["settings"], str(path))
    sampler = Generator(task, settings)
    expected = {name: tensor for name, tensor in sampler.state_dict().items() if not name.endswith(".u")}
    tensors = load_file(path)
    if {n: t.shape for n, t in tensors.items()} != {n: t.shape for n, t in expected.items()}:
        raise InputError(f"The tensors of {path} do not match its settings; train it again.")
    sampler.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=False)
    sampler.requires_grad_(False).to(device)
    use_plain_weights(sampler)
    for norm in batch_norms(sampler):
        norm.mode = "standing"
    return sampler.eval(), settings


def find_sampler(checkpoint: Path) -> Path:
    """Resolve a path to a sampling checkpoint: the file itself, or the one in the output folder of a run."""
    return checkpoint / SAMPLER_FILE if checkpoint.is_dir() else checkpoint


def state_path(output: Path, step: int) -> Path:
    """Path of the training state after `step` generator steps."""
    return output / f"state-{step:08d}.safetensors"


def list_states(output: Path) -> list[tuple[int, Path]]:
    """List the training states in a folder as (step, path), oldest first."""
    found = []
    for path in output.glob("state-*.safetensors"):
        if match := re.fullmatch(r"state-(\d{8,})\.safetensors", path.name):
            found.append((int(match[1]), path))
    return sorted(found)


def write_state(
    output: Path, step: int, tensors: Mapping[str, Tensor], task: ModelTask, settings: Settings, seed: int
) -> Path:
    """Write a training state and delete all but the last two.

    Args:
        output: output folder of the run.
        step: generator steps made.
        tensors: all weights, power-iteration vectors, averages and optimiser moments by name.
        task: task that is learned.
        settings: settings of the run.
        seed: seed of the run.
    """
    metadata = {
        "format": _STATE,
        "step": step,
        "seed": seed,
        "task": dataclasses.asdict(task),
        "settings": settings.to_values(),
    }
    path = state_path(output, step)
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_atomically(path, to_bytes(whole, metadata))
    for _, old in list_states(output)[:-_KEEP_STATES]:
        old.unlink()
    return path


@dataclasses.dataclass(frozen=True)
class StoredTraining:
    """A training state, whose tensors are read on demand."""

    path: Path
    step: int
    seed: int
    settings: Settings

    def tensors(self) -> dict[str, Tensor]:
        """Read the tensors, on the CPU."""
        return load_file(self.path)


def find_training(output: Path, task: ModelTask) -> StoredTraining | None:
    """Find the newest training state in a folder; None for a new run.

    Raises:
        InputError: the state is damaged, of another model, or of another task.
    """
    states = list_states(output)
    return read_state(states[-1][1], task) if states else None


def read_state(path: Path, task: ModelTask) -> StoredTraining:
    """Read a training state.

    Raises:
        InputError: it is missing, damaged, of another model, or of another task.
    """
    metadata = read_metadata(path, _STATE)
    check_task(path, metadata, task)
    return StoredTraining(
        path, metadata["step"], metadata["seed"], settings_from_values(metadata["settings"], str(path))
    )
