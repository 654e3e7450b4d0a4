"""Inception-v3 as TensorFlow froze it on 2015-12-05: the feature extractor of FID, KID and the Inception Score, for frames.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", arXiv 1512.00567; the graph
download.tensorflow.org/models/image/imagenet/inception-2015-12-05.tgz (Apache-2.0), whose weights circulate as
pt_inception-2015-12-05-6726825d.pth. FID: Heusel et al., arXiv 1706.08500; the score: Salimans et al., arXiv 1606.03498.

Differences between the graph and other networks of that name, which a port must reproduce to get the same numbers:

* frames 0..255 are stretched to 299x299 by TensorFlow 1's bilinear resize, and scaled to (x - 128) / 128 after that;
* batch norm has eps 1e-3; average pools divide by the number of pixels inside the image, excluding the zero padding;
* the pool of the last block takes the maximum, whereas the paper and the preceding block take the average;
* there are 1008 classes, and the Inception Score of its authors omits the bias of the last layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own documentation writes it so

from vidmetrics.catalog.network_cards import classes_of
from vidmetrics.networks.resize import resize_tf1_bilinear
from vidmetrics.weights.named_tensors import checked_tensors

BATCH_NORM_EPS = 1e-3
FRAME_SIZE = 299
NUM_CLASSES = classes_of("inception-2015-12-05")
POOL_FEATURES = 2048
FRAMES_AT_ONCE = 64
"""Frames per batch on an accelerator, about 1 GB of activations; CPUs process one at a time."""

AVERAGE, MAXIMUM, SHRINK = "3x3 average", "3x3 maximum", "3x3 maximum, stride 2"


class _Conv(NamedTuple):
    """A convolution and its name in the weights; stride 1 preserves height and width, stride 2 has no padding."""

    name: str
    width: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1


# A branch is a chain of convolutions and pools; the convolutions of a tuple share one input, and their outputs are concatenated.
_Step = _Conv | tuple[_Conv, ...] | str
_Branches = tuple[tuple[_Step, ...], ...]


def _block_35(pool: int) -> _Branches:
    return (
        (_Conv("branch1x1", 64),),
        (_Conv("branch5x5_1", 48), _Conv("branch5x5_2", 64, (5, 5))),
        (
            _Conv("branch3x3dbl_1", 64),
            _Conv("branch3x3dbl_2", 96, (3, 3)),
            _Conv("branch3x3dbl_3", 96, (3, 3)),
        ),
        (AVERAGE, _Conv("branch_pool", pool)),
    )


def _block_17(inner: int) -> _Branches:
    return (
        (_Conv("branch1x1", 192),),
        (_Conv("branch7x7_1", inner), _Conv("branch7x7_2", inner, (1, 7)), _Conv("branch7x7_3", 192, (7, 1))),
        (
            _Conv("branch7x7dbl_1", inner),
            _Conv("branch7x7dbl_2", inner, (7, 1)),
            _Conv("branch7x7dbl_3", inner, (1, 7)),
            _Conv("branch7x7dbl_4", inner, (7, 1)),
            _Conv("branch7x7dbl_5", 192, (1, 7)),
        ),
        (AVERAGE, _Conv("branch_pool", 192)),
    )


def _block_8(pool: str) -> _Branches:
    return (
        (_Conv("branch1x1", 320),),
        (
            _Conv("branch3x3_1", 384),
            (_Conv("branch3x3_2a", 384, (1, 3)), _Conv("branch3x3_2b", 384, (3, 1))),
        ),
        (
            _Conv("branch3x3dbl_1", 448),
            _Conv("branch3x3dbl_2", 384, (3, 3)),
            (_Conv("branch3x3dbl_3a", 384, (1, 3)), _Conv("branch3x3dbl_3b", 384, (3, 1))),
        ),
        (pool, _Conv("branch_pool", 192)),
    )


_TO_17: _Branches = (
    (_Conv("branch3x3", 384, (3, 3), 2),),
    (_Conv("branch3x3dbl_1", 64), _Conv("branch3x3dbl_2", 96, (3, 3)), _Conv("branch3x3dbl_3", 96, (3, 3), 2)),
    (SHRINK,),
)
_TO_8: _Branches = (
    (_Conv("branch3x3_1", 192), _Conv("branch3x3_2", 320, (3, 3), 2)),
    (
        _Conv("branch7x7x3_1", 192),
        _Conv("branch7x7x3_2", 192, (1, 7)),
        _Conv("branch7x7x3_3", 192, (7, 1)),
        _Conv("branch7x7x3_4", 192, (3, 3), 2),
    ),
    (SHRINK,),
)
_BLOCKS: dict[str, _Branches] = {
    "Mixed_5b": _block_35(32),
    "Mixed_5c": _block_35(64),
    "Mixed_5d": _block_35(64),
    "Mixed_6a": _TO_17,
    "Mixed_6b": _block_17(128),
    "Mixed_6c": _block_17(160),
    "Mixed_6d": _block_17(160),
    "Mixed_6e": _block_17(192),
    "Mixed_7a": _TO_8,
    "Mixed_7b": _block_8(AVERAGE),
    "Mixed_7c": _block_8(MAXIMUM),
}


def _pool(x_NCHW: torch.Tensor, kind: str) -> torch.Tensor:
    if kind == AVERAGE:
        return F.avg_pool2d(x_NCHW, 3, stride=1, padding=1, count_include_pad=False)
    return F.max_pool2d(x_NCHW, 3, stride=1, padding=1) if kind == MAXIMUM else F.max_pool2d(x_NCHW, 3, stride=2)


class _Unit(nn.Module):
    """Convolution without bias, batch norm, ReLU; its tensors are ``conv.weight`` and ``bn.*``."""

    def __init__(self, wide: int, conv: _Conv, padding: tuple[int, int]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(wide, conv.width, conv.kernel, conv.stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(conv.width, eps=BATCH_NORM_EPS)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        return F.relu(self.bn(self.conv(x_NCHW)), inplace=True)


class _Mixed(nn.Module):
    """Inception block: parallel branches, concatenated."""

    def __init__(self, wide: int, branches: _Branches) -> None:
        super().__init__()
        self.branches = branches
        self.width = sum(self._add(wide, branch) for branch in branches)

    def _add(self, width: int, branch: tuple[_Step, ...]) -> int:
        """Add the units of a branch and return its number of output channels."""
        for step in branch:
            if isinstance(step, str):
                continue
            convs = (step,) if isinstance(step, _Conv) else step
            for conv in convs:
                padding = (conv.kernel[0] // 2, conv.kernel[1] // 2) if conv.stride == 1 else (0, 0)
                self.add_module(conv.name, _Unit(width, conv, padding))
            width = sum(conv.width for conv in convs)
        return width

    def _step(self, x_NCHW: torch.Tensor, step: _Step) -> torch.Tensor:
        if isinstance(step, str):
            return _pool(x_NCHW, step)
        convs = (step,) if isinstance(step, _Conv) else step
        return torch.cat([self.get_submodule(conv.name)(x_NCHW) for conv in convs], dim=1)

    def forward(self, x_NCHW: torch.Tensor) -> torch.Tensor:
        results = []
        for branch in self.branches:
            x = x_NCHW
            for step in branch:
                x = self._step(x, step)
            results.append(x)
        return torch.cat(results, dim=1)


class Inception(nn.Module):
    """Inception-v3 of 2015-12-05; one row per frame: ``[N, T, ...]`` gives ``N*T`` rows in clip-major order.

    Outputs: ``pool``, the 2048 averages over the last 8x8 positions (``pool_3``); ``logits``, 1008, with the bias;
    ``logits-unbiased``, without it.
    """

    outputs: ClassVar[dict[str, int]] = {
        "pool": POOL_FEATURES,
        "logits": NUM_CLASSES,
        "logits-unbiased": NUM_CLASSES,
    }
    min_frames = 1
    per_frame = True
    preprocessing = "frames-tf1-bilinear-299-then-minus-128-over-128-v1"

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Unit(3, _Conv("", 32, (3, 3), 2), (0, 0))
        self.Conv2d_2a_3x3 = _Unit(32, _Conv("", 32, (3, 3)), (0, 0))
        self.Conv2d_2b_3x3 = _Unit(32, _Conv("", 64, (3, 3)), (1, 1))
        self.Conv2d_3b_1x1 = _Unit(64, _Conv("", 80), (0, 0))
        self.Conv2d_4a_3x3 = _Unit(80, _Conv("", 192, (3, 3)), (0, 0))
        width = 192
        for name, branches in _BLOCKS.items():
            block = _Mixed(width, branches)
            self.add_module(name, block)
            width = block.width
        self.fc = nn.Linear(POOL_FEATURES, NUM_CLASSES)

    def forward(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map uint8 clips ``[N, T, H, W, 3]`` to float32 ``[N*T, size]`` of each output."""
        # One frame at a time on CPUs: less memory, and a frame's features cannot depend on its neighbours.
        at_once = 1 if clips_NTHWC.device.type == "cpu" else FRAMES_AT_ONCE
        results = [self._features(preprocess(frames)) for frames in torch.split(clips_NTHWC.flatten(0, 1), at_once)]
        return {name: torch.cat([result[name] for result in results]) for name in self.outputs}

    def _features(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        pool = self.trunk(x).mean(dim=(2, 3))
        unbiased = F.linear(pool, self.fc.weight)
        return {"pool": pool, "logits": unbiased + self.fc.bias, "logits-unbiased": unbiased}

    def trunk(self, x: torch.Tensor) -> torch.Tensor:
        """Map scaled pixels ``[N, 3, 299, 299]`` to the output of Mixed_7c, ``[N, 2048, 8, 8]``."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # N x 64 x 147 x 147
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(_pool(x, SHRINK)))  # N x 192 x 71 x 71
        x = _pool(x, SHRINK)  # N x 192 x 35 x 35
        for name in _BLOCKS:
            x = self.get_submodule(name)(x)  # 35 x 35 in blocks 5, 17 x 17 in blocks 6, 8 x 8 in blocks 7
        return x

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> Inception:
        """Build the network from the tensors of pt_inception-2015-12-05-6726825d.pth under their original names.

        The batch norm counters ``num_batches_tracked``, present in some copies, are not used.

        Args:
            tensors: float32 arrays, such as ``Conv2d_1a_3x3.conv.weight`` ``[32, 3, 3, 3]`` (out, in, height, width),
                ``Mixed_5b.branch1x1.bn.running_mean`` ``[64]``, ``fc.weight`` ``[1008, 2048]``.

        Raises:
            InputError: a tensor is missing, unknown, not finite, or has a wrong shape or dtype.
        """
        network = cls()
        shapes = {name: value.shape for name, value in network.state_dict().items() if not _is_counter(name)}
        given = {name: value for name, value in tensors.items() if not _is_counter(name)}
        remedy = "give the tensors of pt_inception-2015-12-05-6726825d.pth under their names"
        weights = checked_tensors(given, shapes, "inception-2015-12-05", remedy)
        state = {name: torch.from_numpy(np.array(value)) for name, value in weights.items()}
        network.load_state_dict(state, strict=False)
        return network.eval()


def _is_counter(name: str) -> bool:
    return name.endswith(".num_batches_tracked")


def preprocess(frames_NHWC: torch.Tensor) -> torch.Tensor:
    """Map uint8 frames ``[N, H, W, 3]`` to float32 ``[N, 3, 299, 299]`` in [-1, 0.9921875]."""
    resized = resize_tf1_bilinear(frames_NHWC.float(), FRAME_SIZE, FRAME_SIZE)
    # Channels-last memory format: convolutions on CPUs are a quarter faster.
    return ((resized - 128) / 128).permute(0, 3, 1, 2)
