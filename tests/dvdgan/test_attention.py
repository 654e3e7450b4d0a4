"""The v1 generator: attention against slow loops in numpy, and its place in the network."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dvdgan.attention import SelfAttention, SeparableAttention
from dvdgan.config import MODELS
from dvdgan.generator import Generator
from dvdgan.layers import initialise, spectral_layers, use_plain_weights
from dvdgan.model import DVDGAN, DVDGANv1
from dvdgan.settings_text import settings_from_text
from vidbench.models import InputError, ModelTask, SampleRequest


def ready(network, gamma=0.7, seed=0):
    rng = torch.Generator().manual_seed(seed)
    initialise(network, rng)
    with torch.no_grad():
        for layer in spectral_layers(network):
            layer.bias.copy_(torch.randn(layer.bias.shape, generator=rng) * 0.3)
        for name, parameter in network.named_parameters():
            if name.endswith("gamma"):
                parameter.fill_(gamma)
    use_plain_weights(network)
    return network.requires_grad_(False)


def slow_attention(x: np.ndarray, layer: SelfAttention, sees) -> np.ndarray:
    """Attend from every position of [T, C, H, W] in turn to the positions for which `sees(here, there)` holds."""
    maps = [
        (conv.weight.numpy()[:, :, 0, 0], conv.bias.numpy())
        for conv in (layer.query, layer.key, layer.value, layer.output)
    ]
    (wq, bq), (wk, bk), (wv, bv), (wo, bo) = maps
    places = [(t, h, w) for t in range(x.shape[0]) for h in range(x.shape[2]) for w in range(x.shape[3])]
    out = np.empty_like(x)
    for t, h, w in places:
        seen = [x[a, :, b, c] for a, b, c in places if sees((t, h, w), (a, b, c))]
        logits = np.array([(wq @ x[t, :, h, w] + bq) @ (wk @ other + bk) for other in seen])
        weights = np.exp(logits - logits.max())
        mean = sum(p * (wv @ other + bv) for p, other in zip(weights / weights.sum(), seen, strict=True))
        out[t, :, h, w] = x[t, :, h, w] + float(layer.gamma) * (wo @ mean + bo)
    return out


def test_full_attention_sees_every_position_of_its_own_clip():
    settings = settings_from_text({"attention_keys": "0.5", "attention_values": "0.25"})
    layer = ready(SelfAttention(8, settings))
    assert (layer.query.weight.shape[0], layer.value.weight.shape[0]) == (4, 2)
    x = torch.randn(2, 3, 8, 4, 4)
    got = layer(x).numpy()
    for clip, row in zip(x.numpy(), got, strict=True):
        np.testing.assert_allclose(row, slow_attention(clip, layer, lambda here, there: True), rtol=1e-4, atol=1e-5)


def test_separable_attention_is_height_then_width_then_time():
    layer = ready(SeparableAttention(6, settings_from_text({})))
    x = torch.randn(2, 3, 6, 4, 5)  # all sizes differ
    got = layer(x).numpy()
    same = [lambda a, b: (a[0], a[2]) == (b[0], b[2]), lambda a, b: a[:2] == b[:2], lambda a, b: a[1:] == b[1:]]
    for clip, row in zip(x.numpy(), got, strict=True):
        for step, sees in zip((layer.height, layer.width, layer.time), same, strict=True):
            clip = slow_attention(clip, step, sees)
        np.testing.assert_allclose(row, clip, rtol=1e-4, atol=1e-5)


def test_attention_looks_ahead_as_well_as_back_and_starts_as_the_identity():
    layer = ready(SeparableAttention(4, settings_from_text({})))
    x = torch.randn(1, 4, 4, 3, 3)
    changed = x.clone()
    changed[:, 3] += 1
    assert ((layer(changed) - layer(x))[:, :3].abs().amax((1, 2, 3, 4)) > 1e-4).all()
    fresh = SeparableAttention(4, settings_from_text({}))
    assert [each.gamma.item() for each in (fresh.height, fresh.width, fresh.time)] == [0, 0, 0]
    assert torch.equal(ready(fresh, gamma=0)(x), x)


def test_v1_has_one_recurrence_and_attention_in_two_places():
    task = ModelTask("t", 3, 0, 32, 32, ())
    settings = settings_from_text({"ch": "4", "g_multipliers": "1,2,4,6"}, MODELS["dvdgan-v1"])
    first, *middle, last = Generator(task, settings).groups
    assert first.gru is not None
    assert first.attention is not None
    assert first.gru.candidate.weight.shape[0] == 24  # the state is as wide as the 4x4 maps
    assert last.separable is not None
    assert first.separable is last.attention is last.gru is None
    assert all(group.gru is group.attention is group.separable is None for group in middle)
    plain = Generator(task, settings_from_text({"ch": "4", "g_multipliers": "1,2,4,6"}))
    assert all(group.gru is not None and group.attention is group.separable is None for group in plain.groups)


def test_v1_carries_nothing_from_frame_to_frame_but_by_recurrence_and_attention():
    task = ModelTask("t", 4, 0, 16, 16, ())
    settings = settings_from_text(
        {"ch": "4", "g_multipliers": "1,2", "latent_dim": "8", "embedding_dim": "8"}, MODELS["dvdgan-v1"]
    )
    generator = Generator(task, settings)
    initialise(generator, torch.Generator().manual_seed(0))
    use_plain_weights(generator)
    generator.requires_grad_(False)
    z, labels = torch.randn(3, 8), torch.zeros(3, dtype=torch.int64)

    def change_of_the_last_state() -> torch.Tensor:
        """How much each frame changes with the last frame's state after the ConvGRU."""

        def add(module, inputs, states):
            states = states.unflatten(0, (3, 4)).clone()
            states[:, 3] += torch.rand(states[:, 3].shape)
            return states.flatten(0, 1)

        before = generator(z, labels)
        handle = generator.groups[0].gru.register_forward_hook(add)
        after = generator(z, labels)
        handle.remove()
        return (after - before).abs().amax((0, 2, 3, 4))

    # gamma starts at 0: attention is the identity, and BatchNorm must not carry anything.
    alone = change_of_the_last_state()
    assert alone[:3].max() == 0
    assert alone[3] > 1e-3
    generator.groups[0].attention.gamma.fill_(1)
    assert change_of_the_last_state().min() > 1e-5


@pytest.mark.parametrize("steps", [1, 2])
def test_v1_trains_samples_and_is_distinguished_from_v2(tmp_path, request_for, task, steps):
    request = request_for(tmp_path, 2, gru_steps=str(steps), latent_dim="8", embedding_dim="8")
    path = DVDGANv1.train(request)
    weights = load_file(path)
    gammas = [value for name, value in weights.items() if name.endswith("gamma")]
    assert len(gammas) == 4
    assert all(gamma != 0 for gamma in gammas)
    model = DVDGANv1.load(path, task, "cpu")
    seeds = np.arange(9, dtype=np.uint64)
    together = model.sample(SampleRequest(np.arange(9), seeds, seeds.astype(np.int64) % 3, None, 5))
    alone = model.sample(SampleRequest(np.arange(1), seeds[8:], np.array([2]), None, 5))
    assert np.array_equal(together[8:], alone)
    with pytest.raises(InputError, match=r"architecture v1 and dvdgan has v2; name it with `--model dvdgan-v1:"):
        DVDGAN.load(path, task, "cpu")
    with pytest.raises(InputError, match="started with the architecture v1"):
        DVDGAN.train(request)


def test_v1_generates_only():
    with pytest.raises(InputError, match="use the model dvdgan-fp"):
        Generator(ModelTask("t", 4, 1, 16, 16, ()), MODELS["dvdgan-v1"])
    with pytest.raises(InputError, match="choose a generation task"):
        DVDGANv1.check_task(ModelTask("t", 4, 1, 16, 16, ()))
