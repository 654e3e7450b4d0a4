"""Mistakes in resizing: kernels other than TensorFlow 1's, and rounding to uint8 after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from vidmetrics.conformance.mistakes.mistake import Answerer, Arrays, Mistake

if TYPE_CHECKING:
    import torch

    Resizer = Callable[[torch.Tensor, int, int], torch.Tensor]


def _interpolated(frames_NHWC: torch.Tensor, height: int, width: int, **settings: Any) -> torch.Tensor:
    import torch

    frames_NCHW = frames_NHWC.permute(0, 3, 1, 2)
    return torch.nn.functional.interpolate(frames_NCHW, (height, width), **settings).permute(0, 2, 3, 1)


def half_pixel(frames_NHWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Bilinear with half-pixel centres, torch's default."""
    return _interpolated(frames_NHWC, height, width, mode="bilinear", align_corners=False)


def antialiased(frames_NHWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Bilinear with half-pixel centres and antialiasing."""
    return _interpolated(frames_NHWC, height, width, mode="bilinear", align_corners=False, antialias=True)


def aligned_corners(frames_NHWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Bilinear with aligned corners."""
    return _interpolated(frames_NHWC, height, width, mode="bilinear", align_corners=True)


def nearest_pixel(frames_NHWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Nearest neighbour, rounding down."""
    return _interpolated(frames_NHWC, height, width, mode="nearest")


def bicubic(frames_NHWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Bicubic with half-pixel centres."""
    return _interpolated(frames_NHWC, height, width, mode="bicubic", align_corners=False)


def cropped(frames_NHWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Half-pixel bilinear of the short side, then a centre crop: preserves the aspect ratio, loses the borders."""
    rows, columns = frames_NHWC.shape[1:3]
    scale = max(height / rows, width / columns)
    tall, wide = max(round(rows * scale), height), max(round(columns * scale), width)
    resized = half_pixel(frames_NHWC, tall, wide)
    top, left = (tall - height) // 2, (wide - width) // 2
    return resized[:, top : top + height, left : left + width]


def truncated(frames_NHWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The correct kernel, then a cast to uint8, which truncates."""
    from vidmetrics.networks.resize import resize_tf1_bilinear

    return resize_tf1_bilinear(frames_NHWC, height, width).floor()


def rounded(frames_NHWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The correct kernel, then rounding to uint8."""
    from vidmetrics.networks.resize import resize_tf1_bilinear

    return resize_tf1_bilinear(frames_NHWC, height, width).round()


WRONG_RESIZERS: dict[str, tuple[str, Resizer]] = {
    "half-pixel-resize": ("resizes bilinearly with half-pixel centres (torch's default)", half_pixel),
    "antialiased-resize": ("resizes bilinearly with antialias", antialiased),
    "aligned-corners-resize": ("resizes bilinearly with aligned corners", aligned_corners),
    "nearest-resize": ("resizes to the nearest pixel", nearest_pixel),
    "bicubic-resize": ("resizes bicubically", bicubic),
    "short-side-crop": ("resizes the short side with half-pixel centres and crops the centre", cropped),
    "truncated-uint8": ("truncates resized frames to whole levels (a cast to uint8)", truncated),
    "rounded-uint8": ("rounds resized frames to whole levels", rounded),
}
"""Title and wrong resizer of each mistake."""


def _answer(resizer: Resizer) -> Answerer:
    def answer(inputs: Arrays, parameters: dict[str, Any]) -> Any:
        import torch

        frames_NHWC = torch.from_numpy(np.ascontiguousarray(inputs["frames"]))
        return resizer(frames_NHWC, parameters["height"], parameters["width"]).numpy()

    return answer


RESIZE_MISTAKES = {
    name: Mistake(title, {"resize": _answer(resizer)}) for name, (title, resizer) in WRONG_RESIZERS.items()
}
