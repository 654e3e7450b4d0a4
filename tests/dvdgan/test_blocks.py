"""The block of the discriminators against the paper's figure, step by step, in float64: convolution, then pooling."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from dvdgan.blocks import DiscriminatorBlock, PooledConv, halve_time
from dvdgan.layers import normalise_weights, spectral_layers, use_plain_weights

FORMATS = {4: torch.channels_last, 5: torch.channels_last_3d}


def block_of(axes: int, inputs: int, outputs: int, dtype: torch.dtype = torch.float64, **how: bool):
    """A block with random weights, with `u` at their top left singular vectors."""
    block = DiscriminatorBlock(inputs, outputs, axes, **how).to(dtype)
    for layer in spectral_layers(block):
        torch.nn.init.normal_(layer.weight)
        torch.nn.init.normal_(layer.bias)
        layer.u.copy_(torch.linalg.svd(layer.weight.detach().flatten(1)).U[:, 0])
    return block


def slow_pool(x: Tensor, pool_time: bool) -> Tensor:
    """Means of [B, C, (T,) H, W] over 2x2 pixels, and over frames 2t and 2t + 1 if both exist."""
    if x.dim() == 4:
        return functional.avg_pool2d(x, 2)
    frames = [functional.avg_pool2d(frame, 2) for frame in x.unbind(2)]
    if pool_time:
        frames = [torch.stack(frames[t : t + 2]).mean(0) for t in range(0, len(frames), 2)]
    return torch.stack(frames, dim=2)


def slow_block(x: Tensor, block: DiscriminatorBlock, first: bool, pool: bool, pool_time: bool) -> Tensor:
    """The paper's figure, with every weight divided by its largest singular value by LAPACK."""

    def conv(name: str, h: Tensor) -> Tensor:
        weight, bias = block.get_parameter(f"{name}.weight"), block.get_parameter(f"{name}.bias")
        kernel = weight / torch.linalg.matrix_norm(weight.flatten(1), ord=2)
        return getattr(functional, f"conv{x.dim() - 2}d")(h, kernel, bias, padding=weight.shape[-1] // 2)

    def pooled(h: Tensor) -> Tensor:
        return slow_pool(h, pool_time) if pool else h

    h = conv("conv2", conv("conv1", x if first else x.clamp_min(0)).clamp_min(0))
    return pooled(h) + pooled(conv("shortcut", x) if pool or x.shape[1] != h.shape[1] else x)


# The last of five frames is pooled alone; of seven rows the last is dropped, as in avg_pool2d.
@pytest.mark.parametrize("shape", [(8, 8), (2, 4), (7, 5), (4, 8, 4), (5, 4, 6), (1, 2, 2)])
@pytest.mark.parametrize("outputs", [3, 4])
@pytest.mark.parametrize(
    ("first", "pool", "pool_time"),
    [(True, True, True), (False, True, True), (False, True, False), (False, False, True), (True, False, False)],
)
def test_the_block_and_its_gradients_are_those_of_the_figure(shape, outputs, first, pool, pool_time):
    how = {"first": first, "pool": pool, "pool_time": pool_time}
    block = block_of(len(shape), 3, outputs, **how)
    normalise_weights(block, torch.float64, 1e-4)
    given = torch.randn(2, 3, *shape, dtype=torch.float64, requires_grad=True)
    wanted_from = [given, *block.parameters()]
    got, wanted = block(given), slow_block(given, block, **how)
    torch.testing.assert_close(got, wanted, rtol=1e-9, atol=1e-11)
    towards = torch.randn(got.shape, dtype=torch.float64)
    gradients = [torch.autograd.grad((out * towards).sum(), wanted_from) for out in (got, wanted)]
    for of_block, of_figure in zip(*gradients, strict=True):
        assert of_figure.abs().max() > 1e-3
        torch.testing.assert_close(of_block, of_figure, rtol=1e-8, atol=1e-10)


def test_the_pooled_convolution_is_right_at_every_place_of_a_kernel():
    # A kernel of a single 1 shifts the image, so that only the pooling remains to be seen, also at the edges.
    conv = PooledConv(1, 1, 3)
    image = torch.arange(36.0).view(1, 1, 6, 6) ** 2
    around = functional.pad(image, (1, 1, 1, 1))
    for row in range(3):
        for column in range(3):
            with torch.no_grad():
                conv.weight.zero_()[0, 0, row, column] = 1
            use_plain_weights(conv)
            shifted = around[:, :, row : row + 6, column : column + 6]
            expected = shifted.unflatten(3, (3, 2)).unflatten(2, (3, 2)).mean((3, 5))
            torch.testing.assert_close(conv(image), expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", [(8, 8), (4, 8, 8), (5, 8, 8), (6, 2, 2)])
def test_channels_stay_last_from_block_to_block(shape, dtype):
    # A GPU copies a tensor of the other layout before and after every convolution.
    block, layout = block_of(len(shape), 8, 16, torch.float32), FORMATS[len(shape) + 2]
    normalise_weights(block, dtype, 1e-4)
    given = torch.randn(2, 8, *shape, dtype=dtype).contiguous(memory_format=layout).requires_grad_()
    out = block(given)
    assert out.dtype == dtype
    assert out.is_contiguous(memory_format=layout)
    (gradient,) = torch.autograd.grad(out.float().square().sum(), given)
    assert gradient.is_contiguous(memory_format=layout)


def test_images_in_any_layout_leave_the_first_block_with_channels_last():
    block = block_of(2, 3, 8, torch.float32, first=True)
    use_plain_weights(block)
    assert block(torch.randn(2, 3, 8, 8)).is_contiguous(memory_format=torch.channels_last)


def test_a_pooled_convolution_costs_less_than_half():
    conv = PooledConv(8, 8, 3).to("meta")
    use_plain_weights(conv)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        conv(torch.zeros(1, 8, 16, 16, device="meta"))
    assert counter.get_total_flops() == 2 * 16 * 8 * 8 * (16 * 16 // 4)


def test_the_last_of_an_odd_number_of_frames_is_pooled_alone():
    x = torch.rand(1, 3, 5, 4, 4)
    expected = torch.stack([(x[:, :, 0] + x[:, :, 1]) / 2, (x[:, :, 2] + x[:, :, 3]) / 2, x[:, :, 4]], dim=2)
    torch.testing.assert_close(halve_time(x), expected)
