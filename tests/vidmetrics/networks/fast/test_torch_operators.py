"""The plain operators at the limits of fp16."""

from __future__ import annotations

import pytest
import torch

from vidmetrics.networks.fast.packing import pack_pointwise
from vidmetrics.networks.fast.torch_operators import TorchOperators


@pytest.mark.parametrize(("bias", "overflows"), [(-1.0, False), (0.0, False), (1.0, True)])
def test_the_largest_fp16_number_does_not_overflow(bias, overflows):
    weight = torch.eye(16).double()[:, :, None, None, None]
    packed = pack_pointwise([(weight, torch.full((16,), bias).double())], [16], 1)
    x = torch.zeros(1, 1, 1, 1, 1, 16, dtype=torch.float16)
    x[..., 3] = 65504.0  # the largest finite one
    out, overflow = torch.empty_like(x), torch.zeros(1, dtype=torch.int32)
    TorchOperators().convolve(x, packed, out, None, overflow)
    assert bool(overflow) == overflows
    if not bias:
        assert torch.equal(out, x)
