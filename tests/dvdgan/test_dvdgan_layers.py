"""Layers against slow, independent numpy versions."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from dvdgan.conv_gru import ConvGRU
from dvdgan.layers import (
    ConditionalBatchNorm,
    Conv,
    GeneratorBlock,
    Linear,
    bake_weights,
    initialise,
    normalise_weights,
    spectral_layers,
    use_plain_weights,
)


def slow_conv(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """3x3 cross-correlation with zero padding of [C, H, W], by loops over kernel positions."""
    channels, height, width = x.shape
    padded = np.zeros((channels, height + 2, width + 2))
    padded[:, 1:-1, 1:-1] = x
    out = np.zeros((weight.shape[0], height, width))
    for i in range(3):
        for j in range(3):
            out += np.einsum("oc,chw->ohw", weight[:, :, i, j], padded[:, i : i + height, j : j + width])
    return out + bias[:, None, None]


def ready(network: nn.Module, seed: int = 0, plain: bool = True) -> nn.Module:
    rng = torch.Generator().manual_seed(seed)
    initialise(network, rng)
    with torch.no_grad():
        for layer in spectral_layers(network):
            if layer.bias is not None:
                layer.bias.copy_(torch.randn(layer.bias.shape, generator=rng))
    if plain:
        use_plain_weights(network)
    return network


@pytest.mark.parametrize(("given", "starts", "steps"), [(4, False, 1), (1, False, 1), (4, True, 1), (1, True, 2)])
def test_conv_gru_follows_its_equations(given, starts, steps):
    inputs, state, frames = 3, 5, 4
    gru = ready(ConvGRU(inputs, state, steps))
    x = torch.randn(2, given, inputs, 6, 6)
    first = torch.rand(2, state, 6, 6) if starts else None
    got = gru(x, frames, first).unflatten(0, (2, frames)).detach().numpy()
    sigmoid = lambda a: 1 / (1 + np.exp(-a))  # noqa: E731
    (wr, br), (wu, bu), (wc, bc) = (
        (g.weight.detach().numpy(), g.bias.detach().numpy()) for g in (gru.reset, gru.update, gru.candidate)
    )
    for n in range(2):
        h = np.zeros((state, 6, 6)) if first is None else first[n].numpy()
        for t in range(frames):
            now = x[n, t if given > 1 else 0].numpy()
            for _ in range(steps):
                r = sigmoid(slow_conv(np.concatenate([h, now]), wr, br))
                u = sigmoid(slow_conv(np.concatenate([h, now]), wu, bu))
                c = np.maximum(slow_conv(np.concatenate([r * h, now]), wc, bc), 0)
                h = u * h + (1 - u) * c
            np.testing.assert_allclose(got[n, t], h, rtol=1e-4, atol=1e-5)


def test_conv_gru_never_looks_ahead():
    gru = ready(ConvGRU(2, 3))
    x = torch.randn(1, 5, 2, 4, 4)
    changed = x.clone()
    changed[:, 3] += 1
    before, after = gru(x, 5), gru(changed, 5)
    assert torch.equal(before[:3], after[:3])
    assert not torch.allclose(before[3:], after[3:])


def slow_batch_norm(x: np.ndarray, code: np.ndarray, norm: ConditionalBatchNorm, eps: float) -> np.ndarray:
    """Per time step and channel, by loops, of [N, T, C, H, W]."""
    affine = lambda layer: code @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()  # noqa: E731
    scale, shift = 1 + affine(norm.scale), affine(norm.shift)
    out = np.empty_like(x)
    for t in range(x.shape[1]):
        for c in range(x.shape[2]):
            values = x[:, t, c]
            normal = (values - values.mean()) / np.sqrt(values.var() + eps)
            for n in range(x.shape[0]):
                out[n, t, c] = np.maximum(normal[n] * scale[n, c] + shift[n, c], 0)
    return out


def conditional_norm() -> tuple[ConditionalBatchNorm, torch.Tensor, torch.Tensor]:
    norm = ready(ConditionalBatchNorm(4, 6, num_frames=3, eps=1e-5))
    x = torch.randn(5, 3, 4, 7, 7) * torch.tensor([1.0, 5.0, 0.2]).view(1, 3, 1, 1, 1) + 2
    return norm, x, torch.randn(5, 6)


@pytest.mark.parametrize("mode", ["batch", "collect"])
def test_conditional_batch_norm_follows_its_definition(mode):
    norm, x, code = conditional_norm()
    norm.mode = mode
    norm.standing_mean.zero_()
    norm.standing_var.zero_()
    with torch.no_grad():
        got = norm(x.flatten(0, 1), code).unflatten(0, (5, 3)).numpy()
    np.testing.assert_allclose(got, slow_batch_norm(x.numpy(), code.numpy(), norm, 1e-5), rtol=1e-4, atol=1e-5)
    if mode == "collect":
        np.testing.assert_allclose(norm.standing_mean, x.numpy().mean((0, 3, 4)), rtol=1e-5)
        np.testing.assert_allclose(norm.standing_var, x.numpy().var((0, 3, 4)), rtol=1e-4)


def test_batch_norm_carries_nothing_from_one_frame_to_another():
    norm, x, code = conditional_norm()
    changed = x.clone()
    changed[:, 1] = changed[:, 1] * 9 - 4
    before, after = (norm(clips.flatten(0, 1), code).unflatten(0, (5, 3)) for clips in (x, changed))
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])


def test_standing_statistics_are_used_per_time_step_and_each_sample_keeps_its_own_code():
    norm, x, code = conditional_norm()
    norm.mode = "standing"
    norm.standing_mean.copy_(torch.randn(3, 4))
    norm.standing_var.copy_(torch.rand(3, 4) + 0.5)
    with torch.no_grad():
        together = norm(x.flatten(0, 1), code).unflatten(0, (5, 3))
        for n in range(5):
            alone = norm(x[n : n + 1].flatten(0, 1), code[n : n + 1])
            torch.testing.assert_close(together[n], alone)
        scale, shift = 1 + norm.scale(code[2:3]), norm.shift(code[2:3])
        mean, var = norm.standing_mean[1, :, None, None], norm.standing_var[1, :, None, None]
        expected = (x[2, 1] - mean) / (var + 1e-5).sqrt() * scale[0, :, None, None] + shift[0, :, None, None]
    torch.testing.assert_close(together[2, 1], expected.clamp_min(0))


def test_batch_norm_starts_at_scale_one_and_shift_zero():
    norm = ConditionalBatchNorm(4, 6, num_frames=2, eps=1e-5)
    initialise(norm, torch.Generator().manual_seed(0))
    use_plain_weights(norm)
    x = torch.randn(8, 4, 5, 5)
    expected = functional.batch_norm(x.view(4, 8, 5, 5), None, None, training=True).view(8, 4, 5, 5)
    torch.testing.assert_close(norm(x, torch.zeros(4, 6)), expected.clamp_min(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kernel", ["bilinear", "nearest"])
def test_generator_block_is_the_paper_s_composition(kernel):
    block = ready(GeneratorBlock(3, 4, 6, 2, 1e-5, kernel))
    x, code = torch.randn(6, 3, 5, 5), torch.randn(3, 6)
    up = nn.Upsample(scale_factor=2, mode=kernel)
    conv = lambda layer, h, pad: functional.conv2d(h, layer.weight, layer.bias, padding=pad)  # noqa: E731
    h = conv(block.conv1, up(block.norm1(x, code)), 1)
    h = conv(block.conv2, block.norm2(h, code), 1)
    torch.testing.assert_close(block(x, code), h + conv(block.shortcut, up(x), 0), rtol=1e-4, atol=1e-5)


def test_spectral_norm_makes_every_top_singular_value_one():
    network = nn.ModuleList([Conv(3, 8, 3), Conv(3, 8, 3), Conv(4, 6, 3, axes=3), Linear(10, 4), Conv(8, 3, 1)])
    ready(network, plain=False)
    with torch.no_grad():
        for scale, layer in enumerate(spectral_layers(network), start=1):
            layer.weight.copy_(torch.randn_like(layer.weight) * scale)
    for _ in range(200):
        normalise_weights(network, torch.float32, eps=1e-4)
    for layer in spectral_layers(network):
        raw = layer.weight.detach().flatten(1).numpy()
        used = layer.effective.detach().flatten(1).numpy()
        top = np.linalg.svd(raw, compute_uv=False)[0]
        np.testing.assert_allclose(used, raw / top, rtol=1e-3, atol=1e-6)


def test_the_gradient_goes_through_the_singular_value():
    layer = Conv(3, 5, 3)
    ready(layer, plain=False)
    for _ in range(50):
        normalise_weights(layer, torch.float32, eps=1e-4)
    layer(torch.randn(2, 3, 4, 4)).square().sum().backward()
    # weight / sigma does not change when the weight is scaled, so the gradient is orthogonal to the weight.
    along = (layer.weight.grad * layer.weight).sum() / (layer.weight.grad.norm() * layer.weight.norm())
    assert layer.weight.grad.norm() > 0.1
    assert abs(along) < 1e-4


def test_baking_divides_by_the_exact_singular_value():
    network = nn.ModuleList([Conv(3, 8, 3), Linear(20, 4), Linear(4, 20)])
    ready(network)
    with torch.no_grad():
        for layer in spectral_layers(network):
            layer.weight.copy_(torch.randn_like(layer.weight) * 3)
    before = [layer.weight.detach().flatten(1).numpy().copy() for layer in spectral_layers(network)]
    bake_weights(network)
    for raw, layer in zip(before, spectral_layers(network), strict=True):
        expected = raw / np.linalg.svd(raw, compute_uv=False)[0]
        np.testing.assert_allclose(layer.weight.detach().flatten(1), expected, rtol=1e-3, atol=1e-6)
        assert torch.equal(layer.weight.half().float(), layer.weight)


def test_weights_start_orthogonal():
    layer = Conv(3, 8, 3)
    initialise(layer, torch.Generator().manual_seed(1))
    rows = layer.weight.detach().flatten(1)
    torch.testing.assert_close(rows @ rows.T, torch.eye(8), atol=1e-5, rtol=0)
