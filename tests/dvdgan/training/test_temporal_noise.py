"""Noise and held-out context frames before the temporal discriminator, in training alone."""

import numpy as np
import pytest
import torch

from dvdgan.config import MODELS
from dvdgan.settings_text import settings_from_text
from dvdgan.training.temporal_noise import add_noise, noise_draws, noise_strength
from dvdgan.training.update import Networks
from vidbench.models import ModelTask


def slow_noise(seed: int, place: int) -> float:
    """One value, in Python's integers."""
    x = (seed + place * 0x9E3779B9) % 2**32
    x = (x ^ x >> 16) * 0x7FEB352D % 2**32
    x = (x ^ x >> 15) * 0x846CA68B % 2**32
    return ((x ^ x >> 16) / 2**31 - 1) * 3**0.5


def test_values_are_hashes_of_seed_and_place_that_look_independent():
    seeds = torch.from_numpy(noise_draws(5, 64))
    values = add_noise(torch.zeros(64, 4, 3, 8, 8), seeds, torch.tensor(1.0)).flatten(1).numpy()
    for clip, place in ((0, 0), (1, 7), (63, 767)):
        assert values[clip, place] == pytest.approx(slow_noise(int(seeds[clip]), place), abs=1e-6)
    assert values.mean() == pytest.approx(0, abs=0.02)
    assert values.std() == pytest.approx(1, abs=0.01)
    apart = np.abs(np.corrcoef(values) - np.eye(64))
    along = np.corrcoef(values[:, :-1].ravel(), values[:, 1:].ravel())[0, 1]
    assert apart.max() < 6 / 768**0.5
    assert abs(along) < 0.02
    clips = torch.rand(64, 4, 3, 8, 8, dtype=torch.bfloat16)
    assert add_noise(clips, seeds, torch.tensor(0.0)).equal(clips)


def test_the_noise_fades_linearly_or_stays():
    fading = settings_from_text({"temporal_noise": "0.5", "temporal_noise_end": "4"})
    assert [noise_strength(fading, step) for step in (0, 1, 4, 9)] == [0.5, 0.375, 0, 0]
    assert noise_strength(settings_from_text({"temporal_noise": "0.5"}), 10**6) == 0.5
    assert all(settings.temporal_noise == 0 and settings.temporal_context is None for settings in MODELS.values())


def test_d_t_alone_sees_noise_and_the_last_context_frames(tiny_settings):
    task = ModelTask("t", 6, 3, 8, 8, ())
    given = {"temporal_noise": "0.5", "temporal_noise_end": "2", "temporal_context": "1", "spatial_frames": "3"}
    networks = Networks(task, settings_from_text({**tiny_settings, **given}), 0, torch.device("cpu"))
    seen = {"spatial": [], "temporal": [], "generator": []}
    for name, network in (("generator", networks.generator), *networks.discriminators.items()):
        network.register_forward_hook(
            lambda module, inputs, out, name=name: seen[name].append(out if name == "generator" else inputs[0])
        )
    batch = torch.full((3, 6, 8, 8, 3), 102, dtype=torch.uint8), torch.zeros(3, dtype=torch.int64)  # -0.2
    for step in range(3):
        networks.update(step, lambda draw: batch)
    for place, deviation in ((0, 0.5), (3, 0.25), (6, 0)):  # the first D step of each update
        real, fake = seen["temporal"][place].chunk(2)
        assert real.shape == (3, 4, 3, 8, 8)  # one context frame of three, and the generated ones
        assert float((real + 0.2).std()) == pytest.approx(deviation, abs=0.03)
        assert float((fake[:, 1:] - seen["generator"][place]).std()) == pytest.approx(deviation, abs=0.03)
    real = seen["spatial"][0].chunk(2)[0]
    torch.testing.assert_close(real, torch.full_like(real, -0.2))
    first, second = (seen["temporal"][place].chunk(2)[0] for place in (0, 1))
    assert abs(np.corrcoef((first + 0.2).flatten(), (second + 0.2).flatten())[0, 1]) < 0.2  # each step has its own
