"""C3D fine-tuned on UCF-101: the feature extractor of the video Inception Score and C3D-FID introduced by TGAN.

Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", arXiv 1412.0767, trained on Sports-1M
and fine-tuned on UCF-101 (c3d_ucf101_finetune_whole_iter_20000); used as in TGAN (Saito et al., arXiv 1611.06624) and
TGANv2 (arXiv 1811.09245), whose released code pfnet-research/tgan2 is the definition: models/c3d/c3d_ucf101.py.

What a port must reproduce to get the same numbers:

* clips have 16 frames; colours are BGR; frames are stretched to 112x112 by bilinear interpolation with aligned corners;
* the released code reads real frames as (x - 128) / 128 and multiplies by 128 again, so the network sees values 0 to
  255; code that feeds x / 127.5 - 1 passes 0 to 256 and gets different numbers;
* the mean volume, 128x171, is cropped to rows and columns 8 to 119: the centre of its rows, but not of its columns;
* max pools cover the whole input, so the last one turns 7x7 into 4x4;
* feature ``fc7`` is taken after its ReLU, as in the released code for C3D-FID.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own documentation writes it so

from vidmetrics.catalog.network_cards import classes_of
from vidmetrics.weights.named_tensors import checked_tensors

FRAMES, FRAME_SIZE = 16, 112
MEAN_SHAPE = (3, FRAMES, 128, 171)
MEAN_WINDOW = slice(8, 8 + FRAME_SIZE)
CLIPS_AT_ONCE = 16
"""Clips per batch on an accelerator, 0.8 GB of activations in the first layer; CPUs process one at a time."""

WIDTHS = {
    "conv1a": 64,
    "conv2a": 128,
    "conv3a": 256,
    "conv3b": 256,
    "conv4a": 512,
    "conv4b": 512,
    "conv5a": 512,
    "conv5b": 512,
    "fc6": 4096,
    "fc7": 4096,
    "fc8": classes_of("c3d-ucf101"),
}
"""Output channels of each layer of the published network."""

# These convolutions are followed by a pool; the first does not pool over time.
POOLS = {"conv1a": (1, 2, 2), "conv2a": (2, 2, 2), "conv3b": (2, 2, 2), "conv4b": (2, 2, 2), "conv5b": (2, 2, 2)}
_POSITIONS_LEFT = 4 * 4


class C3D(nn.Module):
    """C3D with the outputs ``logits`` ``[N, 101]``, before the softmax, and ``fc7`` ``[N, 4096]``, after its ReLU.

    Args:
        widths: output channels of each layer by name, in order; `WIDTHS` for the published network.
    """

    min_frames = max_frames = FRAMES
    preprocessing = "c3d-bgr-align-corners-112-minus-mean-volume-v1"

    def __init__(self, widths: Mapping[str, int] = WIDTHS) -> None:
        super().__init__()
        self.outputs = {"logits": widths["fc8"], "fc7": widths["fc7"]}
        self.convolutions, self.linears = nn.ModuleDict(), nn.ModuleDict()
        wide = 3
        for name, width in widths.items():
            if name.startswith("conv"):
                self.convolutions[name] = nn.Conv3d(wide, width, kernel_size=3, padding=1)
            else:
                self.linears[name] = nn.Linear(wide * _POSITIONS_LEFT if name == "fc6" else wide, width)
            wide = width
        self.register_buffer("mean", torch.empty(MEAN_SHAPE))

    def forward(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map uint8 clips ``[N, 16, H, W, 3]`` to float32 ``logits`` and ``fc7``."""
        # One clip at a time on CPUs: less memory, and a clip's features cannot depend on its neighbours.
        at_once = 1 if clips_NTHWC.device.type == "cpu" else CLIPS_AT_ONCE
        mean = self.get_buffer("mean")
        results = [self._features(preprocess(clips, mean)) for clips in torch.split(clips_NTHWC, at_once)]
        return {name: torch.cat([result[name] for result in results]) for name in self.outputs}

    def _features(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return self.head(self.trunk(x))

    def trunk(self, x: torch.Tensor) -> torch.Tensor:
        """Map differences from the mean ``[N, 3, 16, 112, 112]`` to the last pool, ``[N, 512, 1, 4, 4]``."""
        for name, convolution in self.convolutions.items():
            x = F.relu(convolution(x), inplace=True)
            if name in POOLS:
                x = _max_pool(x, POOLS[name])
        return x

    def head(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return ``logits`` and ``fc7`` from the last pool."""
        x = F.relu(self.linears["fc6"](x.flatten(1)))  # channels first, then rows, then columns
        fc7 = F.relu(self.linears["fc7"](x))
        return {"logits": self.linears["fc8"](fc7), "fc7": fc7}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]], widths: Mapping[str, int] = WIDTHS) -> C3D:
        """Build the network from the arrays of conv3d_deepnetA_ucf.npz, under their names, and ``mean`` of mean2.npz.

        Both are files of release v1.0 of rezoo/tgan2. ``np.savez("c3d-ucf101.npz", mean=np.load("mean2.npz")["mean"],
        **np.load("conv3d_deepnetA_ucf.npz"))`` combines them into one file for `vidmetrics.load_network`.

        Args:
            tensors: float32 arrays (``mean`` may be float64): ``conv1a/W`` ``[out, in, 3, 3, 3]`` (time, height,
                width; input channels BGR) and ``conv1a/b`` ``[out]``, likewise to ``conv5b``; ``fc6/W``
                ``[4096, 8192]`` (out, in) and ``fc6/b``, likewise to ``fc8``; ``mean`` ``[3, 16, 128, 171]`` (channels
                BGR, 0 to 255).
            widths: required output channels of each layer.

        Raises:
            InputError: a tensor is missing, unknown, not finite, or has a wrong shape or dtype.
        """
        network = cls(widths)
        targets = {"mean": network.get_buffer("mean")}
        for name, layer in (*network.convolutions.items(), *network.linears.items()):
            targets[f"{name}/W"], targets[f"{name}/b"] = layer.get_parameter("weight"), layer.get_parameter("bias")
        given = dict(tensors)
        if "mean" in given and given["mean"].dtype == np.float64:
            given["mean"] = given["mean"].astype(np.float32)
        shapes = {name: target.shape for name, target in targets.items()}
        remedy = "give the arrays of conv3d_deepnetA_ucf.npz under their names, and 'mean' of mean2.npz"
        with torch.no_grad():
            for name, value in checked_tensors(given, shapes, "c3d-ucf101", remedy).items():
                targets[name].copy_(torch.from_numpy(np.array(value)))
        return network.eval()


def preprocess(clips_NTHWC: torch.Tensor, mean_CTHW: torch.Tensor) -> torch.Tensor:
    """Prepare clips for the first convolution.

    Args:
        clips_NTHWC: uint8 RGB ``[N, 16, H, W, 3]``.
        mean_CTHW: float32 BGR ``[3, 16, 128, 171]``, 0 to 255.

    Returns:
        float32 BGR ``[N, 3, 16, 112, 112]``, differences from the mean.
    """
    # In the order of the released code: resized around zero, then shifted.
    centred_NCTHW = clips_NTHWC.flip(-1).permute(0, 4, 1, 2, 3).float() - 128
    return resize_aligned_corners(centred_NCTHW, FRAME_SIZE) + (128 - mean_CTHW[:, :, MEAN_WINDOW, MEAN_WINDOW])


def resize_aligned_corners(x_NCTHW: torch.Tensor, size: int) -> torch.Tensor:
    """Resize frames like ``chainer.functions.resize_images``: aligned corners, no antialiasing, aspect ratio not preserved."""
    for axis in (3, 4):
        last = x_NCTHW.shape[axis] - 1
        source = torch.arange(size, dtype=torch.float64) * (last / (size - 1))
        lower = source.floor().long().clamp(max=last)
        upper = (lower + 1).clamp(max=last)
        weight = (source - lower).float().to(x_NCTHW.device).reshape((size, 1) if axis == 3 else (size,))
        below, above = (x_NCTHW.index_select(axis, index.to(x_NCTHW.device)) for index in (lower, upper))
        x_NCTHW = below + (above - below) * weight
    return x_NCTHW


def _max_pool(x_NCTHW: torch.Tensor, kernel: tuple[int, int, int]) -> torch.Tensor:
    return F.max_pool3d(x_NCTHW, kernel, kernel, ceil_mode=True)
