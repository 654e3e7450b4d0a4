"""Sums of features that are torch tensors, in float64 on the device where they are.

Features of a network on a GPU need not come to the host before they are summed: 8 KB for each row of 2,048 numbers, against 32 MB of
sums once. The arithmetic is that of `vidmetrics.statistics.moments`; only the last bits may differ. A device without float64, such as
Apple's, is left to the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[np.float64]

_BLOCK = 4096
"""Rows that are converted to float64 and multiplied at once."""


def to_sum(features: Iterable[npt.NDArray[Any]], device: torch.device | None) -> Iterator[Any]:
    """Yield blocks of rows: as tensors on a device, where they are summed much faster, or as they are if it is None.

    Args:
        features: real ``[n, dim]`` each.
        device: one with float64.
    """
    if device is None:
        yield from features
        return
    import torch

    waiting: list[npt.NDArray[Any]] = []
    for rows in features:
        waiting.append(rows)
        if sum(map(len, waiting)) >= _BLOCK:
            yield torch.from_numpy(np.concatenate(waiting)).to(device)
            waiting.clear()
    if waiting:
        yield torch.from_numpy(np.concatenate(waiting)).to(device)


class TensorMoments:
    """Count, mean and sum of centred products of tensors ``[N, dim]`` on one device.

    Args:
        dim: number of features per sample.
        device: where the tensors are.
    """

    def __init__(self, dim: int, device: torch.device) -> None:
        import torch

        self.count = 0
        self._mean = torch.zeros(dim, dtype=torch.float64, device=device)
        self._scatter = torch.zeros(dim, dim, dtype=torch.float64, device=device)

    def update(self, rows_ND: torch.Tensor) -> bool:
        """Add rows; return False, and add nothing, if they have another shape, are not real, or are not finite.

        Args:
            rows_ND: real ``[N, dim]`` on the device; N may be 0.
        """
        import torch

        wrong = rows_ND.ndim != 2 or rows_ND.shape[1] != len(self._mean) or rows_ND.is_complex()
        if wrong or rows_ND.dtype == torch.bool or not bool(torch.isfinite(rows_ND).all()):
            return False
        for start in range(0, len(rows_ND), _BLOCK):
            self._add(rows_ND[start : start + _BLOCK].detach().to(torch.float64))
        return True

    def _add(self, rows: torch.Tensor) -> None:
        before, self.count = self.count, self.count + len(rows)
        mean = rows.mean(dim=0)
        shift = mean - self._mean
        self._mean += shift * (len(rows) / self.count)
        centred = rows - mean
        self._scatter.addmm_(centred.T, centred)
        self._scatter.addr_(shift, shift, alpha=before * (len(rows) / self.count))

    def on_host(self) -> tuple[int, Array, Array]:
        """Return the count, the mean float64 ``[dim]`` and the sum of products float64 ``[dim, dim]``, exactly symmetric."""
        scatter = (self._scatter + self._scatter.T) / 2
        return self.count, self._mean.cpu().numpy().copy(), scatter.cpu().numpy()
