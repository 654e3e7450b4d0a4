"""Sampling checkpoints and training states: sealed safetensors with JSON metadata, written whole or not at all.

The files of version 1 carry no digest; they are read as they are.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from dvdgan.checkpoint_record import RECORDS
from dvdgan.config import Settings
from dvdgan.generator import Generator
from dvdgan.layers import SpectralLayer, batch_norms, use_plain_weights
from dvdgan.settings_text import settings_from_values
from vidbench.models import (
    UNSEALED,
    InputError,
    ModelTask,
    check_seal,
    parse_json,
    refuse_more_than_memory,
    safetensors_metadata,
    sealed,
    what_bytes_are,
    written_whole,
)

SAMPLER_FILE = "generator.safetensors"
SAMPLER, STATE = "dvdgan-generator", "dvdgan-training"
_METADATA, _KEEP_STATES = "dvdgan", 2
_SEAL_KEY = rb"\"seal\""  # the metadata is a string in the header, so that its quotes are escaped


class DamagedCheckpointError(InputError):
    """A checkpoint or a state is not what was written."""


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


def read_metadata(path: Path, kind: str) -> dict[str, Any]:
    """Read the metadata of a file of a given kind, `SAMPLER` or `STATE`.

    Raises:
        InputError: no such file, damaged, or another format.
    """
    return _metadata(path, _content(path), kind)


def is_state(path: Path) -> bool:
    """Whether a file is a training state.

    Raises:
        InputError: no such file, or damaged.
    """
    return _metadata(path, _content(path)).get("format") in _formats(STATE)


def _formats(kind: str) -> tuple[str, str]:
    return f"{kind}-1", f"{kind}-2"


def _content(path: Path) -> bytes:
    """The bytes of a file, read once: what is hashed and what is loaded must be the same."""
    if path.exists() and not path.is_file():
        raise InputError(f"{path} is not a file; give a checkpoint that `vidbench train --model dvdgan` wrote.")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"There is no checkpoint {path}; give a file that `vidbench train --model dvdgan` wrote."
        ) from None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check it.") from None


def _metadata(path: Path, content: bytes, kind: str | None = None) -> dict[str, Any]:
    """The metadata, checked: the format's name, and the seal of all files but those of version 1."""
    try:
        metadata: dict[str, Any] = parse_json(safetensors_metadata(content).get(_METADATA, "{}").encode())
        name = metadata.get("format")
    except (ValueError, AttributeError):  # an InputError is a ValueError
        kind_of_file = what_bytes_are(content[:512])
        reason = f"it is {kind_of_file}" if kind_of_file else "it has no readable header"
        raise _damaged(path, reason) from None
    # Before the name is judged: a damaged name, or a damaged key to it, is damage and not another format.
    if _SEAL_KEY in content or name in (f"{SAMPLER}-2", f"{STATE}-2"):
        try:
            check_seal(content)
        except InputError as error:
            raise _damaged(path, error) from None
    if name is not None and not (isinstance(name, str) and len(name) <= 100 and name.isprintable()):
        raise _damaged(path, "its format has no name")
    if kind is not None and name not in _formats(kind):
        raise InputError(
            f"{path} is of format '{name or 'unknown'}', not '{kind}-2'; "
            "give a checkpoint that `vidbench train --model dvdgan` wrote."
        )
    metadata.pop("seal", None)
    if kind is not None:
        try:
            RECORDS[kind].model_validate_json(json.dumps(metadata))
        except ValidationError as error:
            problem = error.errors()[0]
            place = ".".join(map(str, problem["loc"]))
            raise _damaged(path, f"its metadata is not that of a checkpoint: {place}: {problem['msg']}") from None
    return metadata


def _tensors(path: Path, content: bytes) -> dict[str, Tensor]:
    try:
        return load(content)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, MemoryError) as error:
        raise _damaged(path, error) from None


def _damaged(path: Path, reason: object) -> DamagedCheckpointError:
    return DamagedCheckpointError(f"{path} is not a complete safetensors file ({reason}); copy or train it again.")


def to_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> bytes:
    """Serialise to sealed safetensors. All metadata is under one key, since the order of keys varies and files are hashed."""
    return sealed(save(dict(tensors), {_METADATA: json.dumps({**metadata, "seal": UNSEALED}, sort_keys=True)}))


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
        "format": f"{SAMPLER}-2",
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
    return _sampler(path, _content(path), task, device)


def read_hashed_sampler(path: Path, task: ModelTask, device: torch.device) -> tuple[Generator, Settings, str]:
    """Read a generator as `read_sampler`, and the SHA-256 of the bytes that it was made of.

    Raises:
        InputError: as for `read_sampler`.
    """
    content = _content(path)
    return *_sampler(path, content, task, device), sha256(content).hexdigest()


def _sampler(path: Path, content: bytes, task: ModelTask, device: torch.device) -> tuple[Generator, Settings]:
    """Return what `read_sampler` reads, from the content of the file."""
    metadata = _metadata(path, content, SAMPLER)
    check_task(path, metadata, task)
    settings = settings_from_values(metadata["settings"], str(path))
    with torch.device("meta"):
        weights = sum(parameter.numel() for parameter in Generator(task, settings).parameters())
    refuse_more_than_memory(4 * weights, f"The generator of {path} with {weights:,} weights", "give another checkpoint")
    sampler = Generator(task, settings)
    expected = {name: tensor for name, tensor in sampler.state_dict().items() if not name.endswith(".u")}
    tensors = _tensors(path, content)
    if {n: t.shape for n, t in tensors.items()} != {n: t.shape for n, t in expected.items()}:
        raise InputError(f"The tensors of {path} do not match its settings; train it again.")
    if name := first_not_finite(tensors):
        # Black clips would get a score.
        raise InputError(f"The tensor '{name}' of {path} contains NaN or infinity; copy or train it again.")
    sampler.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, strict=False)
    sampler.requires_grad_(False).to(device)
    use_plain_weights(sampler)
    for norm in batch_norms(sampler):
        norm.mode = "standing"
    return sampler.eval(), settings


def first_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first tensor with a NaN or an infinity, None if there is none."""
    return next((name for name, tensor in tensors.items() if not torch.isfinite(tensor).all()), None)


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
    output: Path,
    step: int,
    tensors: Mapping[str, Tensor],
    task: ModelTask,
    settings: Settings,
    seed: int,
    data_sha256: str = "",
) -> Path:
    """Write a training state and delete all but it and the one before.

    Args:
        output: output folder of the run.
        step: generator steps made.
        tensors: all weights, power-iteration vectors, averages and optimiser moments by name.
        task: task that is learned.
        settings: settings of the run.
        seed: seed of the run.
        data_sha256: digest of the training data; empty if unknown.
    """
    metadata = {
        "format": f"{STATE}-2",
        "step": step,
        "seed": seed,
        "data_sha256": data_sha256,
        "task": dataclasses.asdict(task),
        "settings": settings.to_values(),
    }
    path = state_path(output, step)
    whole = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_atomically(path, to_bytes(whole, metadata))
    # A run resumes from the newest state that is sound, so a later one than this is damaged: no help if this one is lost.
    states = list_states(output)
    kept = [each for at, each in states if at <= step][-_KEEP_STATES:]
    for _, each in states:
        if each not in kept:
            each.unlink()
    return path


@dataclasses.dataclass(frozen=True)
class StoredTraining:
    """A training state, whose tensors are read on demand."""

    path: Path
    step: int
    seed: int
    settings: Settings
    data_sha256: str = ""

    def tensors(self) -> tuple[dict[str, Tensor], str]:
        """Read the tensors, on the CPU, and the SHA-256 of the bytes that they are from."""
        content = _content(self.path)
        _metadata(self.path, content, STATE)
        return _tensors(self.path, content), sha256(content).hexdigest()


def find_training(
    output: Path, task: ModelTask | None, say: Callable[[str], None] = lambda text: None
) -> StoredTraining | None:
    """Find the newest undamaged training state in a folder; None for a new run.

    Args:
        output: output folder of the run.
        task: task that is learned; None not to compare it.
        say: called with a sentence for each damaged state that an older one replaces.

    Raises:
        InputError: all states are damaged, or the state is of another model or of another task.
    """
    damaged: list[DamagedCheckpointError] = []
    for _, path in reversed(list_states(output)):
        try:
            stored = read_state(path, task)
        except DamagedCheckpointError as error:
            damaged.append(error)
            continue
        for lost in damaged:
            say(f"Warning: {str(lost).partition(';')[0]}; the run resumes from {path}.")
        return stored
    if damaged:
        raise damaged[0]
    return None


def read_state(path: Path, task: ModelTask | None) -> StoredTraining:
    """Read a training state; without a task, its own is not compared.

    Raises:
        InputError: it is missing, damaged, of another model, or of another task.
    """
    metadata = read_metadata(path, STATE)
    if task is not None:
        check_task(path, metadata, task)
    return StoredTraining(
        path,
        metadata["step"],
        metadata["seed"],
        settings_from_values(metadata["settings"], str(path)),
        metadata.get("data_sha256", ""),
    )
