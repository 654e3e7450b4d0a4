"""The I3D for CPUs: the weights and outputs of `vidmetrics.networks.i3d.I3D`, which remains the reference.

Differences:

* batch norm is folded into the weights, in float64, and the scaling of pixels into those of the first layer, so that it
  reads the integers ``2p - 255``, which bfloat16 represents exactly;
* 1x1x1 convolutions of the same input are one;
* in float32, 3x3x3 convolutions of many channels are computed by tiles of four frames (`vidmetrics.networks.fast.cpu_winograd`);
* activations are channels last, and "SAME" padding is the convolution's own or is stored around the pixels;
* max-pools are taken over space, then over time;
* the outputs are averaged over space, then over time.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple, cast

import torch
from torch.nn import functional as F  # noqa: N812 - torch's own documentation writes it so

from vidmetrics.networks.fast.cpu_convolution import LAST, Convolution
from vidmetrics.networks.fast.cpu_winograd import Cube
from vidmetrics.networks.fast.packing import fold
from vidmetrics.networks.fast.padding import outputs, same
from vidmetrics.networks.i3d import _MIXED, I3D, _Mixed, _Unit

_FRAMES = 16
_SIDES = {"Mixed_3": 28, "Mixed_4": 14, "Mixed_5": 7}


class _Block(NamedTuple):
    """Convolutions of one inception block; ``entry`` has the 1x1x1 convolutions of branches 0, 1 and 2."""

    entry: Convolution
    cube_1: Convolution | Cube
    cube_2: Convolution
    pooled: Convolution
    widths: tuple[int, int, int]


class CpuI3D:
    """The network, one clip at a time.

    Args:
        plain: the plain network.
        dtype: of weights and activations: float32, or bfloat16 with float32 sums.
    """

    def __init__(self, plain: I3D, dtype: torch.dtype) -> None:
        self._dtype = dtype
        self._preprocessing = plain.pixels

        def unit(path: str) -> tuple[torch.Tensor, torch.Tensor]:
            return fold(cast(_Unit, plain.get_submodule(path)))

        def cube(path: str, sizes: tuple[int, int, int]) -> Convolution | Cube:
            if dtype == torch.float32:
                return Cube(partial(unit, path), sizes)
            return Convolution(*unit(path), dtype, sizes, padding=1)

        weight, bias = unit("Conv3d_1a_7x7")
        frames = outputs(_FRAMES, 2)
        self._first = Convolution(weight / 255, bias, dtype, (_FRAMES + 1, 225, 225), stride=2, padding=2)
        self._second = Convolution(*unit("Conv3d_2b_1x1"), dtype, (frames, 56, 56))
        self._third = cube("Conv3d_2c_3x3", (frames, 56, 56))
        self._blocks = {}
        for name in _MIXED:
            side = _SIDES[name[:-1]]
            sizes = (outputs(_FRAMES, 224 // side // 4), side, side)
            mixed = cast(_Mixed, plain.get_submodule(name))
            entry = [unit(f"{name}.Branch_{i}/Conv3d_0a_1x1") for i in range(3)]
            weight, bias = (torch.cat([pair[i] for pair in entry]) for i in range(2))
            self._blocks[name] = _Block(
                Convolution(weight, bias, dtype, sizes),
                cube(f"{name}.Branch_1/Conv3d_0b_3x3", sizes),
                Convolution(*unit(f"{name}.Branch_2/{mixed.branch_2_last}"), dtype, sizes, padding=1),
                Convolution(*unit(f"{name}.Branch_3/Conv3d_0b_1x1"), dtype, sizes),
                (len(entry[0][1]), len(entry[1][1]), len(entry[2][1])),
            )
        self._logits = plain.logits_weight.detach().flatten(1)
        self._logits_bias = plain.logits_bias.detach()

    def __call__(self, clip_THWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return float32 ``logits`` ``[1, classes]`` and ``pool`` ``[1, 1024]`` of a uint8 clip."""
        x = self.trunk(self.pixels(clip_THWC))
        frames = x.float().mean((3, 4))  # 1 x 1024 x T/8
        pool = (frames[:, :, :-1] + frames[:, :, 1:]).mean(2) / 2
        return {"logits": F.linear(pool, self._logits, self._logits_bias), "pool": pool}

    def compared(self, plain: I3D) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the last activations for a small patch of noise, these and the plain network's.

        The patch has 16 frames of 32x32, 2 % of a clip's work, and passes through every layer.
        """
        patch_THWC = noise(_FRAMES, 32)
        theirs = plain.trunk((patch_THWC / 127.5 - 1).permute(3, 0, 1, 2)[None].contiguous())
        return self.trunk(patch_THWC * 2 - 255), theirs

    def pixels(self, clip_THWC: torch.Tensor) -> torch.Tensor:
        """Return float32 frames ``[T, 224, 224, 3]``, resized and scaled to -255 to 255."""
        return self._preprocessing.resized(clip_THWC.float()).mul_(2).sub_(255)

    def trunk(self, pixels_THWC: torch.Tensor) -> torch.Tensor:
        """Return the output of Mixed_5c, ``[1, 1024, T / 8, H / 32, W / 32]``, for frames scaled as in `pixels`."""
        x = self._first(*padded(pixels_THWC, self._dtype))  # 1 x 64 x T/2 x 112 x 112
        x = self._second(pool_space(x, 3, 2))  # 1 x 64 x T/2 x 56 x 56
        x = pool_space(self._third(x), 3, 2)  # 1 x 192 x T/2 x 28 x 28
        for name, block in self._blocks.items():
            if name == "Mixed_4b":
                x = pool_time(pool_space(x, 3, 2), 3, 2)  # 1 x 480 x T/4 x 14 x 14
            elif name == "Mixed_5b":
                x = pool_time(pool_space(x, 2, 2), 2, 2)  # 1 x 832 x T/8 x 7 x 7
            x = _mixed(x, block)
        return x


def noise(num_frames: int, side: int) -> torch.Tensor:
    """Return float32 noise ``[T, side, side, 3]`` of 0 to 255, the same in every call."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (num_frames, side, side, 3), generator=generator).float()


def padded(pixels_THWC: torch.Tensor, dtype: torch.dtype) -> tuple[torch.Tensor, list[int]]:
    """Return frames for a 7x7x7 convolution of stride 2 with "SAME" padding, and the padding of both sides of each axis.

    The frames, ``[1, C, T, H, W]`` in `LAST`, have those zeros of the longer side that the shorter one lacks. The others are
    left to the convolution, which skips them.
    """
    T, H, W, C = pixels_THWC.shape
    sides = [same(size, 7, 2) for size in (T, H, W)]
    t, y, x = (after - before for before, after in sides)
    out = pixels_THWC.new_zeros(1, T + t, H + y, W + x, C, dtype=dtype)
    out[0, :T, :H, :W] = pixels_THWC
    return out.permute(0, 4, 1, 2, 3), [before for before, _ in sides]


def pool_space(x_NCTHW: torch.Tensor, size: int, stride: int) -> torch.Tensor:
    """Max-pool the rows and columns of one clip with "SAME" padding; with a stride of 2, they are even in number."""
    frames_TCHW = x_NCTHW[0].transpose(0, 1)
    pooled = F.max_pool2d(frames_TCHW, size, stride, padding=size // 2 if stride == 1 else 0, ceil_mode=True)
    return pooled.transpose(0, 1)[None]


def pool_time(x_NCTHW: torch.Tensor, size: int, stride: int) -> torch.Tensor:
    """Max-pool the frames with "SAME" padding."""
    T = x_NCTHW.shape[2]
    before, _ = same(T, size, stride)
    out = x_NCTHW[:, :, ::stride].clone(memory_format=LAST)  # the tap that every window has
    for tap in range(size):
        shift = tap - before
        if shift:
            first = -(shift // stride) if shift < 0 else 0
            taps = x_NCTHW[:, :, first * stride + shift :: stride]
            inside = out[:, :, first : first + taps.shape[2]]
            torch.maximum(inside, taps[:, :, : inside.shape[2]], out=inside)
    return out


def _mixed(x: torch.Tensor, block: _Block) -> torch.Tensor:
    branch_0, between_1, between_2 = torch.split(block.entry(x), list(block.widths), dim=1)
    branches = (
        branch_0,
        block.cube_1(between_1.contiguous(memory_format=LAST)),
        block.cube_2(between_2.contiguous(memory_format=LAST)),
        block.pooled(pool_time(pool_space(x, 3, 1), 3, 1)),
    )
    # In this order of axes, because torch would not always choose `LAST` for the other one.
    return torch.cat([branch.permute(0, 2, 3, 4, 1) for branch in branches], dim=4).permute(0, 4, 1, 2, 3)
