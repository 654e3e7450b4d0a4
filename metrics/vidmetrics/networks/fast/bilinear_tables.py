"""Bilinear tables of a preprocessing, one per axis, measured on the resizers themselves.

Each named resizer, with or without a central crop, computes ``lower + (upper - lower) * weight`` of two neighbouring rows or
columns; the exception is downsampling with antialias. The tables are read off a few resized patterns, so that no formula is
repeated and the weights are the resizer's own float32 numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

Resize = Callable[[torch.Tensor], torch.Tensor]
"""Float32 frames ``[N, H, W, C]`` to float32 ``[N, side, side, C]``."""


@dataclass(frozen=True)
class Table:
    """Bilinear resize of one axis: per output the lower source index, int32, and the weight of the upper one, float32."""

    lower: torch.Tensor
    weight: torch.Tensor
    size: int

    def to(self, device: torch.device) -> Table:
        """Return the table on a device."""
        return Table(self.lower.to(device), self.weight.to(device), self.size)

    @property
    def upper(self) -> torch.Tensor:
        """The upper source index, int32."""
        return (self.lower + 1).clamp(max=self.size - 1)

    @property
    def matrix(self) -> torch.Tensor:
        """The resize as float64 ``[outputs, size]``."""
        matrix = torch.zeros(len(self.lower), self.size, dtype=torch.float64)
        weight = self.weight.double()[:, None]
        matrix.scatter_add_(1, self.lower.long()[:, None], 1 - weight)
        return matrix.scatter_add_(1, self.upper.long()[:, None], weight)


def bilinear_tables(height: int, width: int, resize: Resize) -> tuple[Table, Table] | None:
    """Return the tables of rows and columns, or None if the resize is not bilinear and separable."""
    rows = torch.arange(height).reshape(1, height, 1, 1).expand(1, height, width, 1)
    columns = torch.arange(width).reshape(1, 1, width, 1).expand(1, height, width, 1)
    vertical = _table(height, resize(_patterns(rows))[:, :, 0, 0])
    horizontal = _table(width, resize(_patterns(columns))[:, 0, :, 0])
    if vertical is None or horizontal is None:
        return None
    frame = torch.rand(1, height, width, 1, generator=torch.Generator().manual_seed(0))
    rebuilt = vertical.matrix @ frame[0, :, :, 0].double() @ horizontal.matrix.T
    if float((rebuilt - resize(frame)[0, :, :, 0].double()).abs().max()) > 1e-5:
        return None
    return vertical, horizontal


def _patterns(index: torch.Tensor) -> torch.Tensor:
    """Return four images: indicators of the index being 0, 1 and 2 modulo 3, and the index itself."""
    return torch.cat([*((index % 3 == k).float() for k in range(3)), index.float()])


def _table(size: int, answers: torch.Tensor) -> Table | None:
    """Read a table off the resized `_patterns`, ``[4, outputs]``."""
    shares, position = answers[:3], answers[3]
    for shift in (0, -1, 1):  # the position is rounded, so its floor may be off by one
        lower = (position.floor().long() + shift).clamp(0, size - 1)
        weight = shares.gather(0, ((lower + 1) % 3)[None])[0]
        fits = (lower + weight - position).abs() < 0.01
        if shift == 0:
            found, found_weight, ok = lower, weight, fits
        else:
            found, found_weight = torch.where(ok, found, lower), torch.where(ok, found_weight, weight)
            ok = ok | fits
    return Table(found.int(), found_weight.float(), size) if bool(ok.all()) else None
