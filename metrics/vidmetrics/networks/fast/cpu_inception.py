"""The Inception for CPUs: the layers of `vidmetrics.networks.inception.Inception`, which remains the reference.

Batch norm is folded into the weights, in float64, and oneDNN convolves with bias and ReLU, one frame at a time, channels last.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own documentation writes it so

from vidmetrics.networks import inception
from vidmetrics.networks.fast.cpu_convolution import Convolution
from vidmetrics.networks.fast.cpu_i3d import noise
from vidmetrics.networks.fast.packing import fold_frames
from vidmetrics.networks.inception import FRAME_SIZE, Inception, _Unit


class _Convolved(nn.Module):
    """Takes a unit's place."""

    def __init__(self, unit: _Unit, dtype: torch.dtype, sizes: torch.Size) -> None:
        super().__init__()
        weight, bias = fold_frames(unit)
        padding, stride = cast(tuple[int, int], unit.conv.padding), unit.conv.stride[0]
        self._convolution = Convolution(weight[:, :, 0], bias, dtype, sizes, stride, padding)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        return self._convolution(x_NCHW)


class CpuInception:
    """The network, one frame at a time.

    Args:
        plain: the plain network.
        dtype: of weights and activations: float32, or bfloat16 with float32 sums.
    """

    def __init__(self, plain: Inception, dtype: torch.dtype) -> None:
        self._dtype = dtype
        with torch.device("meta"):  # nothing is computed or stored
            self._layers = Inception().eval()
            sizes = _input_sizes(self._layers)
        for name, unit in list(plain.named_modules()):
            if isinstance(unit, _Unit):
                parent, _, own = name.rpartition(".")
                setattr(self._layers.get_submodule(parent), own, _Convolved(unit, dtype, sizes[name]))
        self._weight, self._bias = plain.fc.weight.detach(), plain.fc.bias.detach()

    def __call__(self, clip_THWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return float32 outputs ``[T, size]`` of a uint8 clip, by name."""
        # One after the other, so that a frame's features cannot depend on its neighbours.
        frames = [self.trunk(inception.preprocess(frame)).float().mean((2, 3)) for frame in torch.split(clip_THWC, 1)]
        pool = torch.cat(frames)
        unbiased = torch.cat([F.linear(frame, self._weight) for frame in frames])
        return {"pool": pool, "logits": unbiased + self._bias, "logits-unbiased": unbiased}

    def trunk(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        """Map scaled pixels ``[1, 3, H, W]`` to the output of Mixed_7c."""
        last = x_NCHW.to(self._dtype).contiguous(memory_format=torch.channels_last)
        return self._layers.trunk(last)

    def compared(self, plain: Inception) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the last activations for a small patch of noise, these and the plain network's."""
        patch_NCHW = (noise(1, 107).permute(0, 3, 1, 2) - 128) / 128
        return self.trunk(patch_NCHW), plain.trunk(patch_NCHW.contiguous(memory_format=torch.channels_last))


def _input_sizes(network: Inception) -> dict[str, torch.Size]:
    """Return rows and columns of the input of every unit, by its name."""
    sizes: dict[str, torch.Size] = {}

    def keep(name: str, x_NCHW: torch.Tensor) -> None:
        sizes[name] = x_NCHW.shape[2:]

    units = [(name, unit) for name, unit in network.named_modules() if isinstance(unit, _Unit)]
    hooks = [unit.register_forward_pre_hook(lambda _, given, name=name: keep(name, given[0])) for name, unit in units]
    network.trunk(torch.empty(1, 3, FRAME_SIZE, FRAME_SIZE))
    for hook in hooks:
        hook.remove()
    return sizes
