"""Weights as products read them: nothing is lost but what fp16 loses."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from vidmetrics.networks.fast.packing import block_of, column_scale, fold, pack_pointwise, pack_taps, split, unpack_taps
from vidmetrics.networks.i3d import _Unit


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def test_folding_is_batch_norm(random):
    unit = _Unit(5, 7, 3)
    with torch.no_grad():
        for tensor in (unit.weight, unit.beta, unit.get_buffer("mean")):
            tensor.normal_(generator=random)
        unit.get_buffer("variance").uniform_(0.5, 1.5, generator=random)
    x = torch.randn(2, 5, 4, 6, 5, generator=random)
    weight, bias = fold(unit)
    with torch.inference_mode():
        folded = F.conv3d(x.double(), weight, bias, padding=1).relu()
        plain = unit.double()(x.double())
    assert float((folded - plain).abs().max()) < 1e-12


@pytest.mark.parametrize(("planes", "bound"), [(1, 2**-11), (2, 2**-22)])
def test_planes_hold_so_many_bits(random, planes, bound):
    values = torch.randn(10_000, generator=random).double()
    planes_of_it = split(values, planes)
    assert planes_of_it.dtype == torch.float16
    assert planes_of_it.shape == (planes, 10_000)
    relative = ((planes_of_it.double().sum(0) - values).abs() / values.abs())[values.abs() > 2**-3]
    assert float(relative.max()) <= bound
    assert float(relative.max()) > bound / 4


def test_scales_are_powers_of_two_that_fill_fp16(random):
    matrix = torch.randn(50, 6, generator=random).double() * torch.tensor([1e-9, 1e-3, 0.3, 1.0, 500.0, 0.0])
    scaled = (matrix * column_scale(matrix)).abs().amax(0)
    assert (scaled[:-1] >= 8).all()
    assert (scaled[:-1] < 16).all()
    assert torch.equal(torch.frexp(column_scale(matrix)).mantissa, torch.full((6,), 0.5).double())


@pytest.mark.parametrize("channels", [32, 64, 96])
def test_cubes_are_packed_in_blocks(random, channels):
    weight, bias = torch.randn(24, channels - 4, 3, 3, 3, generator=random).double(), torch.randn(24).double()
    packed = pack_taps((weight, bias), channels, 2)
    assert packed.channels % block_of(channels) == 0
    back = unpack_taps(packed) * packed.scale[:24, None, None, None, None]
    assert float((back[:, : channels - 4] - weight).abs().max()) < 2**-21 * 4
    assert not back[:, channels - 4 :].any()
    assert torch.equal(packed.bias[:24], bias.float())
    # A tap, a block of channels and a channel of it, by hand.
    row = ((1 * (channels // packed.block) + 0) * 9 + 2 * 3 + 1) * packed.block + 5
    theirs = weight[:, 5, 1, 2, 1]
    assert float((packed.matrix[:, row, :24].double().sum(0) * packed.scale[:24] - theirs).abs().max()) < 2**-21 * 4


def test_branches_lie_side_by_side_with_zeros_between(random):
    units = [(torch.randn(n, 40, 1, 1, 1, generator=random).double(), torch.ones(n).double()) for n in (16, 10)]
    packed = pack_pointwise(units, [16, 32], 1)
    assert packed.columns == 48
    assert packed.matrix.shape[1] == 64  # 40 rows, padded to a step
    assert not packed.matrix[:, 40:].any()
    assert not packed.matrix[:, :, 26:].any()
    assert not packed.bias[26:].any()
    ours = packed.matrix[0, :40, 16:26].double() * packed.scale[16:26]
    assert float((ours - units[1][0][:, :, 0, 0, 0].T).abs().max()) < 2**-10 * 4
