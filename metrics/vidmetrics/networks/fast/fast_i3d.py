"""The I3D with fp16 matrix products: the weights and outputs of `vidmetrics.networks.i3d.I3D`, which remains the reference.

Differences:

* batch norm is folded into the weights, in float64;
* 1x1x1 convolutions of the same input are one product, and each branch writes directly into the concatenated output;
* the first layer reads uint8 pixels if the resize can be folded into its weights (`vidmetrics.networks.fast.first_layer`);
* a number is one fp16 number (``fast``) or the sum of two (``exact``); sums are float32, in the same order for any batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch

from vidmetrics.networks.fast.bilinear_tables import bilinear_tables
from vidmetrics.networks.fast.fast_network import Entrance
from vidmetrics.networks.fast.first_layer import geometry, identity, pack_first_layer
from vidmetrics.networks.fast.operators import Operators, Pixels, Window
from vidmetrics.networks.fast.packing import Packed, Planes, fold, pack_pointwise, pack_taps, round_up, split
from vidmetrics.networks.fast.padding import outputs
from vidmetrics.networks.i3d import _MIXED, I3D, _Mixed, _Unit

SIDE = 224


@dataclass(frozen=True)
class Block:
    """Packed weights of one inception block.

    Attributes:
        entry: 1x1x1 convolutions of branches 0, 1 and 2 as one product.
        cube_1: 3x3x3 convolution of branch 1.
        cube_2: 3x3x3 convolution of branch 2.
        pooled: 1x1x1 convolution of branch 3.
        widths: output channels of branches 0 to 3.
    """

    entry: Packed
    cube_1: Packed
    cube_2: Packed
    pooled: Packed
    widths: tuple[int, int, int, int]


@dataclass(frozen=True)
class Weights:
    """All weights except those of the first layer, which depend on the frame size."""

    second: Packed
    third: Packed
    blocks: dict[str, Block]
    logits: torch.Tensor
    logits_bias: torch.Tensor


def pack_network(plain: I3D, planes: Planes, device: torch.device) -> Weights:
    """Pack the weights of a plain network."""

    def unit(path: str) -> tuple[torch.Tensor, torch.Tensor]:
        return fold(cast(_Unit, plain.get_submodule(path)))

    blocks = {}
    for name in _MIXED:
        mixed = cast(_Mixed, plain.get_submodule(name))
        b0, b1a, b2a = (unit(f"{name}.Branch_{i}/Conv3d_0a_1x1") for i in range(3))
        b1b, b2b = unit(f"{name}.Branch_1/Conv3d_0b_3x3"), unit(f"{name}.Branch_2/{mixed.branch_2_last}")
        b3 = unit(f"{name}.Branch_3/Conv3d_0b_1x1")
        widths_between = [round_up(len(bias), 32) for _, bias in (b1a, b2a)]
        blocks[name] = Block(
            pack_pointwise([b0, b1a, b2a], [len(b0[1]), *widths_between], planes).to(device),
            pack_taps(b1b, widths_between[0], planes).to(device),
            pack_taps(b2b, widths_between[1], planes).to(device),
            pack_pointwise([b3], [len(b3[1])], planes).to(device),
            (len(b0[1]), len(b1b[1]), len(b2b[1]), len(b3[1])),
        )
    return Weights(
        pack_pointwise([unit("Conv3d_2b_1x1")], [64], planes).to(device),
        pack_taps(unit("Conv3d_2c_3x3"), 64, planes).to(device),
        blocks,
        plain.logits_weight.detach().float().flatten(1).T.contiguous().to(device),
        plain.logits_bias.detach().float().to(device),
    )


class FastI3D:
    """See `vidmetrics.networks.fast.fast_network.FastNetwork`.

    Args:
        plain: the plain network.
        operators: implementation of the operators.
        planes: 1 for ``fast``, 2 for ``exact``.
        device: device of the operators.
    """

    side = SIDE

    def __init__(self, plain: I3D, operators: Operators, planes: Planes, device: torch.device) -> None:
        self.planes = planes
        self.device = device
        self._run = operators
        self._preprocessing = plain.pixels
        self._first = fold(cast(_Unit, plain.get_submodule("Conv3d_1a_7x7")))
        self._weights = pack_network(plain, planes, device)
        self._entrances: dict[tuple[int, int, int], Entrance] = {}
        self._packed: dict[str, Packed] = {}

    def entrance(self, num_frames: int, height: int, width: int) -> Entrance:
        """See the protocol."""
        key = (num_frames, height, width)
        if key not in self._entrances:
            self._entrances[key] = self._make_entrance(*key)
        return self._entrances[key]

    def middle(self, num_clips: int, num_frames: int) -> torch.Tensor:
        """See the protocol."""
        shape = (self.planes, num_clips, outputs(num_frames, 2), SIDE // 8, SIDE // 8, self._weights.third.columns)
        return torch.empty(shape, dtype=torch.float16, device=self.device)

    def start(self, clips_NTHWC: torch.Tensor, memory: torch.Tensor, out: torch.Tensor, overflow: torch.Tensor) -> None:
        """Compute the activations before Mixed_3b, ``[planes, N, T / 2, 28, 28, 192]``; see the protocol."""
        N, T, H, W, _ = clips_NTHWC.shape
        entrance, run = self.entrance(T, H, W), self._run
        if entrance.resized_before:
            frames = self._preprocessing.resized(clips_NTHWC.reshape(N * T, H, W, 3).float())
            _place_floats(frames.reshape(N, T, SIDE, SIDE, 3) * 2 - 255, entrance.pixels, memory)
        else:
            run.place(clips_NTHWC, entrance.pixels, memory)
        x = run.first_layer(memory, entrance.pixels, N, entrance.packed, overflow)  # N x T/2 x 112 x 112 x 64
        x = run.pooled_product(x, self._weights.second, overflow)  # N x T/2 x 56 x 56 x 64
        x = self._cube(x, self._weights.third, overflow)  # N x T/2 x 56 x 56 x 192
        run.max_pool(x, Window(1, 3, 1, 2), out)  # N x T/2 x 28 x 28 x 192

    def finish(self, x: torch.Tensor, overflow: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return float32 ``logits`` and ``pool``; see the protocol."""
        for name, block in self._weights.blocks.items():
            if name == "Mixed_4b":
                x = self._run.max_pool(x, Window(3, 3, 2, 2))  # N x T/4 x 14 x 14 x 480
            elif name == "Mixed_5b":
                x = self._run.max_pool(x, Window(2, 2, 2, 2))  # N x T/8 x 7 x 7 x 832
            x = self._mixed(x, block, overflow)
        pool = self._run.average(x)
        return {"logits": self._run.classify(pool, self._weights.logits, self._weights.logits_bias), "pool": pool}

    def _mixed(self, x: torch.Tensor, block: Block, overflow: torch.Tensor) -> torch.Tensor:
        run, first = self._run, block.widths[0]
        out = x.new_empty(*x.shape[:-1], sum(block.widths))
        between = x.new_empty(*x.shape[:-1], block.entry.columns - first)
        branch_0, branch_1, branch_2, branch_3 = torch.split(out, list(block.widths), dim=-1)
        run.convolve(x, block.entry, branch_0, between, overflow)
        run.convolve(between[..., : block.cube_1.channels], block.cube_1, branch_1, None, overflow)
        run.convolve(between[..., block.cube_1.channels :], block.cube_2, branch_2, None, overflow)
        run.convolve(run.max_pool(x, Window(3, 3, 1, 1)), block.pooled, branch_3, None, overflow)
        return out

    def _cube(self, x: torch.Tensor, packed: Packed, overflow: torch.Tensor) -> torch.Tensor:
        out = x.new_empty(*x.shape[:-1], packed.columns)
        self._run.convolve(x, packed, out, None, overflow)
        return out

    def _make_entrance(self, num_frames: int, height: int, width: int) -> Entrance:
        unchanged = not self._preprocessing.changes(height, width)
        tables = None if unchanged else bilinear_tables(height, width, self._preprocessing.resized)
        inside = None
        # `exact` does not fold the resize into the weights: its float32 positions differ from exact ones by up to 6e-6.
        if tables is not None and self.planes == 1:
            inside = geometry(tables, SIDE)
        if unchanged or inside is not None:
            # Pixels are integers, so one plane is exact.
            pixels = Pixels(inside or identity(SIDE), num_frames, 1)
        else:
            on_device = tables and (tables[0].to(self.device), tables[1].to(self.device))
            pixels = Pixels(identity(SIDE), num_frames, self.planes, on_device)
        key = f"{height}x{width}" if inside else "as they are"
        if key not in self._packed:
            self._packed[key] = pack_first_layer(*self._first, pixels.shape, self.planes).to(self.device)
        return Entrance(pixels, self._packed[key], not unchanged and tables is None)


def _place_floats(values_NTHWC: torch.Tensor, pixels: Pixels, memory: torch.Tensor) -> None:
    pixels.inside(memory, len(values_NTHWC))[..., :3] = split(values_NTHWC, pixels.planes)
