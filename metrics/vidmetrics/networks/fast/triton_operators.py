"""The operators as Triton kernels; see `vidmetrics.networks.fast.operators`.

Nothing here waits for the GPU. Offsets have 32 bits: `vidmetrics.networks.fast.running` keeps tensors below 2^31 values.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
import triton

from vidmetrics.networks.fast import kernels_pointwise, kernels_product
from vidmetrics.networks.fast.accumulation import mean_loss
from vidmetrics.networks.fast.first_layer import PIXEL
from vidmetrics.networks.fast.operators import Pixels, Window
from vidmetrics.networks.fast.packing import Packed
from vidmetrics.networks.fast.padding import outputs, same
from vidmetrics.networks.fast.tiles import Tile, average_tile, first_layer_tile, pool_tile, second_layer_tile, tile_for


class TritonOperators:
    """See `vidmetrics.networks.fast.operators.Operators`.

    Attributes:
        tiles: overrides of `vidmetrics.networks.fast.tiles` for benchmarks, by (taps, columns, channels, planes) of a
            convolution, or ``"first"``, ``"second"`` or ``"pool"``.
    """

    def __init__(self) -> None:
        self.tiles: dict[Any, Tile] = {}
        self._compiling = False
        self._tables: dict[tuple[Any, ...], tuple[torch.Tensor, ...]] = {}

    @contextmanager
    def compiling(self) -> Iterator[None]:
        """Compile the kernels launched inside instead of running them, in parallel if Triton supports it."""
        self._compiling = True
        try:
            if hasattr(triton, "AsyncCompileMode"):
                with ThreadPoolExecutor(os.cpu_count()) as pool, triton.AsyncCompileMode(pool):
                    yield
            else:
                yield
        finally:
            self._compiling = False

    def _launch(self, kernel: Any, grid: tuple[int, ...], *arguments: Any, **options: Any) -> None:
        if self._compiling:
            kernel.warmup(*arguments, grid=grid, **options)
        else:
            kernel[grid](*arguments, **options)

    def place(self, clips_NTHWC: torch.Tensor, pixels: Pixels, memory: torch.Tensor) -> None:
        """See the protocol."""
        N, T, H, W, _ = clips_NTHWC.shape
        where = (pixels.clip_frames, pixels.before[0], *pixels.frame, *pixels.before[1:])
        if pixels.resize is None:
            count = N * T * H * W
            self._launch(
                kernels_pointwise.place_pixels, (triton.cdiv(count, 512),),
                clips_NTHWC, memory, count, T, H, W, *where, memory.stride(0) // PIXEL,
                SHIFTED=pixels.shifted, BLOCK=512, num_warps=4,
            )  # fmt: skip
            return
        rows, columns = pixels.resize
        side = pixels.shape.rows.size
        count = N * T * side * side
        self._launch(
            kernels_pointwise.place_resized, (triton.cdiv(count, 512),),
            clips_NTHWC, rows.lower, rows.weight, columns.lower, columns.weight,
            rows.weight if pixels.mean is None else pixels.mean, memory,
            count, T, H, W, side, *where, memory.stride(0) // PIXEL,
            MEAN=pixels.mean is not None, BLOCK=512, PLANES=pixels.planes, num_warps=4,
        )  # fmt: skip

    def first_layer(
        self, memory: torch.Tensor, pixels: Pixels, num_clips: int, packed: Packed, overflow: torch.Tensor
    ) -> torch.Tensor:
        """See the protocol."""
        frames, height, width = pixels.out
        planes, tile = len(packed.matrix), self.tiles.get("first") or first_layer_tile(pixels.planes)
        vector = min(pixels.vector, tile.vector)
        out = memory.new_empty(planes, num_clips, frames, height, width, packed.columns)
        runs, tiles, starts = self._first_layer_tables(pixels, num_clips, tile.rows, memory.device)
        self._launch(
            kernels_product.first_layer, (len(tiles),),
            memory, packed.matrix, packed.scale, packed.bias, packed.lowest, runs, tiles, starts, out, overflow,
            memory.stride(1) // vector, memory.stride(2) // vector, memory.stride(0) // vector,
            num_clips * frames, height, packed.matrix.shape[3], packed.matrix.stride(1), packed.matrix.stride(0), out.stride(0),
            STEPS=packed.matrix.shape[2] // packed.block, SPAN_Y=pixels.shape.rows.span, KX=packed.channels,
            BM=tile.rows, BN=packed.columns, BK=packed.block, VEC=vector, P_PLANES=pixels.planes, W_PLANES=planes, REGAIN=mean_loss(packed.block),
            num_warps=tile.warps, num_stages=tile.stages,
        )  # fmt: skip
        return out

    def pooled_product(self, x: torch.Tensor, packed: Packed, overflow: torch.Tensor) -> torch.Tensor:
        """See the protocol."""
        planes, N, T, H, W, _ = x.shape
        out = x.new_empty(planes, N, T, outputs(H, 2), outputs(W, 2), packed.columns)
        rows = out[0].numel() // packed.columns
        tile = self.tiles.get("second") or second_layer_tile(planes)
        self._launch(
            kernels_product.pooled_product, (triton.cdiv(rows, tile.rows),),
            x, packed.matrix, packed.scale, packed.bias, packed.lowest, out, overflow,
            rows, H, W, out.shape[3], out.shape[4], x.stride(0), packed.matrix.shape[2], packed.matrix.stride(0), out.stride(0),
            BM=tile.rows, PLANES=planes, REGAIN=mean_loss(packed.block), num_warps=tile.warps,
        )  # fmt: skip
        return out

    def convolve(
        self, x: torch.Tensor, packed: Packed, out: torch.Tensor, rest: torch.Tensor | None, overflow: torch.Tensor
    ) -> None:
        """See the protocol."""
        planes, N, T, H, W, _ = x.shape
        key = (packed.taps, packed.columns, packed.channels, planes)
        tile = self.tiles.get(key) or tile_for(*key)
        height, width = out.shape[3:5]
        rows = N * T * height * width
        kernel = dict(zip(("KT", "KH", "KW"), packed.kernel, strict=True))
        grid = (triton.cdiv(rows, tile.rows) * triton.cdiv(packed.columns, tile.wide + tile.narrow),)
        other = out if rest is None else rest
        depth = min(tile.depth, packed.block)
        self._launch(
            kernels_product.convolve, grid,
            x, packed.matrix, packed.scale, packed.bias, packed.lowest, out, other, overflow,
            rows, T, H, W, height, width, x.stride(4) // tile.vector, x.stride(0) // tile.vector,
            packed.channels, packed.matrix.shape[2], packed.matrix.stride(0), packed.columns, out.shape[-1],
            out.stride(4), out.stride(0), other.stride(4), other.stride(0),
            **kernel, STRIDE=packed.stride, PADDED=packed.padded, BLOCK=packed.block, BM=tile.rows, BN0=tile.wide, BN1=tile.narrow, BK=depth,
            VEC=tile.vector, PLANES=planes, REGAIN=mean_loss(depth),
            num_warps=tile.warps, num_stages=tile.stages,
        )  # fmt: skip

    def max_pool(self, x: torch.Tensor, window: Window, out: torch.Tensor | None = None) -> torch.Tensor:
        """See the protocol."""
        planes, N, T, H, W, C = x.shape
        K, S = window.space, window.space_stride
        tile = self.tiles.get("pool") or pool_tile(planes)
        before = (same(T, window.time, window.time_stride)[0], window.around(H), window.around(W))
        size = (outputs(T, window.time_stride), window.outputs(H), window.outputs(W))
        if out is None:
            out = x.new_empty(planes, N, *size, C)
        self._launch(
            kernels_pointwise.max_pool, (N, triton.cdiv(size[1] * size[2], tile.rows), triton.cdiv(C, tile.wide)),
            x, out, T, H, W, C, *size, *before, x.stride(0), out.stride(4), out.stride(0),
            KT=window.time, K=K, ST=window.time_stride, S=S, BP=tile.rows, BC=tile.wide, PLANES=planes, num_warps=tile.warps,
        )  # fmt: skip
        return out

    def average_pool(self, x: torch.Tensor, bias: torch.Tensor, out: torch.Tensor, overflow: torch.Tensor) -> None:
        """See the protocol."""
        planes, N, T, H, W, C = x.shape
        tile, pixels = average_tile(), N * T * H * W
        self._launch(
            kernels_pointwise.average_pool, (triton.cdiv(pixels, tile.rows), triton.cdiv(C, tile.wide)),
            x, bias, out, overflow, pixels, H, W, C, x.stride(4), x.stride(0), out.stride(4), out.stride(0),
            BP=tile.rows, BC=tile.wide, PLANES=planes, num_warps=tile.warps,
        )  # fmt: skip

    def average(self, x: torch.Tensor) -> torch.Tensor:
        """See the protocol."""
        planes, N, T, H, W, C = x.shape
        out = torch.empty(N, C, dtype=torch.float32, device=x.device)
        self._launch(
            kernels_pointwise.average, (N, triton.cdiv(C, 64)),
            x, out, T, H * W, C, x.stride(0), BP=16, BC=64, PLANES=planes, num_warps=4,
        )  # fmt: skip
        return out

    def classify(self, x_NC: torch.Tensor, weight_CK: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """See the protocol."""
        N, C = x_NC.shape
        classes = weight_CK.shape[1]
        out = torch.empty(N, classes, dtype=torch.float32, device=x_NC.device)
        self._launch(
            kernels_pointwise.classify, (triton.cdiv(N, 16), triton.cdiv(classes, 32)),
            x_NC, weight_CK, bias, out, N, C, classes, BM=16, BN=32, BK=64, num_warps=4,
        )  # fmt: skip
        return out

    def _first_layer_tables(
        self, pixels: Pixels, num_clips: int, rows: int, device: torch.device
    ) -> tuple[torch.Tensor, ...]:
        """Return the pairs of runs, ``[pairs, 13]``, tiles ``[programs, 2]`` (pair, number within it) and first frames, int32."""
        shape = pixels.shape
        key = (shape.rows.runs, shape.columns.runs, shape.kernel, pixels.num_frames, num_clips, rows)
        if key not in self._tables:
            frames = num_clips * pixels.out[0]
            runs: list[list[int]] = []
            tiles: list[tuple[int, int]] = []
            for y in shape.rows.runs:
                for x in shape.columns.runs:
                    bits = [(run.count - 1).bit_length() for run in (y, x)]
                    tiles += [(len(runs), i) for i in range(triton.cdiv(frames << sum(bits), rows))]
                    axes = [
                        (run.first, run.step, run.count, run.start, run.start_step, bit)
                        for run, bit in zip((y, x), bits, strict=True)
                    ]
                    runs.append([*axes[0], *axes[1], y.weights * len(shape.columns.weights) + x.weights])
            step = shape.kernel.time_stride
            starts = [clip * pixels.clip_frames + step * t for clip in range(num_clips) for t in range(pixels.out[0])]
            tables = (runs, tiles, starts)
            self._tables[key] = tuple(torch.tensor(table, dtype=torch.int32, device=device) for table in tables)
        return self._tables[key]
