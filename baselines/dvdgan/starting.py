"""A training that begins with the generator of a finished one: its sampling checkpoint, and discriminators anew."""

from __future__ import annotations

from pathlib import Path

import torch

from dvdgan.checkpoint import find_sampler, read_sampler, sha256_file
from dvdgan.config import Settings
from dvdgan.layers import point_at_top_vectors
from dvdgan.settings_text import as_text
from dvdgan.update import Networks
from vidbench.models import InputError, ModelTask

_SHAPING = (
    "architecture", "ch", "g_multipliers", "state_fraction", "gru_steps", "attention_keys", "attention_values",
    "tower_ch", "latent_dim", "embedding_dim", "embedding_scale", "upsampling", "bn_eps",
)  # fmt: skip
"""The settings that say which function a generator's weights are."""


def start_from(networks: Networks, settings: Settings, task: ModelTask) -> str:
    """Give the generator, and its average, the weights of the checkpoint that the setting `start` names.

    The weights there are divided by their singular values, which is the same network. The power iteration starts where
    it would end, so that the first update already computes what the checkpoint does, up to the batch's own statistics.

    Returns:
        The checkpoint's SHA-256.

    Raises:
        InputError: no such checkpoint, one for another task, or of another generator (names the first difference).
    """
    path = find_sampler(Path(settings.start))
    sampler, theirs = read_sampler(path, task, torch.device("cpu"))
    for name in _SHAPING:
        old, new = as_text(getattr(theirs, name)), as_text(getattr(settings, name))
        if old != new:
            raise InputError(
                f"{path} holds a generator with {name}={old} and this training has {name}={new}; set it as there, or "
                "leave out the setting start."
            )
    with torch.no_grad():
        weights = dict(sampler.named_parameters())
        for name, parameter in networks.generator.named_parameters():
            parameter.copy_(weights[name])
            networks.average[name].copy_(weights[name])
    point_at_top_vectors(networks.generator)
    return sha256_file(path)
