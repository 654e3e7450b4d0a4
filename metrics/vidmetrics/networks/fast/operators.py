"""The operators of the fast networks and the tensors they exchange.

There are two implementations: `vidmetrics.networks.fast.triton_operators` for GPUs, and the reference in plain torch,
`vidmetrics.networks.fast.torch_operators`, which runs anywhere.

Activations are fp16 ``[planes, N, T, H, W, C]`` (see `vidmetrics.networks.fast.packing`), non-negative except before an average
pool, and contiguous except for channel slices. A network of frames has clips of one frame. ``overflow`` is an int32 tensor of one element that is set to 1 when a value exceeds the range of fp16.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import torch

from vidmetrics.networks.fast.bilinear_tables import Table
from vidmetrics.networks.fast.first_layer import PIXEL, Geometry
from vidmetrics.networks.fast.packing import Packed
from vidmetrics.networks.fast.padding import outputs, same


@dataclass(frozen=True)
class Pixels:
    """Layout of the pixels before the first layer, for one clip length and one frame size.

    Attributes:
        shape: windows of the first layer.
        num_frames: frames per clip.
        planes: fp16 numbers per pixel value.
        resize: tables of rows and columns if frames are resized when they are stored.
        mean: float32 ``[T, H, W, 3]`` to subtract from resized pixels, which are then stored as they are; without it
            ``2p - 255`` is stored.
    """

    shape: Geometry
    num_frames: int
    planes: int
    resize: tuple[Table, Table] | None = None
    mean: torch.Tensor | None = None

    @property
    def _around(self) -> tuple[int, int]:
        """Zeros before and after the frames of a clip."""
        kernel = self.shape.kernel
        return same(self.num_frames, kernel.time, kernel.time_stride)

    @property
    def before(self) -> tuple[int, int, int]:
        """Zeros before the first frame, row and column."""
        return self._around[0], self.shape.rows.before, self.shape.columns.before

    @property
    def clip_frames(self) -> int:
        """Frames per clip, including the zeros around them."""
        return self.num_frames + sum(self._around)

    @property
    def frame(self) -> tuple[int, int]:
        """Rows and columns of a frame, including the zeros around it."""
        rows, columns = self.shape.rows, self.shape.columns
        width = columns.before + columns.size + columns.after
        return rows.before + rows.size + rows.after, width + width % 2

    @property
    def vector(self) -> int:
        """Values per copy: two pixels if the windows of each run start all at even or all at odd pixels, otherwise one."""
        return 2 * PIXEL if all(run.start_step % 2 == 0 for run in self.shape.columns.runs) else PIXEL

    @property
    def shifted(self) -> bool:
        """Whether a second plane holds the pixels shifted left by one, so that odd pixels are aligned."""
        return self.vector > PIXEL and any(run.start % 2 for run in self.shape.columns.runs)

    @property
    def out(self) -> tuple[int, int, int]:
        """Frames, rows and columns of the first layer's output."""
        rows = sum(run.count for run in self.shape.rows.runs)
        frames = outputs(self.num_frames, self.shape.kernel.time_stride)
        return frames, rows, sum(run.count for run in self.shape.columns.runs)

    def zeros(self, num_clips: int, device: torch.device) -> torch.Tensor:
        """Return fp16 ``[planes, frames, rows, columns, 4]`` with one extra frame, which taps of zero weight may read.

        If the pixels are `shifted`, there is one plane of them, followed by the shifted one.
        """
        frames = num_clips * self.clip_frames + 1
        return torch.zeros(self.planes + self.shifted, frames, *self.frame, PIXEL, dtype=torch.float16, device=device)

    def inside(self, memory: torch.Tensor, num_clips: int) -> torch.Tensor:
        """Return the view of the pixels without the zeros around them: ``[planes, N, T, H, W, 4]``."""
        t, y, x = self.before
        frames = memory[: self.planes, : num_clips * self.clip_frames]
        clips = frames.view(self.planes, num_clips, self.clip_frames, *frames.shape[2:])
        rows, columns = self.shape.rows.size, self.shape.columns.size
        return clips[:, :, t : t + self.num_frames, y : y + rows, x : x + columns]


@dataclass(frozen=True)
class Window:
    """Kernel size and stride of a max-pool in time and space; ``padded`` if its padding is "SAME", otherwise there is none."""

    time: int
    space: int
    time_stride: int
    space_stride: int
    padded: bool = True

    def around(self, size: int) -> int:
        """Return the rows or columns that are missing before the first window."""
        return same(size, self.space, self.space_stride)[0] if self.padded else 0

    def outputs(self, size: int) -> int:
        """Return the outputs of an axis of rows or columns."""
        return outputs(size, self.space_stride) if self.padded else (size - self.space) // self.space_stride + 1


class Operators(Protocol):
    """The operators. Outputs are allocated by the operator, except in `convolve`."""

    def compiling(self) -> AbstractContextManager[None]:
        """Return a context in which operators are compiled but not executed."""
        ...

    def place(self, clips_NTHWC: torch.Tensor, pixels: Pixels, memory: torch.Tensor) -> None:
        """Store uint8 clips in memory from `Pixels.zeros`, resized if there are tables."""
        ...

    def first_layer(
        self, memory: torch.Tensor, pixels: Pixels, num_clips: int, packed: Packed, overflow: torch.Tensor
    ) -> torch.Tensor:
        """Return the output of the first convolution, with bias and ReLU."""
        ...

    def pooled_product(self, x: torch.Tensor, packed: Packed, overflow: torch.Tensor) -> torch.Tensor:
        """Return the 1x3x3 max-pool of stride 2 followed by a 1x1x1 convolution of 64 channels."""
        ...

    def convolve(
        self, x: torch.Tensor, packed: Packed, out: torch.Tensor, rest: torch.Tensor | None, overflow: torch.Tensor
    ) -> None:
        """Convolve with bias and ReLU; channels that do not fit into ``out`` go to ``rest``."""
        ...

    def max_pool(self, x: torch.Tensor, window: Window, out: torch.Tensor | None = None) -> torch.Tensor:
        """Return the max-pool, in ``out`` if given."""
        ...

    def average_pool(self, x: torch.Tensor, bias: torch.Tensor, out: torch.Tensor, overflow: torch.Tensor) -> None:
        """Average over 3x3 pixels, excluding those outside the frame; add the bias and apply ReLU."""
        ...

    def average(self, x: torch.Tensor) -> torch.Tensor:
        """Return float32 ``[N, C]``: the mean over windows of two frames, then over windows; of one frame, its mean."""
        ...

    def classify(self, x_NC: torch.Tensor, weight_CK: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Return ``x @ weight + bias`` in float32."""
        ...
