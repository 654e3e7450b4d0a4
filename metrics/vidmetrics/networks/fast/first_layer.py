"""The first convolution with the resize folded into its weights, so that it reads the original uint8 frames.

Resizing and convolution are both linear, so together they are one convolution of the original frames. From 64x64 to 224x224
the ratio is 2/7: every 7 outputs of the stride-2 convolution advance by 14 resized or 4 original pixels, after which the
weights repeat. Each output depends on 4x4 original pixels per frame instead of 7x7 resized ones, a third of the work. The input
is exact: a pixel ``p`` is stored as the integer ``2p - 255`` in fp16, and the weights are divided by 255.

`geometry` groups the outputs for one frame size into classes that share weights. Frames that are not resized need a single
class. Sizes without a short period need too many, as do frames larger than the network's input; they are resized first.

The zeros of "SAME" padding surround the resized frame. For resized frames they become omitted weights, in classes of their own;
for other frames, zeros are stored around the frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from vidmetrics.networks.fast.bilinear_tables import Table
from vidmetrics.networks.fast.packing import Packed, pack_matrix, round_up
from vidmetrics.networks.fast.padding import outputs, same


@dataclass(frozen=True)
class FirstKernel:
    """Shape of a first convolution.

    Attributes:
        time: taps in time.
        space: taps in rows and in columns.
        time_stride: stride in time.
        stride: stride in rows and columns.
        padded: whether padding is "SAME"; otherwise there is none.
    """

    time: int
    space: int
    time_stride: int
    stride: int
    padded: bool = True

    def around(self, size: int) -> tuple[int, int]:
        """Return the zeros before and after an axis of rows or columns."""
        return same(size, self.space, self.stride) if self.padded else (0, 0)

    def outputs(self, size: int) -> int:
        """Return the outputs of an axis of rows or columns."""
        return outputs(size, self.stride) if self.padded else (size - self.space) // self.stride + 1


TAPS, STRIDE = 7, 2
I3D_KERNEL = FirstKernel(TAPS, TAPS, STRIDE, STRIDE)
ROW_SPANS = (3, 4, 5, 6, 7)
COLUMN_SPANS = (4, 8)
"""Supported window sizes in pixels. Columns are contiguous in memory, and a kernel reads powers of two."""
MOST_CLASSES = 16
"""Maximum number of classes per axis; its square is the number of weight matrices."""

TOLERANCE = 1e-5
"""Resize weights closer than this count as equal: float32 positions up to 224 have errors of up to 8e-6."""

PIXEL = 4
"""Values per pixel in memory: three channels and a zero, so that a pixel is 8 bytes."""


@dataclass(frozen=True)
class OutputRun:
    """Evenly spaced outputs along one axis that share weights and whose input windows are evenly spaced.

    Attributes:
        first: first output.
        step: distance between outputs.
        count: number of outputs.
        start: first input pixel of the first window, in the padded frame.
        start_step: distance between windows.
        weights: index into `SpatialAxis.weights`.
    """

    first: int
    step: int
    count: int
    start: int
    start_step: int
    weights: int


@dataclass(frozen=True)
class SpatialAxis:
    """One spatial axis of the first layer.

    Attributes:
        size: pixels of the frame.
        before: zeros before the frame in memory.
        after: zeros after the frame in memory.
        span: window size in pixels.
        weights: ``[classes, 7, span]`` float64, resize from original pixels to the taps of the convolution.
        runs: all outputs, each exactly once.
    """

    size: int
    before: int
    after: int
    span: int
    weights: torch.Tensor
    runs: tuple[OutputRun, ...]


@dataclass(frozen=True)
class Geometry:
    """The first layer's windows for frames of equal size.

    Attributes:
        rows: the vertical axis.
        columns: the horizontal axis.
        kernel: the convolution.
    """

    rows: SpatialAxis
    columns: SpatialAxis
    kernel: FirstKernel = I3D_KERNEL


def identity_axis(size: int, span: int, kernel: FirstKernel = I3D_KERNEL) -> SpatialAxis:
    """Return the axis for frames that are not resized, with the zeros of "SAME" padding in memory.

    Args:
        size: pixels of the frame.
        span: window size, at least the taps; pixels beyond the taps have zero weight.
        kernel: the convolution.
    """
    count, step = kernel.outputs(size), kernel.stride
    before, after = kernel.around(size)
    weights = torch.eye(kernel.space, span, dtype=torch.float64)[None]
    # Patches of 16 make a tile of outputs square, so that its windows share cache lines.
    runs = tuple(OutputRun(first, 1, min(16, count - first), first * step, step, 0) for first in range(0, count, 16))
    return SpatialAxis(size, before, after + span - kernel.space, span, weights, runs)


def resized_axis(matrix: torch.Tensor, spans: tuple[int, ...]) -> SpatialAxis | None:
    """Return the axis for frames resized by a matrix, or None if windows are too wide or there are too many classes.

    Args:
        matrix: ``[resized, original]``.
        spans: supported window sizes in ascending order.
    """
    resized, size = matrix.shape
    before, after = same(resized, TAPS, STRIDE)
    padded = torch.cat([matrix.new_zeros(before, size), matrix, matrix.new_zeros(after, size)])
    windows = padded.unfold(0, TAPS, STRIDE).transpose(1, 2).double()  # outputs x 7 x original
    seen = windows.abs().amax(1) > TOLERANCE  # ignore traces of float32 rounding
    firsts, lasts = seen.int().argmax(1), size - 1 - seen.flip(1).int().argmax(1)
    reach = int((lasts - firsts).max()) + 1
    if reach > spans[-1]:
        return None
    span = next(span for span in spans if span >= reach)
    extra = max(0, span - size)  # a frame smaller than the span is followed by zeros
    windows = torch.cat([windows, windows.new_zeros(*windows.shape[:2], extra)], dim=2)
    starts = firsts.clamp(max=size + extra - span).tolist()
    groups: list[tuple[torch.Tensor, list[int]]] = []
    for output, start in enumerate(starts):
        block = windows[output, :, start : start + span]
        for known, members in groups:
            if float((known - block).abs().max()) < TOLERANCE:
                members.append(output)
                break
        else:
            groups.append((block, [output]))
    if len(groups) > MOST_CLASSES:
        return None
    runs = [run for i, (_, members) in enumerate(groups) for run in _runs(members, starts, i)]
    return SpatialAxis(size, 0, extra, span, torch.stack([block for block, _ in groups]), tuple(runs))


def _runs(members: list[int], starts: list[int], weights: int) -> list[OutputRun]:
    """Cut the outputs of one class into runs with even steps."""
    runs, i = [], 0
    while i < len(members):
        steps = (1, 0) if i + 1 == len(members) else _step(members, starts, i)
        j = i + 1
        while j < len(members) and _step(members, starts, j - 1) == steps:
            j += 1
        runs.append(OutputRun(members[i], steps[0], j - i, starts[members[i]], steps[1], weights))
        i = j
    return runs


def _step(members: list[int], starts: list[int], i: int) -> tuple[int, int]:
    return members[i + 1] - members[i], starts[members[i + 1]] - starts[members[i]]


def identity(side: int, kernel: FirstKernel = I3D_KERNEL) -> Geometry:
    """Return the windows for frames that are not resized."""
    wide = next(span for span in COLUMN_SPANS if span >= kernel.space)
    return Geometry(identity_axis(side, kernel.space, kernel), identity_axis(side, wide, kernel), kernel)


def geometry(tables: tuple[Table, Table], side: int) -> Geometry | None:
    """Return the windows for frames whose resize is folded into the weights, or None if it cannot be.

    Args:
        tables: resize of the rows and of the columns.
        side: size of the network's input.
    """
    rows, columns = (
        resized_axis(table.matrix, spans) if table.size <= side else None
        for table, spans in zip(tables, (ROW_SPANS, COLUMN_SPANS), strict=True)
    )
    return Geometry(rows, columns) if rows and columns else None


def pack_first_layer(
    weight: torch.Tensor, bias: torch.Tensor, shape: Geometry, planes: int, one: float = 255.0
) -> Packed:
    """Pack the first convolution for frames of equal size.

    Args:
        weight: folded weights ``[out, 3, t, h, w]``, float64.
        bias: folded bias.
        shape: windows for that size.
        planes: as for `Planes`.
        one: the stored value of a pixel that is 1 to the weights.

    Returns:
        A matrix ``[planes, classes, rows, out]``. Classes are pairs (class of rows, class of columns), the latter varying fastest.
        Rows are (frame tap, pixel row, pixel column, channel).
    """
    y, x, time = shape.rows.weights, shape.columns.weights, shape.kernel.time
    combined = torch.einsum("octhw,yhs,xwr->yxtsrco", weight / one, y, x)
    classes, span_y, span_x = len(y) * len(x), shape.rows.span, shape.columns.span
    padded = combined.new_zeros(classes, time, span_y, span_x, PIXEL, weight.shape[0])
    padded[..., :3, :] = combined.reshape(classes, time, span_y, span_x, 3, -1)
    taps = time * span_y
    rows = padded.reshape(classes, taps * span_x * PIXEL, -1)
    full = rows.new_zeros(classes, round_up(rows.shape[1], BLOCK), rows.shape[2])
    full[:, : rows.shape[1]] = rows
    # To the kernel, the pixels of a row are channels.
    return pack_matrix(full, bias, planes, kernel=(time, span_y, 1), channels=span_x * PIXEL, block=BLOCK, widest=16)


BLOCK = 64
"""Rows of the matrix per step of the product."""
