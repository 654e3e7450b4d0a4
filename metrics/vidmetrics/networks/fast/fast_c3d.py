"""The C3D with fp16 matrix products: the weights and outputs of `vidmetrics.networks.c3d.C3D`, which remains the reference.

It has the operators and the arithmetic of `vidmetrics.networks.fast.fast_i3d`. Frames are resized and their mean is subtracted in float32
as they are stored; the first two linear layers are products like those of 1x1x1 convolutions.

The C3D averages nothing, so that in ``fast`` every rounding arrives in its features. Its last four products, 4 % of the
work, therefore have two fp16 numbers per number in ``fast`` too, which takes away two fifths of the roundings.
"""

from __future__ import annotations

import torch
from torch import nn

from vidmetrics.networks.c3d import C3D, FRAME_SIZE, MEAN_WINDOW, POOLS, resize_aligned_corners
from vidmetrics.networks.fast.bilinear_tables import Table, bilinear_tables
from vidmetrics.networks.fast.fast_network import Entrance
from vidmetrics.networks.fast.first_layer import FirstKernel, identity, pack_first_layer
from vidmetrics.networks.fast.operators import Operators, Pixels, Window
from vidmetrics.networks.fast.packing import Packed, Planes, pack_pointwise, pack_taps, round_up

KERNEL = FirstKernel(time=3, space=3, time_stride=1, stride=1)
LATE = "conv5a"
"""The first convolution with two fp16 numbers per number in both precisions."""


class FastC3D:
    """See `vidmetrics.networks.fast.fast_network.FastNetwork`.

    Args:
        plain: the plain network.
        operators: implementation of the operators.
        planes: 1 for ``fast``, 2 for ``exact``.
        device: device of the operators.
    """

    side = FRAME_SIZE

    def __init__(self, plain: C3D, operators: Operators, planes: Planes, device: torch.device) -> None:
        self.planes = planes
        self.device = device
        self._run = operators
        self._width = plain.outputs["fc7"]
        mean_CTHW = plain.get_buffer("mean")[:, :, MEAN_WINDOW, MEAN_WINDOW]
        self._mean = mean_CTHW.flip(0).permute(1, 2, 3, 0).contiguous().to(device)  # colours as in the clips: RGB
        (_, first), *others = plain.convolutions.items()
        weight, bias = (t.cpu() for t in _widened(first, 3))
        shape = identity(FRAME_SIZE, KERNEL)
        self._first = pack_first_layer(weight.flip(1), bias, shape, planes, one=1.0).to(device)
        self._convolutions: dict[str, Packed] = {}
        channels = len(bias)
        for name, layer in others:
            unit = _widened(layer, channels)
            self._convolutions[name] = pack_taps(unit, channels, planes if name < LATE else 2).to(device)
            channels = len(unit[1])
        width = len(_linear(plain.convolutions["conv5b"])[1])
        weight, bias = _linear(plain.linears["fc6"])
        positions = weight.shape[1] // width
        wider = weight.new_zeros(len(bias), positions, channels)
        wider[:, :, :width] = weight.reshape(len(bias), width, positions).transpose(1, 2)
        self._fc6 = self._pack_linear(wider.flatten(1), bias)
        self._fc7 = self._pack_linear(*_linear(plain.linears["fc7"]))
        weight, bias = _linear(plain.linears["fc8"])
        self._fc8, self._fc8_bias = weight.float().T.contiguous().to(device), bias.float().to(device)
        self._tables: dict[tuple[int, int], tuple[Table, Table]] = {}

    def entrance(self, num_frames: int, height: int, width: int) -> Entrance:
        """See the protocol."""
        if (height, width) not in self._tables:
            tables = bilinear_tables(height, width, _resized)
            if tables is None:
                raise ArithmeticError(f"no bilinear tables for frames of {width}x{height}")
            self._tables[height, width] = (tables[0].to(self.device), tables[1].to(self.device))
        shape = identity(FRAME_SIZE, KERNEL)
        return Entrance(Pixels(shape, num_frames, self.planes, self._tables[height, width], self._mean), self._first)

    def middle(self, num_clips: int, num_frames: int) -> torch.Tensor:
        """See the protocol."""
        half = FRAME_SIZE // 2
        shape = (self.planes, num_clips, num_frames, half, half, self._first.columns)
        return torch.empty(shape, dtype=torch.float16, device=self.device)

    def start(self, clips_NTHWC: torch.Tensor, memory: torch.Tensor, out: torch.Tensor, overflow: torch.Tensor) -> None:
        """Compute the activations after the first pool, ``[planes, N, 16, 56, 56, 64]``; see the protocol."""
        N, T, H, W, _ = clips_NTHWC.shape
        entrance = self.entrance(T, H, W)
        self._run.place(clips_NTHWC, entrance.pixels, memory)
        x = self._run.first_layer(memory, entrance.pixels, N, self._first, overflow)  # N x 16 x 112 x 112 x 64
        self._run.max_pool(x, _window(POOLS["conv1a"]), out)

    def finish(self, x: torch.Tensor, overflow: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return float32 ``logits`` and ``fc7``; see the protocol."""
        for name, packed in self._convolutions.items():
            if len(packed.matrix) > len(x):
                x = torch.cat([x, torch.zeros_like(x)])
            x = self._convolve(x, packed, overflow)
            if name in POOLS:
                x = self._run.max_pool(x, _window(POOLS[name]))
        x = x.reshape(2, x.shape[1], 1, 1, 1, -1)  # N x 4 x 4 x 512 before
        x = self._convolve(x, self._fc6, overflow)
        fc7 = self._convolve(x, self._fc7, overflow).float().sum(0)[:, 0, 0, 0, : self._width].contiguous()
        return {"logits": self._run.classify(fc7, self._fc8, self._fc8_bias), "fc7": fc7}

    def _convolve(self, x: torch.Tensor, packed: Packed, overflow: torch.Tensor) -> torch.Tensor:
        out = x.new_empty(*x.shape[:-1], packed.columns)
        self._run.convolve(x, packed, out, None, overflow)
        return out

    def _pack_linear(self, weight: torch.Tensor, bias: torch.Tensor) -> Packed:
        unit = weight[:, :, None, None, None], bias
        return pack_pointwise([unit], [round_up(len(bias), 32)], 2).to(self.device)


def _linear(layer: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    return layer.get_parameter("weight").detach().double(), layer.get_parameter("bias").detach().double()


def _widened(layer: nn.Module, channels: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the float64 weights and bias of a convolution with zeros for input channels and outputs that pad other numbers."""
    weight, bias = _linear(layer)
    width = round_up(len(bias), 32)
    full = weight.new_zeros(width, channels, *weight.shape[2:])
    full[: len(bias), : weight.shape[1]] = weight
    return full, torch.cat([bias, bias.new_zeros(width - len(bias))])


def _window(pool: tuple[int, int, int]) -> Window:
    time, space, _ = pool
    return Window(time, space, time, space)


def _resized(frames_NHWC: torch.Tensor) -> torch.Tensor:
    return resize_aligned_corners(frames_NHWC.permute(3, 0, 1, 2)[None], FRAME_SIZE)[0].permute(1, 2, 3, 0)
