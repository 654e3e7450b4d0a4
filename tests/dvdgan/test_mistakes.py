"""Mistakes of other implementations of DVD-GAN; each fails a test, here or in the named file.

Conditioning rows out of order: here and test_networks. Scale of the conditional BatchNorm: here. Another
recurrence (tanh, u on the new value): test_layers. Hinge per frame: test_networks. One set of frame
numbers for a batch, one D step, fakes used twice, BatchNorm pooled over time, no BatchNorm before the image: here.
Swapped learning rates, other betas: test_choices. No averaging, another loss: training/test_loop, test_networks.
"""

import dataclasses

import numpy as np
import pytest
import torch

from dvdgan.config import MODELS
from dvdgan.generator import Generator
from dvdgan.layers import ConditionalBatchNorm, batch_norms, initialise, normalise_weights
from dvdgan.settings_text import settings_from_text
from dvdgan.training.update import Networks
from vidbench.models import ModelTask

WIDTHS = {"ch": "4", "g_multipliers": "1,2", "latent_dim": "6", "embedding_dim": "5", "tower_ch": "4"}


def generator_for(model: str, task: ModelTask) -> Generator:
    generator = Generator(task, settings_from_text(WIDTHS, MODELS[model]))
    initialise(generator, torch.Generator().manual_seed(0))
    normalise_weights(generator, torch.float32, 1e-4)
    return generator.requires_grad_(False)


def task_for(model: str) -> ModelTask:
    return ModelTask("t", 6, 2 if model == "dvdgan-fp" else 0, 16, 16, ("a", "b", "c"))


MODEL_NAMES = pytest.mark.parametrize("model", ["dvdgan", "dvdgan-v1", "dvdgan-fp"])


def inputs_for(task: ModelTask, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    rng = torch.Generator().manual_seed(1)
    context = torch.rand(count, task.context_frames, 3, 16, 16, generator=rng) * 2 - 1 if task.context_frames else None
    return torch.randn(count, 6, generator=rng), torch.arange(count) % 3, context


@MODEL_NAMES
def test_every_row_of_every_conditional_norm_gets_the_code_of_its_own_sample(model):
    task = task_for(model)
    generator, count = generator_for(model, task), 4
    inputs, frames = inputs_for(task, count), task.predicted_frames
    for norm in batch_norms(generator):
        norm.register_forward_hook(lambda module, given, out: seen.append((module, *given, out)))
    seen: list = []
    generator(*inputs)
    assert len(seen) == 9  # two groups of two blocks of two, and the head
    for norm, x, code, out in seen:
        by_clip = x.unflatten(0, (count, frames)).double()
        mean, var = by_clip.mean((0, 3, 4), keepdim=True), by_clip.var((0, 3, 4), keepdim=True, correction=0)
        normal = (by_clip - mean) / (var + 1e-5).sqrt()
        for n in range(count):
            scale, shift = 1 + norm.scale(code[n : n + 1])[0], norm.shift(code[n : n + 1])[0]
            expected = (normal[n] * scale[:, None, None] + shift[:, None, None]).clamp_min(0).float()
            torch.testing.assert_close(out.unflatten(0, (count, frames))[n], expected, rtol=1e-3, atol=1e-3)


@MODEL_NAMES
def test_batch_norm_is_per_time_step_in_every_model(model):
    task = task_for(model)
    assert {norm.standing_mean.shape[0] for norm in batch_norms(generator_for(model, task))} == {task.predicted_frames}


@pytest.mark.parametrize("model", ["dvdgan", "dvdgan-fp"])
def test_nothing_flows_back_in_time_through_the_whole_generator(model):
    task = task_for(model)
    generator, inputs = generator_for(model, task), inputs_for(task_for(model), 3)
    before, frames = generator(*inputs), task.predicted_frames

    def from_the_third(module, given, states):
        states = states.unflatten(0, (3, frames)).clone()
        states[:, 2:] += 0.5 * torch.rand(states[:, 2:].shape)
        return states.flatten(0, 1)

    generator.groups[0].gru.register_forward_hook(from_the_third)
    after = generator(*inputs)
    assert torch.equal(after[:, :2], before[:, :2])
    assert ((after - before)[:, 2:].abs().amax((0, 2, 3, 4)) > 1e-3).all()


def test_the_scale_of_conditional_batch_norm_starts_at_one():
    norm = ConditionalBatchNorm(6, 10, num_frames=2, eps=1e-5)
    initialise(norm, torch.Generator().manual_seed(0))
    normalise_weights(norm, torch.float32, 1e-4)
    codes = torch.randn(20_000, 10, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        assert torch.equal(1 + norm.scale(torch.zeros(1, 10)), torch.ones(1, 6))
        torch.testing.assert_close((1 + norm.scale(codes)).mean(0), torch.ones(6), rtol=0, atol=0.05)
        torch.testing.assert_close(norm.shift(codes).mean(0), torch.zeros(6), rtol=0, atol=0.05)


def test_the_image_comes_after_a_conditional_norm():
    generator = generator_for("dvdgan", task_for("dvdgan"))
    seen: list = []
    for name in ("head_norm", "head"):
        getattr(generator, name).register_forward_hook(lambda module, given, out: seen.append((given[0], out)))
    clips = generator(*inputs_for(task_for("dvdgan"), 2))
    (_, normal), (given, image) = seen
    assert torch.equal(normal, given)
    assert torch.equal(torch.tanh(image), clips.flatten(0, 1))


def test_two_steps_of_d_and_one_of_g_each_on_fakes_of_its_own(task, tiny_settings):
    settings = settings_from_text({**tiny_settings, "batch_size": "8"})
    assert settings.d_steps == 2
    networks = Networks(task, settings, 0, torch.device("cpu"))
    latents, frames, asked = [], [], []
    networks.generator.register_forward_pre_hook(lambda module, given: latents.append(given[0]))
    spatial = networks.discriminators["spatial"]
    spatial.register_forward_pre_hook(lambda module, given: frames.append(given[0]))
    batch = torch.randint(0, 256, (8, 5, 8, 8, 3), dtype=torch.uint8), torch.arange(8) % 3
    before = {name: p.detach().clone() for name, p in networks.generator.named_parameters()}

    def take(draw: int):
        asked.append(draw)
        assert all(torch.equal(p, before[name]) for name, p in networks.generator.named_parameters())
        return batch

    networks.update(0, take)
    assert asked == [0, 1]
    assert len({tuple(z.flatten().tolist()) for z in latents}) == 3
    networks.update(1, lambda draw: batch)
    assert len({tuple(z.flatten().tolist()) for z in latents}) == 6


def test_each_clip_of_a_batch_shows_its_own_frames(tiny_settings):
    task = ModelTask("t", 12, 0, 8, 8, ())
    settings = dataclasses.replace(settings_from_text(tiny_settings), spatial_frames=4, batch_size=16)
    networks, seen = Networks(task, settings, 0, torch.device("cpu")), []
    spatial = networks.discriminators["spatial"]
    spatial.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    # The level of every real frame is its number, so the first half of a D step shows which frames were drawn.
    levels = torch.arange(12, dtype=torch.uint8).view(1, 12, 1, 1, 1).expand(16, 12, 8, 8, 3).contiguous()
    networks.update(0, lambda draw: (levels, torch.zeros(16, dtype=torch.int64)))
    drawn = ((seen[0][:16, :, 0, 0, 0] + 1) * 127.5).round().int().numpy()
    assert drawn.shape == (16, 4)
    assert all(len(set(row)) == 4 for row in drawn.tolist())
    assert len({tuple(sorted(row)) for row in drawn.tolist()}) > 10
    again = ((seen[1][:16, :, 0, 0, 0] + 1) * 127.5).round().int().numpy()
    assert not np.array_equal(drawn, again)
