"""What the transformers of this package share: attention, and the perceptron of a block."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own documentation writes it so


def perceptron(width: int, hidden: int) -> nn.ModuleDict:
    """Return the two linear layers of a block's perceptron, under their usual names."""
    return nn.ModuleDict({"fc1": nn.Linear(width, hidden), "fc2": nn.Linear(hidden, width)})


def through(layers: nn.ModuleDict, x: torch.Tensor) -> torch.Tensor:
    """Pass a perceptron, with the exact GELU."""
    return layers["fc2"](F.gelu(layers["fc1"](x)))  # type: ignore[no-any-return]


def attended(q_NLD: torch.Tensor, k_NLD: torch.Tensor, v_NLD: torch.Tensor, heads: int) -> torch.Tensor:
    """Return ``[N, L, D]``: for each query the mean of the values, weighted by its likeness to the keys, in parts of heads."""
    q, k, v = (x.reshape(*x.shape[:2], heads, -1).transpose(1, 2) for x in (q_NLD, k_NLD, v_NLD))
    return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
