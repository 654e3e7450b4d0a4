"""A run that starts from the result of another: from its generator alone, or from its whole training state."""

from __future__ import annotations

from pathlib import Path

import torch

from dvdgan import checkpoint
from dvdgan.config import Settings, settings_that_decide
from dvdgan.layers import point_at_top_vectors
from dvdgan.setting import value_as_text
from dvdgan.training.update import Networks
from vidbench.models import InputError, ModelTask


def start_from(networks: Networks, settings: Settings, task: ModelTask) -> str:
    """Load into the networks what the setting `start` names.

    That is a file, or the newest training state of an output folder, or its sampling checkpoint if it has no state. A
    training state restores everything: generator, its average, discriminators and the optimisers' moments. A sampling
    checkpoint has an averaged generator alone, and the discriminators start from new weights.

    Returns:
        The SHA-256 of the bytes that the weights are from.

    Raises:
        InputError: no such file, one for another task, or of other networks (names the first difference).
    """
    path = start_file(settings)
    if checkpoint.is_state(path):
        stored = checkpoint.read_state(path, task)
        _check_networks(path, stored.settings, settings, (*_generator_settings(task), *_discriminator_settings()))
        tensors, sha256 = stored.tensors()
        networks.restore(tensors, path)
        return sha256
    return _start_from_sampler(networks, path, settings, task)


def start_file(settings: Settings) -> Path:
    """Return the file that the setting `start` names, which may not exist."""
    path = Path(settings.start)
    if path.is_dir():
        states = checkpoint.list_states(path)
        return states[-1][1] if states else checkpoint.find_sampler(path)
    return path


def _generator_settings(task: ModelTask) -> tuple[str, ...]:
    return settings_that_decide("generator", "tower") if task.context_frames else settings_that_decide("generator")


def _discriminator_settings() -> tuple[str, ...]:
    return settings_that_decide("discriminators")


def _start_from_sampler(networks: Networks, path: Path, settings: Settings, task: ModelTask) -> str:
    """The weights there are divided by their singular values, which is the same network. The power iteration starts
    where it would converge, so that the first update already computes what the checkpoint does, up to the batch's own
    statistics.
    """
    sampler, theirs, sha256 = checkpoint.read_hashed_sampler(path, task, torch.device("cpu"))
    _check_networks(path, theirs, settings, _generator_settings(task))
    with torch.no_grad():
        weights = dict(sampler.named_parameters())
        for name, parameter in networks.generator.named_parameters():
            parameter.copy_(weights[name])
            networks.average[name].copy_(weights[name])
    point_at_top_vectors(networks.generator)
    return sha256


def _check_networks(path: Path, theirs: Settings, ours: Settings, names: tuple[str, ...]) -> None:
    for name in names:
        old, new = value_as_text(getattr(theirs, name)), value_as_text(getattr(ours, name))
        if old != new:
            raise InputError(
                f"{path} was trained with {name}={old} and this run has {name}={new}; set it to {old}, or leave out the "
                "setting start."
            )
