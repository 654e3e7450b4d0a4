"""The two networks: shapes, conditioning, scores."""

import dataclasses

import numpy as np
import pytest
import torch

from dvdgan import blocks, noise
from dvdgan.discriminators import ProjectionHead, SpatialDiscriminator, TemporalDiscriminator
from dvdgan.generator import Generator, from_uint8, to_uint8
from dvdgan.layers import SpectralLayer, initialise, normalise_weights
from dvdgan.losses import discriminator_loss, generator_loss
from dvdgan.settings_text import settings_from_text
from dvdgan.training.inputs import pick_frames
from dvdgan.training.update import Networks
from dvdgan.widths import generator_widths, resolution_groups
from vidbench.models import InputError


def build(kind, task, settings, seed=0):
    network = kind(task, settings)
    initialise(network, torch.Generator().manual_seed(seed))
    normalise_weights(network, torch.float32, 1e-4)
    return network


@pytest.mark.parametrize(("side", "groups"), [(8, 1), (16, 2), (32, 3), (64, 4)])
def test_shapes(task, tiny_settings, side, groups):
    task = dataclasses.replace(task, height=side, width=side, num_frames=3)
    settings = settings_from_text(tiny_settings)
    generator = build(Generator, task, settings)
    assert len(generator.groups) == groups
    assert generator_widths(settings, groups) == [8] * groups + [4]
    labels = torch.tensor([0, 2])
    clips = generator(torch.randn(2, 6), labels)
    assert clips.shape == (2, 3, 3, side, side)
    assert clips.abs().max() <= 1
    assert (clips[:, 0] - clips[:, 1]).abs().max() > 1e-3
    assert build(SpatialDiscriminator, task, settings)(clips, labels).shape == (2,)
    assert build(TemporalDiscriminator, task, settings)(clips, labels).shape == (2,)


def test_defaults_fit_the_shipped_size(task):
    shapes = dataclasses.replace(
        task, height=32, width=32, num_frames=12, class_names=tuple("abcdefghijklmnopqrstuvwx")
    )
    count = sum(parameter.numel() for parameter in Generator(shapes, settings_from_text({})).parameters())
    assert 2 * count < 9.5e6


def test_every_weight_is_spectrally_normalised(task, tiny_settings):
    networks = Networks(task, settings_from_text(tiny_settings), 0, torch.device("cpu"))
    for network in (networks.generator, *networks.discriminators.values()):
        covered = {id(m.weight) for m in network.modules() if isinstance(m, SpectralLayer)}
        assert all(id(p) in covered for p in network.parameters() if p.dim() > 1)


def test_conditioning_rows_follow_their_own_sample(task, tiny_settings):
    generator = build(Generator, task, settings_from_text(tiny_settings))
    z, labels = torch.randn(4, 6, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 1])
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        torch.testing.assert_close(
            generator(z[order], labels[order]), generator(z, labels)[order], rtol=1e-3, atol=1e-4
        )
        changed, before = generator(torch.cat([z[:3], z[3:] + 1]), labels), generator(z, labels)
    # The others change slightly, through the statistics of the batch.
    assert (changed[3] - before[3]).abs().mean() > 2 * (changed[:3] - before[:3]).abs().mean()


def test_the_label_matters(task, tiny_settings):
    generator = build(Generator, task, settings_from_text(tiny_settings))
    z = torch.randn(1, 6).expand(3, -1)
    with torch.no_grad():
        clips = generator(z, torch.tensor([0, 1, 1]))
    assert (clips[0] - clips[1]).abs().mean() > 0.02
    torch.testing.assert_close(clips[1], clips[2])


def test_projection_score_is_its_formula():
    head = ProjectionHead(4, 3)
    initialise(head, torch.Generator().manual_seed(0))
    normalise_weights(head, torch.float32, 1e-4)
    with torch.no_grad():
        head.linear.bias.fill_(0.7)
        maps, labels = torch.randn(6, 4, 2, 2), torch.tensor([2, 0])
        got = head(maps, labels).numpy()
        weight, rows = head.linear.effective.numpy()[0], head.embedding.effective.numpy()
    h = np.maximum(maps.numpy(), 0).sum((2, 3))
    for n, label in enumerate([2, 0]):
        expected = sum(weight @ h[3 * n + p] + 0.7 + rows[label] @ h[3 * n + p] for p in range(3))
        np.testing.assert_allclose(got[n], expected, rtol=1e-5)


def test_the_spatial_score_is_the_sum_over_frames_and_the_temporal_one_sees_their_order(task, tiny_settings):
    settings, labels = settings_from_text(tiny_settings), torch.tensor([1, 2])
    spatial, temporal = build(SpatialDiscriminator, task, settings), build(TemporalDiscriminator, task, settings)
    clips = torch.rand(2, 5, 3, 8, 8) * 2 - 1
    with torch.no_grad():
        alone = sum(spatial(clips[:, t : t + 1], labels) for t in range(5))
        torch.testing.assert_close(spatial(clips, labels), alone, rtol=1e-4, atol=1e-4)
        shuffled = clips[:, [3, 1, 4, 0, 2]]
        torch.testing.assert_close(spatial(shuffled, labels), alone, rtol=1e-4, atol=1e-4)
        assert (temporal(shuffled, labels) - temporal(clips, labels)).abs().min() > 1e-4
        for t in range(5):
            changed = clips.clone()
            changed[:, t] *= -1
            assert (temporal(changed, labels) - temporal(clips, labels)).abs().min() > 1e-4


def test_the_temporal_discriminator_sees_only_2x2_means(task, tiny_settings):
    settings, labels = settings_from_text(tiny_settings), torch.tensor([1, 2])
    clips = torch.rand(2, 5, 3, 8, 8) - 0.5
    checks = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(4, 4) * 0.3
    temporal, spatial = build(TemporalDiscriminator, task, settings), build(SpatialDiscriminator, task, settings)
    with torch.no_grad():
        torch.testing.assert_close(temporal(clips + checks, labels), temporal(clips, labels), rtol=1e-4, atol=1e-4)
        assert (spatial(clips + checks, labels) - spatial(clips, labels)).abs().min() > 1e-3


def test_the_hinge_is_taken_on_the_summed_score():
    frames_real, frames_fake = torch.tensor([[3.0, -1.0], [0.5, 0.0]]), torch.tensor([[-4.0, 1.0], [0.25, -0.5]])
    got = discriminator_loss(frames_real.sum(1), frames_fake.sum(1))
    assert got.item() == pytest.approx((0 + 0.5) / 2 + (0 + 0.75) / 2)
    assert generator_loss(frames_fake.sum(1)).item() == pytest.approx((3 + 0.25) / 2)


def test_frames_are_drawn_independently_per_clip_and_picked_from_their_own():
    draws = noise.frame_draws(7, 400, 12, 8)
    assert draws.shape == (400, 8)
    assert all(len(set(row)) == 8 for row in draws)
    assert len({tuple(sorted(row)) for row in draws}) > 200
    assert np.bincount(draws.ravel(), minlength=12) == pytest.approx(np.full(12, 400 * 8 / 12), rel=0.15)
    clips = torch.arange(3 * 5).view(3, 5, 1, 1, 1).float()
    own = noise.frame_draws(1, 3, 5, 2)
    assert torch.equal(pick_frames(clips, own).view(3, 2), torch.from_numpy(own + 5 * np.arange(3)[:, None]).float())


def test_noise_is_normal_and_uses_all_64_bits_of_a_seed():
    values = noise.normal_variates(5, 200, 500)
    assert values.dtype == np.float32
    assert abs(values.mean()) < 0.01
    assert abs(values.std() - 1) < 0.01
    assert abs((values**4).mean() - 3) < 0.1
    assert np.array_equal(noise.normal_variates(5, 4), noise.normal_variates(5, 4))
    assert not np.array_equal(noise.normal_variates(5, 4), noise.normal_variates(5 + 2**33, 4))
    np.testing.assert_allclose(noise.normal_variates(2**64 - 1, 3), noise.normal_variates(2**64 - 1, 3))


def test_pixels_survive_the_way_into_the_network_and_back():
    clips = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 4, 8, 8, 3)
    assert np.array_equal(to_uint8(from_uint8(torch.from_numpy(clips), torch.float32)), clips)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"height": 24, "width": 24}, "8, 16, 32"),
        ({"width": 16}, "square"),
        ({"height": 4, "width": 4}, "8, 16, 32"),
    ],
)
def test_a_task_of_another_shape_is_refused(task, changes, words):
    with pytest.raises(InputError, match=words):
        resolution_groups(dataclasses.replace(task, **changes))


@pytest.mark.parametrize("setting", [{"spatial_frames": "6"}, {"phi": "4x4"}])
def test_settings_that_do_not_fit_the_task_are_refused(task, tiny_settings, setting):
    settings = settings_from_text({**tiny_settings, **setting})
    with pytest.raises(InputError, match=next(iter(setting))):
        Networks(task, settings, 0, torch.device("cpu"))


def test_upsampling_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    block = blocks.GeneratorBlock(3, 3, 2, 1, 1e-5, "bilinear")
    x = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    whole = block._up(x)
    monkeypatch.setattr(blocks, "MOST_OUTPUTS", whole[:2].numel())
    assert torch.equal(block._up(x), whole)
    assert whole.shape == (5, 3, 8, 8)
