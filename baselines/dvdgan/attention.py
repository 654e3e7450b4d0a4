"""Self-attention of DVD-GAN v1: over all positions at 4x4, and separable before the last block.

Axes: N clips, T frames, C channels, H, W pixels, L positions that attend to each other, B rows of positions. Nothing is
causal: a frame also attends to later ones (paper, v1).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dvdgan.config import Settings
from dvdgan.layers import Conv

_HEIGHT, _WIDTH, _TIME = (0, 1, 4, 3, 2), (0, 1, 3, 4, 2), (0, 3, 4, 1, 2)
"""Permutations of the axes (N, T, C, H, W) with height, width or time last but one, and channels last."""


class SelfAttention(nn.Module):
    """One head: x + gamma * Wo softmax(q k') v over the positions of a row, with 1x1 maps q, k, v of x.

    As in BigGAN, keys and values are narrower than the input, products are not scaled, and gamma starts at 0.
    """

    def __init__(self, channels: int, settings: Settings) -> None:
        super().__init__()
        keys = max(1, round(channels * settings.attention_keys))
        values = max(1, round(channels * settings.attention_values))
        self.query, self.key = Conv(channels, keys, 1), Conv(channels, keys, 1)
        self.value, self.output = Conv(channels, values, 1), Conv(values, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x_NTCHW: Tensor, order: tuple[int, ...] | None = None) -> Tensor:
        """Attend over rows of positions, without changing the shape.

        Args:
            x_NTCHW: maps [N, T, C, H, W].
            order: permutation of the axes of x that puts the positions of a row last but one; None to attend over all
                T x H x W.
        """
        folded = x_NTCHW.flatten(0, 1)
        q, k, v = (
            _rows(conv(folded).unflatten(0, x_NTCHW.shape[:2]), order) for conv in (self.query, self.key, self.value)
        )
        seen = functional.scaled_dot_product_attention(q, k, v, scale=1.0)
        seen = _unrows(seen, order, (*x_NTCHW.shape[:2], v.shape[-1], *x_NTCHW.shape[3:]))
        return x_NTCHW + self.gamma.to(x_NTCHW.dtype) * self.output(seen.flatten(0, 1)).unflatten(0, x_NTCHW.shape[:2])


def _rows(x_NTCHW: Tensor, order: tuple[int, ...] | None) -> Tensor:
    """Rows of positions [B, L, C]."""
    if order is None:
        return x_NTCHW.permute(0, 1, 3, 4, 2).flatten(1, 3)
    return x_NTCHW.permute(order).flatten(0, 2)


def _unrows(x_BLC: Tensor, order: tuple[int, ...] | None, shape: tuple[int, ...]) -> Tensor:
    """The inverse of `_rows`: [N, T, C, H, W]."""
    if order is None:
        n, t, c, h, w = shape
        return x_BLC.view(n, t, h, w, c).permute(0, 1, 4, 2, 3)
    back = sorted(range(5), key=order.__getitem__)
    return x_BLC.view([shape[axis] for axis in order]).permute(back)


class SeparableAttention(nn.Module):
    """Attention over height, then width, then time (paper, v1).

    Together each position sees all others, with the memory of H^2 W T + H W^2 T + H W T^2 products instead of (H W T)^2.
    """

    def __init__(self, channels: int, settings: Settings) -> None:
        super().__init__()
        self.height, self.width, self.time = (SelfAttention(channels, settings) for _ in range(3))

    def forward(self, x_NTCHW: Tensor) -> Tensor:
        """Map [N, T, C, H, W] to the same shape."""
        return self.time(self.width(self.height(x_NTCHW, _HEIGHT), _WIDTH), _TIME)
