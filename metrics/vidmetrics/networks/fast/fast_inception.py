"""Inception-v3 with fp16 matrix products: the weights and outputs of `vidmetrics.networks.inception.Inception`, which remains the reference.

It has the operators and the arithmetic of `vidmetrics.networks.fast.fast_i3d`; a frame is a clip of one frame. Frames are resized in
float32 as they are stored. The 1x1 convolutions of a block's input are one product. That of the average pool is among them, because
averages and 1x1 convolutions are linear and can change places: fewer channels are averaged, before the bias and ReLU.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch

from vidmetrics.networks.fast.bilinear_tables import Table, bilinear_tables
from vidmetrics.networks.fast.fast_network import Entrance
from vidmetrics.networks.fast.first_layer import FirstKernel, identity, pack_first_layer
from vidmetrics.networks.fast.operators import Operators, Pixels, Window
from vidmetrics.networks.fast.packing import Packed, Planes, fold_frames, pack_pointwise, pack_taps, round_up
from vidmetrics.networks.inception import (
    _BLOCKS,
    AVERAGE,
    FRAME_SIZE,
    MAXIMUM,
    SHRINK,
    Inception,
    _Conv,
    _Mixed,
    _Unit,
)
from vidmetrics.networks.resize import resize_tf1_bilinear

KERNEL = FirstKernel(time=1, space=3, time_stride=1, stride=2, padded=False)
AFTER_STEM = 35
SHRINKING = Window(1, 3, 1, 2, padded=False)


@dataclass(frozen=True)
class Chain:
    """Convolutions one after the other.

    Attributes:
        source: channels of the entry's output that the first one reads; None for the block's input.
        steps: convolutions before the last.
        last: convolutions of one input, with the columns of the block's output that they write.
    """

    source: slice | None
    steps: tuple[Packed, ...]
    last: tuple[tuple[Packed, slice], ...]


@dataclass(frozen=True)
class FrameBlock:
    """Packed weights of one block.

    Attributes:
        entry: 1x1 convolutions of the block's input.
        first: outputs of the entry that are the block's.
        chains: what follows the others.
        averaged: channels of the entry's other outputs that are averaged, with their bias and the columns that they become.
        maximum: 1x1 convolution of a max-pool, and the columns that it writes.
        shrunk: columns of the input's max-pool of stride 2.
        width: output channels.
        shrinks: whether the block has a stride of 2.
    """

    entry: Packed
    first: int
    chains: tuple[Chain, ...]
    averaged: tuple[slice, torch.Tensor, slice] | None
    maximum: tuple[Packed, slice] | None
    shrunk: slice | None
    width: int

    @property
    def shrinks(self) -> bool:
        """Whether the block has a stride of 2."""
        return self.shrunk is not None


def pack_block(mixed: _Mixed, planes: Planes, device: torch.device) -> FrameBlock:
    """Pack the weights of a block."""

    def unit(conv: _Conv) -> tuple[torch.Tensor, torch.Tensor]:
        return fold_frames(cast(_Unit, mixed.get_submodule(conv.name)))

    def taps(conv: _Conv, channels: int) -> Packed:
        return pack_taps(unit(conv), channels, planes, conv.stride, padded=conv.stride == 1).to(device)

    entries: list[tuple[torch.Tensor, torch.Tensor]] = []
    paddings: list[int] = []
    first, raw, column, between = 0, None, 0, 0
    found: dict[str, Any] = {"averaged": None, "maximum": None, "shrunk": None}
    chains: list[Chain] = []
    for branch in mixed.branches:
        head, *tail = branch
        last = (branch[-1],) if isinstance(branch[-1], _Conv) else branch[-1]
        if head == SHRINK:
            found["shrunk"] = slice(column, mixed.width)
            continue
        widths = [cast(_Conv, conv).width for conv in last]
        starts = [column + sum(widths[:i]) for i in range(len(widths))]
        columns = [slice(start, start + width) for start, width in zip(starts, widths, strict=True)]
        column += sum(widths)
        if head == MAXIMUM:
            packed = pack_pointwise([unit(cast(_Conv, tail[0]))], widths, planes)
            found["maximum"] = packed.to(device), columns[0]
            continue
        pointwise = cast(_Conv, tail[0] if head == AVERAGE else head)
        if pointwise.kernel == (1, 1):
            folded = unit(pointwise)
            entries.append(folded)
            if head != AVERAGE and not tail:
                first = pointwise.width
                paddings.append(first)
                continue
            padding = round_up(pointwise.width, 32)
            paddings.append(padding)
            source = slice(between, between + padding)
            between += padding
            if head == AVERAGE:
                raw = len(entries) - 1
                found["averaged"] = (
                    slice(source.start, source.start + widths[0]),
                    folded[1].float().to(device),
                    columns[0],
                )
                continue
            steps, channels = cast(list[_Conv], tail[:-1]), padding
        else:
            source, steps = None, []
            channels = unit(pointwise)[0].shape[1]
        packed_steps = []
        for conv in steps:
            packed_steps.append(taps(conv, channels))
            channels = conv.width
        ends = tuple((taps(cast(_Conv, conv), channels), place) for conv, place in zip(last, columns, strict=True))
        chains.append(Chain(source, tuple(packed_steps), ends))
    entry = pack_pointwise(entries, paddings, planes, raw).to(device)
    return FrameBlock(entry, first, tuple(chains), width=mixed.width, **found)


class FastInception:
    """See `vidmetrics.networks.fast.fast_network.FastNetwork`.

    Args:
        plain: the plain network.
        operators: implementation of the operators.
        planes: 1 for ``fast``, 2 for ``exact``.
        device: device of the operators.
    """

    side = FRAME_SIZE

    def __init__(self, plain: Inception, operators: Operators, planes: Planes, device: torch.device) -> None:
        self.planes = planes
        self.device = device
        self._run = operators
        weight, bias = (t.cpu() for t in fold_frames(plain.Conv2d_1a_3x3))
        # Stored is 2p - 255, and (p - 128) / 128 is that, minus 1, over 256.
        bias = bias - weight.flatten(1).sum(1) / 256
        self._first = pack_first_layer(weight, bias, identity(FRAME_SIZE, KERNEL), planes, one=256.0).to(device)
        valid = {"padded": False}
        self._stem_2a = pack_taps(fold_frames(plain.Conv2d_2a_3x3), 32, planes, **valid).to(device)
        self._stem_2b = pack_taps(fold_frames(plain.Conv2d_2b_3x3), 32, planes).to(device)
        unit = fold_frames(plain.Conv2d_3b_1x1)
        self._stem_3b = pack_pointwise([unit], [round_up(len(unit[1]), 32)], planes).to(device)
        self._stem_4a = pack_taps(fold_frames(plain.Conv2d_4a_3x3), self._stem_3b.columns, planes, **valid).to(device)
        self._blocks = [pack_block(cast(_Mixed, plain.get_submodule(name)), planes, device) for name in _BLOCKS]
        self._fc = plain.fc.weight.detach().float().T.contiguous().to(device)
        self._fc_bias = plain.fc.bias.detach().float().to(device)
        self._no_bias = torch.zeros_like(self._fc_bias)
        self._tables: dict[tuple[int, int], tuple[Table, Table]] = {}

    def entrance(self, num_frames: int, height: int, width: int) -> Entrance:
        """See the protocol."""
        shape = identity(FRAME_SIZE, KERNEL)
        if (height, width) == (FRAME_SIZE, FRAME_SIZE):
            return Entrance(Pixels(shape, num_frames, 1), self._first)  # pixels are integers, so one plane is exact
        if (height, width) not in self._tables:
            tables = bilinear_tables(height, width, _resized)
            if tables is None:
                raise ArithmeticError(f"no bilinear tables for frames of {width}x{height}")
            self._tables[height, width] = (tables[0].to(self.device), tables[1].to(self.device))
        return Entrance(Pixels(shape, num_frames, self.planes, self._tables[height, width]), self._first)

    def middle(self, num_clips: int, num_frames: int) -> torch.Tensor:
        """See the protocol."""
        shape = (self.planes, num_clips, num_frames, AFTER_STEM, AFTER_STEM, self._stem_4a.columns)
        return torch.empty(shape, dtype=torch.float16, device=self.device)

    def start(self, clips_NTHWC: torch.Tensor, memory: torch.Tensor, out: torch.Tensor, overflow: torch.Tensor) -> None:
        """Compute the activations before Mixed_5b, ``[planes, N, T, 35, 35, 192]``; see the protocol."""
        N, T, H, W, _ = clips_NTHWC.shape
        entrance, run = self.entrance(T, H, W), self._run
        run.place(clips_NTHWC, entrance.pixels, memory)
        x = run.first_layer(memory, entrance.pixels, N, self._first, overflow)  # N x T x 149 x 149 x 32
        x = self._convolve(x, self._stem_2a, overflow)  # N x T x 147 x 147 x 32
        x = run.max_pool(self._convolve(x, self._stem_2b, overflow), SHRINKING)  # N x T x 73 x 73 x 64
        x = self._convolve(x, self._stem_3b, overflow)  # N x T x 73 x 73 x 96, of which 80 are not zero
        run.max_pool(self._convolve(x, self._stem_4a, overflow), SHRINKING, out)  # from N x T x 71 x 71 x 192

    def finish(self, x: torch.Tensor, overflow: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return float32 ``pool``, ``logits`` and ``logits-unbiased``; see the protocol."""
        for block in self._blocks:
            x = self._mixed(x, block, overflow)
        pool = self._run.average(x.reshape(self.planes, -1, 1, *x.shape[3:]))
        unbiased = self._run.classify(pool, self._fc, self._no_bias)
        return {"pool": pool, "logits": unbiased + self._fc_bias, "logits-unbiased": unbiased}

    def _mixed(self, x: torch.Tensor, block: FrameBlock, overflow: torch.Tensor) -> torch.Tensor:
        run = self._run
        side = SHRINKING.outputs(x.shape[3]) if block.shrinks else x.shape[3]
        out = x.new_empty(*x.shape[:3], side, side, block.width)
        between = x.new_empty(*x.shape[:-1], block.entry.columns - block.first)
        if block.first:
            run.convolve(x, block.entry, out[..., : block.first], between, overflow)
        else:
            run.convolve(x, block.entry, between, None, overflow)
        for chain in block.chains:
            y = x if chain.source is None else between[..., chain.source]
            for packed in chain.steps:
                y = self._convolve(y, packed, overflow)
            for packed, columns in chain.last:
                run.convolve(y, packed, out[..., columns], None, overflow)
        if block.averaged:
            channels, bias, columns = block.averaged
            run.average_pool(between[..., channels], bias, out[..., columns], overflow)
        if block.maximum:
            packed, columns = block.maximum
            run.convolve(run.max_pool(x, Window(1, 3, 1, 1)), packed, out[..., columns], None, overflow)
        if block.shrunk:
            run.max_pool(x, SHRINKING, out[..., block.shrunk])
        return out

    def _convolve(self, x: torch.Tensor, packed: Packed, overflow: torch.Tensor) -> torch.Tensor:
        out = x.new_empty(*x.shape[:3], *packed.sizes(*x.shape[3:5]), packed.columns)
        self._run.convolve(x, packed, out, None, overflow)
        return out


def _resized(frames_NHWC: torch.Tensor) -> torch.Tensor:
    return resize_tf1_bilinear(frames_NHWC, FRAME_SIZE, FRAME_SIZE)
