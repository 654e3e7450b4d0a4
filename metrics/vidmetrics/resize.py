"""Resizing as the published networks were fed: TensorFlow 1's bilinear kernel, bit by bit."""

from __future__ import annotations

import torch

from vidmetrics.errors import InputError


def _neighbours(size_in: int, size_out: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return, for each output index, the lower and upper source index (int64) and the float32 weight of the upper."""
    scale = torch.tensor(size_in, dtype=torch.float32) / torch.tensor(size_out, dtype=torch.float32)
    # On the CPU always: the rounding of index * scale decides the last bits of the weights.
    source = torch.arange(size_out, dtype=torch.float32) * scale
    lower = source.floor().long().clamp(max=size_in - 1)
    upper = (lower + 1).clamp(max=size_in - 1)
    return lower.to(device), upper.to(device), (source - lower).to(device)


def resize_tf1_bilinear(frames_NHWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resize as ``tf.compat.v1.image.resize_bilinear`` does by default.

    Legacy sampling: output pixel i reads source position ``i * size_in / size_out`` in float32, without half-pixel
    centres, aligned corners or antialias; rows are interpolated before columns are (tensorflow/core/kernels/image/
    resize_bilinear_op.cc). The aspect ratio is not kept.

    Args:
        frames_NHWC: float32 ``[N, H, W, C]``, any range.
        height: rows wanted.
        width: columns wanted.

    Returns:
        float32 ``[N, height, width, C]`` in the range of the input.

    Raises:
        InputError: another dtype or shape, or an empty frame.
    """
    if frames_NHWC.dtype != torch.float32 or frames_NHWC.ndim != 4 or 0 in frames_NHWC.shape[1:]:
        raise InputError(
            f"The resize takes float32 [N, H, W, C], not {frames_NHWC.dtype} {list(frames_NHWC.shape)}; convert first."
        )
    if height < 1 or width < 1:
        raise InputError(f"Frames cannot be resized to {height}x{width}; both sides must be at least 1.")
    top, bottom, y = _neighbours(frames_NHWC.shape[1], height, frames_NHWC.device)
    left, right, x = _neighbours(frames_NHWC.shape[2], width, frames_NHWC.device)
    lower_x, upper_x = frames_NHWC[:, :, left], frames_NHWC[:, :, right]
    rows = lower_x + (upper_x - lower_x) * x[:, None]
    lower_y, upper_y = rows[:, top], rows[:, bottom]
    return lower_y + (upper_y - lower_y) * y[:, None, None]
