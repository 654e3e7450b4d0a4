"""A peer of ``benchmarks/dvdgan_step.py``: the same networks, losses and optimisers in eager PyTorch, with torch's own operations.

No package of the registry trains a DVD-GAN or a BigGAN in PyTorch (`pytorch-pretrained-biggan` has a generator without training,
`biggan` is an alpha of Keras), so the peer is what one would write first: float32, memory in torch's default order, BatchNorm by
``torch.nn.functional.batch_norm``, pooling after its convolution, nothing recorded or compiled, cuDNN without search.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import torch
from torch import Tensor
from torch.nn import functional

from dvdgan import blocks, layers

SETTINGS: dict[str, Any] = {"compile": "none", "precision": "float32", "autotune": False}
"""Values of the settings with which its networks are built."""


@contextmanager
def torchs_own_operations() -> Iterator[None]:
    """Compute with torch's own operations inside the block."""
    default_order = dict.fromkeys(layers._FORMATS, torch.contiguous_format)
    with (
        mock.patch.object(layers, "_FORMATS", default_order),
        mock.patch.object(layers, "norm_relu", _norm_relu),
        mock.patch.object(blocks.PooledConv, "convolve", _convolve_and_pool),
    ):
        yield


def _norm_relu(
    x_NTCHW: Tensor, scale_NC: Tensor, shift_NC: Tensor, eps: float, world: None, bias_C: None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return what ``dvdgan.fast.batch_norm.norm_relu`` does: statistics per time step, scale and shift per clip."""
    N, T, C, H, W = x_NTCHW.shape
    maps = x_NTCHW.contiguous().view(N, T * C, H, W)
    mean, var = torch.zeros(T * C, device=maps.device), torch.ones(T * C, device=maps.device)
    normal = functional.batch_norm(maps, mean, var, training=True, momentum=1.0, eps=eps).view(N, T, C, H, W)
    out = functional.relu(normal * scale_NC[:, None, :, None, None] + shift_NC[:, None, :, None, None])
    return out, mean.view(T, C), var.view(T, C)


def _convolve_and_pool(layer: blocks.PooledConv, x: Tensor, bias: Tensor | None = None) -> Tensor:
    convolved = layer._conv(x, layer.effective, bias, padding=layer._padding)
    return functional.avg_pool2d(convolved, 2) if x.dim() == 4 else functional.avg_pool3d(convolved, (1, 2, 2))
