"""LPIPS, version 0.1: a distance of two frames by the features of AlexNet or VGG-16.

Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", arXiv 1801.03924; the released code
richzhang/PerceptualSimilarity (PyPI lpips 0.1.4) is the definition.

What a port must reproduce to get the same numbers:

* pixels are mapped from 0..255 to -1..1, then shifted and scaled by three constants that are ImageNet's means and deviations, rounded;
* five outputs after a ReLU are divided by their length over channels, plus 1e-10 outside of the root;
* the squared difference is weighted by channel with the trained layers, averaged over positions, and summed over the five;
* frames are not resized: the distance depends on their size.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own documentation writes it so

from vidmetrics.errors import InputError
from vidmetrics.weights.lpips_tensors import BACKBONES, CHANNELS, Backbone, lpips_shapes
from vidmetrics.weights.named_tensors import checked_tensors

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_EPS = 1e-10
FRAMES_AT_ONCE = 16


class LPIPS(nn.Module):
    """The distance of two frames; it has no features of a single clip. `AlexLPIPS` and `VGGLPIPS` are the two that there are."""

    backbone: Backbone
    preprocessing = "lpips-0.1"
    per_frame = True
    min_frames = 1
    outputs: Mapping[str, int] = MappingProxyType({"distance": 1})

    def __init__(self) -> None:
        super().__init__()
        self.features, self.linear = nn.ModuleDict(), nn.ParameterList()
        given = CHANNELS
        for layer in self.backbone.layers:
            self.features[str(layer.place)] = nn.Conv2d(
                given, layer.channels, layer.kernel, stride=layer.stride, padding=layer.padding
            )
            given = layer.channels
            if layer.compared:
                self.linear.append(nn.Parameter(torch.empty(1, layer.channels, 1, 1)))

    def forward(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Refuse: there is nothing to return of one clip.

        Raises:
            InputError: always.
        """
        raise InputError(f"The network '{self.backbone.network}' compares two clips; use its `compare`.")

    def compare(self, true_NTHWC: torch.Tensor, predicted_NTHWC: torch.Tensor) -> torch.Tensor:
        """Return the distance of each frame from the other of its place, float32 ``[N, T]``; arguments uint8 ``[N, T, H, W, 3]``."""
        # Clip by clip, so that a score cannot depend on the other clips of a batch.
        return torch.stack([self._of_clip(x, y) for x, y in zip(true_NTHWC, predicted_NTHWC, strict=True)])

    def _of_clip(self, x_THWC: torch.Tensor, y_THWC: torch.Tensor) -> torch.Tensor:
        pairs = zip(torch.split(x_THWC, FRAMES_AT_ONCE), torch.split(y_THWC, FRAMES_AT_ONCE), strict=True)
        return torch.cat([self._distance(x, y) for x, y in pairs])

    def _distance(self, x_NHWC: torch.Tensor, y_NHWC: torch.Tensor) -> torch.Tensor:
        outputs = zip(self._outputs(preprocess(x_NHWC)), self._outputs(preprocess(y_NHWC)), self.linear, strict=True)
        squares = [((_of_length_one(x) - _of_length_one(y)).square() * w).sum(dim=1) for x, y, w in outputs]
        return torch.stack([each.mean(dim=(1, 2)) for each in squares]).sum(dim=0)

    def _outputs(self, x_NCHW: torch.Tensor) -> list[torch.Tensor]:
        found = []
        for layer in self.backbone.layers:
            if layer.pooled:
                if min(x_NCHW.shape[2:]) < self.backbone.pool:
                    raise InputError(
                        f"Frames are too small for '{self.backbone.network}', whose pooling has nothing left of them; give larger frames."
                    )
                x_NCHW = F.max_pool2d(x_NCHW, self.backbone.pool, stride=2)
            x_NCHW = F.relu(self.features[str(layer.place)](x_NCHW))
            if layer.compared:
                found.append(x_NCHW)
        return found

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Build the network from the tensors of `vidmetrics.weights.lpips_tensors.lpips_shapes`.

        Raises:
            InputError: a tensor is missing, unknown, not finite, or has a wrong shape or dtype.
        """
        backbone = cls.backbone
        given = checked_tensors(tensors, lpips_shapes(backbone), backbone.network, backbone.remedy)
        with torch.device("meta"):
            network = cls()
        state = {
            f"linear.{name[3]}" if name.startswith("lin") else name: torch.from_numpy(np.array(value))
            for name, value in given.items()
        }
        network.load_state_dict(state, assign=True)
        return network.eval()


class AlexLPIPS(LPIPS):
    """LPIPS on AlexNet, the default of the released code."""

    backbone = BACKBONES["alex"]


class VGGLPIPS(LPIPS):
    """LPIPS on VGG-16."""

    backbone = BACKBONES["vgg"]


def preprocess(frames_NHWC: torch.Tensor) -> torch.Tensor:
    """Map uint8 frames ``[N, H, W, 3]`` to float32 ``[N, 3, H, W]``, shifted and scaled."""
    shift, scale = (torch.tensor(values, device=frames_NHWC.device) for values in (SHIFT, SCALE))
    return ((frames_NHWC.float() / 127.5 - 1 - shift) / scale).permute(0, 3, 1, 2).contiguous()


def _of_length_one(x_NCHW: torch.Tensor) -> torch.Tensor:
    return x_NCHW / (x_NCHW.square().sum(dim=1, keepdim=True).sqrt() + _EPS)
