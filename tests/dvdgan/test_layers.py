"""Layers against slow, independent numpy versions."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dvdgan.blocks import GeneratorBlock
from dvdgan.conv_gru import ConvGRU
from dvdgan.fast.batch_norm import norm_relu
from dvdgan.layers import (
    ConditionalBatchNorm,
    Conv,
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
    """Statistics per time step and channel of [N, T, C, H, W], by loops."""
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


def double_norm_relu(x: torch.Tensor, scale: torch.Tensor, shift: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """From the definition, in float64, before and after the ReLU; its gradients are autograd's."""
    var, mean = torch.var_mean(x, dim=(0, 3, 4), keepdim=True, correction=0)
    before = (x - mean) / (var + 1e-5).sqrt() * scale[:, None, :, None, None] + shift[:, None, :, None, None]
    return before, before.relu()


def channels_last_clips(x: torch.Tensor) -> torch.Tensor:
    """[N, T, C, H, W] with the memory of [N, T, H, W, C]."""
    return x.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)


@pytest.mark.parametrize("layout", [torch.Tensor.contiguous, channels_last_clips])
@pytest.mark.parametrize(
    ("dtype", "mean", "tolerance"),
    [
        (torch.float32, 0, 1e-6),
        (torch.float32, 100, 2e-5),  # the rounding of the mean itself: 100 * 2^-24 and what its sum adds
        (torch.bfloat16, 0, 6e-3),  # bfloat16 has steps of 2^-8
        (torch.bfloat16, 100, 6e-3),  # x has steps of half its deviation; what it holds is normalised as exactly
    ],
)
def test_norm_relu_and_its_gradients_follow_float64(dtype, mean, tolerance, layout):
    scale, shift = torch.rand(6, 5) * 2 - 0.5, torch.randn(6, 5)
    # Different means and deviations for each time step and channel.
    x = torch.randn(6, 4, 5, 8, 8) * (1 + torch.rand(4, 5, 1, 1)) + mean * (1 + torch.rand(4, 5, 1, 1))
    x, weight = layout(x.to(dtype)), torch.randn(6, 4, 5, 8, 8)
    given = [tensor.clone().requires_grad_() for tensor in (x, scale, shift)]
    exact = [tensor.double().requires_grad_() for tensor in (x, scale, shift)]
    before, expected = double_norm_relu(*exact)
    # Near the kink of the ReLU a rounding switches the whole gradient, so such values are excluded.
    weight = (weight * (before.abs() > 0.05)).to(dtype)
    expected.backward(weight.double())
    got, means, variances = norm_relu(*given, 1e-5, None)
    got.backward(weight)
    assert got.dtype == given[0].grad.dtype == dtype
    assert not means.requires_grad
    assert not variances.requires_grad
    pairs = [(got, expected), *((mine.grad, theirs.grad) for mine, theirs in zip(given, exact, strict=True))]
    for mine, theirs in pairs:
        assert (mine.double() - theirs).norm() < tolerance * theirs.norm()
    torch.testing.assert_close(means.double(), exact[0].mean((0, 3, 4)), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(
        variances.double(), exact[0].var((0, 3, 4), correction=0), rtol=max(1e-5, tolerance), atol=0
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_channel_that_does_not_vary_becomes_its_shift(dtype):
    x, scale, shift = torch.full((3, 2, 4, 5, 5), 77.7, dtype=dtype), torch.ones(3, 4), torch.rand(3, 4)
    got, _, variances = norm_relu(x, scale, shift, 1e-5, None)
    assert (variances >= 0).all()
    torch.testing.assert_close(got, shift.to(dtype)[:, None, :, None, None].expand_as(got), rtol=0, atol=1e-2)


class Layouts(TorchDispatchMode):
    """Collects operations that read or write maps with a given number of rows in a layout other than channels last."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows, self.seen, self.others = rows, set(), []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        results = function(*args, **(kwargs or {}))
        self.seen.add(function.name())
        for tensor in [] if function.is_view else tree_leaves((args, results)):
            is_map = isinstance(tensor, torch.Tensor) and tensor.dim() == 4 and tensor.shape[0] == self.rows
            if is_map and not tensor.is_contiguous(memory_format=torch.channels_last):
                self.others.append((function.name(), tuple(tensor.shape), tensor.stride()))
        return results


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_maps_stay_in_channels_last_memory_from_the_state_on_and_back(dtype):
    # On a GPU every change of layout is a pass over memory, and upsampling in the other layout is slow.
    gru, clips, frames = ready(ConvGRU(6, 4)), 3, 5
    blocks = [
        ready(GeneratorBlock(4, 6, 6, frames, 1e-5, None)),
        ready(GeneratorBlock(6, 8, 6, frames, 1e-5, "bilinear")),
    ]
    for network in (gru, *blocks):
        use_plain_weights(network, dtype)
    for linear in (layer for block in blocks for layer in block.modules() if isinstance(layer, Linear)):
        linear.set_effective(linear.weight.detach(), torch.float32)
    x = channels_last_clips(torch.randn(clips, frames, 6, 4, 4, dtype=dtype)).requires_grad_()
    code = torch.randn(clips, 6, requires_grad=True)
    with Layouts(clips * frames) as layouts:
        h = gru(x, frames)
        for block in blocks:
            h = block(h, code)
        h.backward(torch.ones_like(h))
    assert {"aten::upsample_bilinear2d_backward", "aten::convolution_backward"} <= layouts.seen
    assert layouts.others == []
    assert code.grad.abs().min() > 0


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
