"""The operators in plain torch: sums of the same fp16 numbers, rounded where the kernels round.

The reference for tests of the kernels, and a way to measure the rounding error of the fast network without a GPU. Slow.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch.nn import functional as F  # noqa: N812 - torch's own documentation writes it so

from vidmetrics.networks.fast.bilinear_tables import Table
from vidmetrics.networks.fast.first_layer import PIXEL, OutputRun
from vidmetrics.networks.fast.operators import Pixels, Window
from vidmetrics.networks.fast.packing import LARGEST, Packed, split, unpack_taps
from vidmetrics.networks.i3d import same_padding


class TorchOperators:
    """See `vidmetrics.networks.fast.operators.Operators`.

    Args:
        dtype: dtype of sums. float32 is faster and closer to the kernels; float64 isolates the rounding to fp16.
    """

    def __init__(self, dtype: torch.dtype = torch.float64) -> None:
        self._dtype = dtype

    def compiling(self) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return nullcontext()

    def place(self, clips_NTHWC: torch.Tensor, pixels: Pixels, memory: torch.Tensor) -> None:
        """See the protocol."""
        values = clips_NTHWC.float()
        if pixels.resize is not None:
            rows, columns = pixels.resize
            values = _resize(_resize(values, columns, 3), rows, 2)
        values = values * 2 - 255 if pixels.mean is None else values - pixels.mean
        pixels.inside(memory, len(clips_NTHWC))[..., :3] = split(values, pixels.planes)
        if pixels.shifted:
            memory[1, ..., :-1, :] = memory[0, ..., 1:, :]

    def first_layer(
        self, memory: torch.Tensor, pixels: Pixels, num_clips: int, packed: Packed, overflow: torch.Tensor
    ) -> torch.Tensor:
        """See the protocol."""
        values = memory[: pixels.planes].to(self._dtype).sum(0)[: num_clips * pixels.clip_frames]
        x = values.reshape(num_clips, pixels.clip_frames, *values.shape[1:])
        rows, columns = pixels.shape.rows, pixels.shape.columns
        frames, height, width = pixels.out
        out = torch.full((num_clips, frames, height, width, packed.columns), torch.nan, dtype=self._dtype)
        matrix = packed.matrix.to(self._dtype).sum(0)[..., : packed.columns]
        kernels = matrix[:, : packed.taps * packed.channels].reshape(
            len(matrix), packed.kernel[0], rows.span, columns.span, PIXEL, packed.columns
        )
        windows = x.unfold(1, packed.kernel[0], pixels.shape.kernel.time_stride)  # N T Y X 4 t
        for ry in rows.runs:
            for rx in columns.runs:
                kernel = kernels[ry.weights * len(columns.weights) + rx.weights]
                seen = windows[:, :, _positions(ry, rows.span)][:, :, :, :, _positions(rx, columns.span)]
                sums = torch.einsum("ntysxrcq,qsrco->ntyxo", seen, kernel)
                out[:, :, _outputs(ry)[:, None], _outputs(rx)] = sums
        return self._finish(out, packed, overflow)

    def pooled_product(self, x: torch.Tensor, packed: Packed, overflow: torch.Tensor) -> torch.Tensor:
        """See the protocol."""
        pooled = self.max_pool(x, Window(1, 3, 1, 2))
        out = pooled.new_empty(*pooled.shape[:-1], packed.columns)
        self.convolve(pooled, packed, out, None, overflow)
        return out

    def convolve(
        self, x: torch.Tensor, packed: Packed, out: torch.Tensor, rest: torch.Tensor | None, overflow: torch.Tensor
    ) -> None:
        """See the protocol."""
        values = x.to(self._dtype).sum(0)
        if packed.taps == 1:
            matrix = packed.matrix.to(self._dtype).sum(0)[: packed.channels, : packed.columns]
            sums = values @ matrix
        else:
            weight, stride = unpack_taps(packed).to(self._dtype), (1, packed.stride, packed.stride)
            sums = F.conv3d(values.permute(0, 4, 1, 2, 3), weight, stride=stride, padding=packed.before)
            sums = sums.permute(0, 2, 3, 4, 1)
        result = self._finish(sums, packed, overflow, planes=len(x))
        out.copy_(result[..., : out.shape[-1]])
        if rest is not None:
            rest.copy_(result[..., out.shape[-1] :])

    def max_pool(self, x: torch.Tensor, window: Window, out: torch.Tensor | None = None) -> torch.Tensor:
        """See the protocol."""
        values = x.float().sum(0).permute(0, 4, 1, 2, 3)
        kernel = (window.time, window.space, window.space)
        stride = (window.time_stride, window.space_stride, window.space_stride)
        if window.padded:
            values = F.pad(values, same_padding(values.shape[2:], kernel, stride), value=-torch.inf)
        result = split(F.max_pool3d(values, kernel, stride).permute(0, 2, 3, 4, 1), len(x))
        return result if out is None else out.copy_(result)

    def average_pool(self, x: torch.Tensor, bias: torch.Tensor, out: torch.Tensor, overflow: torch.Tensor) -> None:
        """See the protocol."""
        frames_NCHW = x.to(self._dtype).sum(0).flatten(0, 1).permute(0, 3, 1, 2)
        means = F.avg_pool2d(frames_NCHW, 3, stride=1, padding=1, count_include_pad=False).permute(0, 2, 3, 1)
        values = (means.reshape(x.shape[1:]) + bias).clamp(min=0).float()
        overflow |= int((values > LARGEST).any())
        out.copy_(split(values, len(x)))

    def average(self, x: torch.Tensor) -> torch.Tensor:
        """See the protocol."""
        values = x.to(self._dtype).sum(0).permute(0, 4, 1, 2, 3)
        if values.shape[2] == 1:
            return values.mean((2, 3, 4)).float()
        return F.avg_pool3d(values, (2, *values.shape[3:]), stride=1).mean((2, 3, 4)).float()

    def classify(self, x_NC: torch.Tensor, weight_CK: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """See the protocol."""
        return (x_NC.to(self._dtype) @ weight_CK.to(self._dtype) + bias).float()

    def _finish(
        self, sums: torch.Tensor, packed: Packed, overflow: torch.Tensor, planes: int | None = None
    ) -> torch.Tensor:
        """Scale, add the bias, apply ReLU and split."""
        scale, bias, lowest = (t[: packed.columns] for t in (packed.scale, packed.bias, packed.lowest))
        values = torch.maximum(sums * scale + bias, lowest.to(self._dtype)).float()
        overflow |= int((values.abs() > LARGEST).any())
        return split(values, planes or len(packed.matrix))


def _positions(run: OutputRun, span: int) -> torch.Tensor:
    """Return the pixels that each output of a run sees, ``[count, span]``."""
    return (run.start + torch.arange(run.count) * run.start_step)[:, None] + torch.arange(span)


def _outputs(run: OutputRun) -> torch.Tensor:
    return run.first + torch.arange(run.count) * run.step


def _resize(values: torch.Tensor, table: Table, axis: int) -> torch.Tensor:
    a, b = values.index_select(axis, table.lower.long()), values.index_select(axis, table.upper.long())
    return a + (b - a) * table.weight.reshape(-1, *[1] * (values.ndim - axis - 1))
