"""The C3D for CPUs: the weights and outputs of `vidmetrics.networks.c3d.C3D`, which remains the reference.

oneDNN convolves with bias and ReLU, channels last. In float32, all convolutions but the first and those of few frames are computed by tiles of
four frames (`vidmetrics.networks.fast.cpu_winograd`). Max-pools are taken over space, then over time.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from vidmetrics.networks import c3d
from vidmetrics.networks.c3d import C3D, FRAME_SIZE, FRAMES, POOLS
from vidmetrics.networks.fast.cpu_convolution import LAST, Convolution
from vidmetrics.networks.fast.cpu_i3d import noise, pool_space, pool_time
from vidmetrics.networks.fast.cpu_winograd import Cube


class CpuC3D:
    """The network, one clip at a time.

    Args:
        plain: the plain network.
        dtype: of the convolutions' weights and activations: float32, or bfloat16 with float32 sums.
    """

    def __init__(self, plain: C3D, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._mean = plain.get_buffer("mean")
        self._head = plain.head
        self._convolutions: dict[str, Convolution | Cube] = {}
        frames, side = FRAMES, FRAME_SIZE
        for name, layer in plain.convolutions.items():
            sizes = (frames, side, side)
            if dtype == torch.float32 and name != "conv1a":
                self._convolutions[name] = Cube(partial(_weights, layer), sizes)
            else:
                self._convolutions[name] = Convolution(*_weights(layer), dtype, sizes, padding=1)
            if name in POOLS:
                frames, side = (-(-size // step) for size, step in zip((frames, side), POOLS[name][:2], strict=True))

    def __call__(self, clip_THWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return float32 ``logits`` and ``fc7``, one row each, of a uint8 clip."""
        return self._head(self.trunk(c3d.preprocess(clip_THWC[None], self._mean)).float())

    def trunk(self, x_NCTHW: torch.Tensor) -> torch.Tensor:
        """Map differences from the mean ``[1, 3, T, H, W]`` to the last pool."""
        x = x_NCTHW.to(self._dtype).contiguous(memory_format=LAST)
        for name, convolution in self._convolutions.items():
            x = convolution(x)
            if name in POOLS:
                time, space, _ = POOLS[name]
                x = pool_space(x, space, space)
                x = pool_time(x, time, time) if time > 1 else x
        return x

    def compared(self, plain: C3D) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the last activations for a small patch of noise, these and the plain network's."""
        patch_NCTHW = (noise(FRAMES, 32) - 128).permute(3, 0, 1, 2)[None].contiguous()
        return self.trunk(patch_NCTHW), plain.trunk(patch_NCTHW)


def _weights(layer: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    return layer.get_parameter("weight").detach().double(), layer.get_parameter("bias").detach().double()
