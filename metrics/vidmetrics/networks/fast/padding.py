"""Sizes and padding of one axis under TensorFlow's "SAME" rule."""

from __future__ import annotations

from vidmetrics.networks.i3d import same_padding


def same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after one axis."""
    before, after = same_padding((size,) * 3, (kernel,) * 3, (stride,) * 3)[:2]
    return before, after


def outputs(size: int, stride: int) -> int:
    """Return how many outputs an axis has."""
    return -(-size // stride)
