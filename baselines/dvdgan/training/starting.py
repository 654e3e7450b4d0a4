"""A training that begins where another ended: with its generator alone, or with everything its training state holds."""

from __future__ import annotations

from pathlib import Path

import torch

from dvdgan import checkpoint
from dvdgan.config import Settings
from dvdgan.layers import point_at_top_vectors
from dvdgan.settings_text import as_text
from dvdgan.training.update import Networks
from vidbench.models import InputError, ModelTask, file_sha256

_OF_GENERATOR = (
    "architecture", "ch", "g_multipliers", "state_fraction", "gru_steps", "attention_keys", "attention_values",
    "tower_ch", "latent_dim", "embedding_dim", "embedding_scale", "upsampling", "bn_eps",
)  # fmt: skip
"""The settings that say which function a generator's weights are."""

_OF_DISCRIMINATORS = ("d_ch", "d_multipliers", "discriminators", "phi", "time_pooling")
"""Those that say it of the discriminators' weights; how many frames they are shown may change."""


def start_from(networks: Networks, settings: Settings, task: ModelTask) -> str:
    """Give the networks what the setting `start` names: a file, or the newest training state of a training's folder
    (its sampling checkpoint, where it has no state).

    A training state holds everything: generator, its average, discriminators and the optimisers' moments, all of which
    go on from there. A sampling checkpoint holds an averaged generator alone, and the discriminators begin anew.

    Returns:
        The file's SHA-256.

    Raises:
        InputError: no such file, one for another task, or of other networks (names the first difference).
    """
    path = Path(settings.start)
    if path.is_dir():
        states = checkpoint.list_states(path)
        path = states[-1][1] if states else checkpoint.find_sampler(path)
    if checkpoint.is_state(path):
        _start_from_state(networks, path, settings, task)
    else:
        _start_from_sampler(networks, path, settings, task)
    return file_sha256(path)


def _start_from_state(networks: Networks, path: Path, settings: Settings, task: ModelTask) -> None:
    stored = checkpoint.read_state(path, task)
    _check(path, "networks", stored.settings, settings, (*_OF_GENERATOR, *_OF_DISCRIMINATORS))
    networks.restore(stored.tensors())


def _start_from_sampler(networks: Networks, path: Path, settings: Settings, task: ModelTask) -> None:
    """The weights there are divided by their singular values, which is the same network. The power iteration starts
    where it would end, so that the first update already computes what the checkpoint does, up to the batch's own
    statistics.
    """
    sampler, theirs = checkpoint.read_sampler(path, task, torch.device("cpu"))
    _check(path, "a generator", theirs, settings, _OF_GENERATOR)
    with torch.no_grad():
        weights = dict(sampler.named_parameters())
        for name, parameter in networks.generator.named_parameters():
            parameter.copy_(weights[name])
            networks.average[name].copy_(weights[name])
    point_at_top_vectors(networks.generator)


def _check(path: Path, what: str, theirs: Settings, ours: Settings, names: tuple[str, ...]) -> None:
    for name in names:
        old, new = as_text(getattr(theirs, name)), as_text(getattr(ours, name))
        if old != new:
            raise InputError(
                f"{path} holds {what} with {name}={old} and this training has {name}={new}; set it as there, or leave "
                "out the setting start."
            )
