"""The interface of the fast networks, which `vidmetrics.networks.fast.running` computes batches with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch

from vidmetrics.networks.fast.operators import Pixels
from vidmetrics.networks.fast.packing import Packed, Planes


@dataclass(frozen=True)
class Entrance:
    """Pixel layout and first-layer weights for one clip length and frame size.

    Attributes:
        pixels: the layout.
        packed: the weights.
        resized_before: whether a resizer of torch is called before pixels are stored.
    """

    pixels: Pixels
    packed: Packed
    resized_before: bool = False


class FastNetwork(Protocol):
    """A network cut in two, so that a batch goes through the early layers in parts and through the others at once.

    Attributes:
        planes: 1 for ``fast``, 2 for ``exact``.
        device: where it computes.
        side: rows and columns of frames that it does not resize.
    """

    planes: Planes
    device: torch.device
    side: int

    def entrance(self, num_frames: int, height: int, width: int) -> Entrance:
        """Return the layout and weights for clips of this length and size, computed at the first call."""
        ...

    def middle(self, num_clips: int, num_frames: int) -> torch.Tensor:
        """Return memory for the output of `start`, ``[planes, N, ...]``."""
        ...

    def start(self, clips_NTHWC: torch.Tensor, memory: torch.Tensor, out: torch.Tensor, overflow: torch.Tensor) -> None:
        """Compute the early layers.

        Args:
            clips_NTHWC: uint8, on the device.
            memory: from `Pixels.zeros` of the clips' entrance, for at least as many clips.
            out: from `middle`, or a slice of it.
            overflow: see `vidmetrics.networks.fast.operators`.
        """
        ...

    def finish(self, x: torch.Tensor, overflow: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the network's float32 outputs from the output of `start`."""
        ...
