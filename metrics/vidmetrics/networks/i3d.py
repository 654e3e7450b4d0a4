"""Inflated Inception-v1 (I3D) for RGB clips, as DeepMind published it.

Carreira and Zisserman, "Quo Vadis, Action Recognition?", arXiv 1705.07750; the graph of TF-Hub
deepmind/i3d-kinetics-400 and the checkpoints rgb_scratch and rgb_scratch_kin600 of deepmind/kinetics-i3d (Apache-2.0).

What a port must reproduce to get the same numbers:

* "SAME" padding depends on the size of the input, and an odd total puts the larger half at the end;
* max pools pad with minus infinity; batch norm has eps 1e-3 and no scale; only the last convolution has a bias;
* frames 0..255 are stretched to 224x224 by TensorFlow 1's bilinear resize, and scaled to [-1, 1] after that.

The preprocessing and the eps of other FVD code are settings: see `vidmetrics.catalog.conventions`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own documentation writes it so

from vidmetrics.networks.preprocessing import Preprocessing
from vidmetrics.weights.i3d_variables import network_variables
from vidmetrics.weights.named_tensors import checked_tensors

Triple = tuple[int, int, int]

BATCH_NORM_EPS = 1e-3
PREPROCESSING = Preprocessing((("tf1-bilinear", 224),))

# Channels of the branches: 1x1 | 1x1 then 3x3 | 1x1 then 3x3 | pool then 1x1 (table 1 of arXiv 1409.4842).
_MIXED = {
    "Mixed_3b": (192, 64, 96, 128, 16, 32, 32),
    "Mixed_3c": (256, 128, 128, 192, 32, 96, 64),
    "Mixed_4b": (480, 192, 96, 208, 16, 48, 64),
    "Mixed_4c": (512, 160, 112, 224, 24, 64, 64),
    "Mixed_4d": (512, 128, 128, 256, 24, 64, 64),
    "Mixed_4e": (512, 112, 144, 288, 32, 64, 64),
    "Mixed_4f": (528, 256, 160, 320, 32, 128, 128),
    "Mixed_5b": (832, 256, 160, 320, 32, 128, 128),
    "Mixed_5c": (832, 384, 192, 384, 48, 128, 128),
}
_POOL_FEATURES = 1024


def same_padding(sizes: Sequence[int], kernel: Triple, stride: Triple) -> list[int]:
    """Return TensorFlow's "SAME" padding of the axes T, H, W in the order of `torch.nn.functional.pad` (last first)."""
    pads: list[int] = []
    for size, k, s in reversed(list(zip(sizes, kernel, stride, strict=True))):
        total = max((-(-size // s) - 1) * s + k - size, 0)
        pads += [total // 2, total - total // 2]
    return pads


def _pad_same(x_NCTHW: torch.Tensor, kernel: Triple, stride: Triple, value: float) -> torch.Tensor:
    pads = same_padding(x_NCTHW.shape[2:], kernel, stride)
    return F.pad(x_NCTHW, pads, value=value) if any(pads) else x_NCTHW


class _Unit(nn.Module):
    """Convolution without bias, batch norm without scale, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.eps = BATCH_NORM_EPS
        self.kernel: Triple = (size, size, size)
        self.stride: Triple = (stride, stride, stride)
        self.weight = nn.Parameter(torch.empty(channels_out, channels_in, *self.kernel))
        self.beta = nn.Parameter(torch.empty(channels_out))
        self.register_buffer("mean", torch.empty(channels_out))
        self.register_buffer("variance", torch.empty(channels_out))

    def forward(self, x_NCTHW: torch.Tensor) -> torch.Tensor:
        x = F.conv3d(_pad_same(x_NCTHW, self.kernel, self.stride, 0.0), self.weight, stride=self.stride)
        mean, variance = self.get_buffer("mean"), self.get_buffer("variance")
        return F.batch_norm(x, mean, variance, None, self.beta, eps=self.eps).relu_()


def _max_pool(x_NCTHW: torch.Tensor, kernel: Triple, stride: Triple) -> torch.Tensor:
    return F.max_pool3d(_pad_same(x_NCTHW, kernel, stride, -torch.inf), kernel, stride)


class _Mixed(nn.Module):
    """Inception block: four parallel branches, concatenated."""

    def __init__(self, channels: tuple[int, int, int, int, int, int, int], branch_2_last: str) -> None:
        super().__init__()
        wide, b0, b1a, b1b, b2a, b2b, b3 = channels
        self.branch_2_last = branch_2_last
        self.add_module("Branch_0/Conv3d_0a_1x1", _Unit(wide, b0, 1))
        self.add_module("Branch_1/Conv3d_0a_1x1", _Unit(wide, b1a, 1))
        self.add_module("Branch_1/Conv3d_0b_3x3", _Unit(b1a, b1b, 3))
        self.add_module("Branch_2/Conv3d_0a_1x1", _Unit(wide, b2a, 1))
        self.add_module(f"Branch_2/{branch_2_last}", _Unit(b2a, b2b, 3))
        self.add_module("Branch_3/Conv3d_0b_1x1", _Unit(wide, b3, 1))

    def forward(self, x_NCTHW: torch.Tensor) -> torch.Tensor:
        unit = self.get_submodule
        branches = (
            unit("Branch_0/Conv3d_0a_1x1")(x_NCTHW),
            unit("Branch_1/Conv3d_0b_3x3")(unit("Branch_1/Conv3d_0a_1x1")(x_NCTHW)),
            unit(f"Branch_2/{self.branch_2_last}")(unit("Branch_2/Conv3d_0a_1x1")(x_NCTHW)),
            unit("Branch_3/Conv3d_0b_1x1")(_max_pool(x_NCTHW, (3, 3, 3), (1, 1, 1))),
        )
        return torch.cat(branches, dim=1)


class I3D(nn.Module):
    """I3D with the outputs ``logits`` ``[N, classes]`` and ``pool`` ``[N, 1024]``, both averaged over time.

    Args:
        num_classes: 400 or 600 for the published weights.
        pixels: preprocessing of uint8 frames.
        batch_norm_eps: added to the variance in every batch norm.
    """

    min_frames = 9  # the last average pool spans 2 steps of 8 frames each

    def __init__(
        self, num_classes: int, pixels: Preprocessing = PREPROCESSING, batch_norm_eps: float = BATCH_NORM_EPS
    ) -> None:
        super().__init__()
        self.pixels = pixels
        # The weights do not contain the eps, so it is part of the id recorded with them.
        self._suffix = "" if batch_norm_eps == BATCH_NORM_EPS else f"-batch-norm-eps-{batch_norm_eps:g}"
        self.preprocessing = pixels.id + self._suffix
        self.outputs = {"logits": num_classes, "pool": _POOL_FEATURES}
        self.add_module("Conv3d_1a_7x7", _Unit(3, 64, 7, stride=2))
        self.add_module("Conv3d_2b_1x1", _Unit(64, 64, 1))
        self.add_module("Conv3d_2c_3x3", _Unit(64, 192, 3))
        for name, channels in _MIXED.items():
            # The published graph names this unit of Mixed_5b "0a" although it comes second.
            self.add_module(name, _Mixed(channels, "Conv3d_0a_3x3" if name == "Mixed_5b" else "Conv3d_0b_3x3"))
        self.logits_weight = nn.Parameter(torch.empty(num_classes, _POOL_FEATURES, 1, 1, 1))
        self.logits_bias = nn.Parameter(torch.empty(num_classes))
        for module in self.modules():
            if isinstance(module, _Unit):
                module.eps = batch_norm_eps

    def preprocessing_at(self, height: int, width: int) -> str:
        """Return the id of the preprocessing for frames of a given size; equal for variants that treat such frames alike."""
        return self.pixels.id_at(height, width) + self._suffix

    def forward(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map uint8 clips ``[N, T, H, W, 3]`` to float32 ``logits`` and ``pool``."""
        # One clip at a time on CPUs: as fast, less memory, and a clip's features cannot depend on its neighbours.
        batches = torch.split(clips_NTHWC, 1 if clips_NTHWC.device.type == "cpu" else len(clips_NTHWC))
        results = [self._features(self.pixels(batch)) for batch in batches]
        return {name: torch.cat([result[name] for result in results]) for name in self.outputs}

    def _features(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        pool = F.avg_pool3d(self.trunk(x), (2, 7, 7), stride=1)  # N x 1024 x T/8-1 x 1 x 1
        logits = F.conv3d(pool, self.logits_weight, self.logits_bias)
        return {"logits": logits.mean(dim=(2, 3, 4)), "pool": pool.mean(dim=(2, 3, 4))}

    def trunk(self, x: torch.Tensor) -> torch.Tensor:
        """Map scaled pixels ``[N, 3, T, 224, 224]`` to the output of Mixed_5c, ``[N, 1024, T / 8, 7, 7]``."""
        unit = self.get_submodule
        x = unit("Conv3d_1a_7x7")(x)  # N x 64 x T/2 x 112 x 112, every division rounded up
        x = _max_pool(x, (1, 3, 3), (1, 2, 2))  # N x 64 x T/2 x 56 x 56
        x = unit("Conv3d_2c_3x3")(unit("Conv3d_2b_1x1")(x))  # N x 192 x T/2 x 56 x 56
        x = _max_pool(x, (1, 3, 3), (1, 2, 2))  # N x 192 x T/2 x 28 x 28
        for name in ("Mixed_3b", "Mixed_3c"):
            x = unit(name)(x)
        x = _max_pool(x, (3, 3, 3), (2, 2, 2))  # N x 480 x T/4 x 14 x 14
        for name in ("Mixed_4b", "Mixed_4c", "Mixed_4d", "Mixed_4e", "Mixed_4f"):
            x = unit(name)(x)
        x = _max_pool(x, (2, 2, 2), (2, 2, 2))  # N x 832 x T/8 x 7 x 7
        for name in ("Mixed_5b", "Mixed_5c"):
            x = unit(name)(x)
        return x

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]], num_classes: int, **settings: Any) -> I3D:
        """Build the network from variables under their TensorFlow names, with or without the scope.

        Optimizer slots (``.../Momentum``) and ``global_step``, also present in training checkpoints, are not used.

        Args:
            tensors: float32 arrays; kernels in TensorFlow's layout ``[kt, kh, kw, in, out]``.
            num_classes: required number of classes.
            **settings: the other arguments of the class.

        Raises:
            InputError: a variable is missing, unknown, not finite, or has a wrong shape or dtype.
        """
        network = cls(num_classes, **settings)
        targets = _variables(network)
        shapes = {name: _tensorflow_shape(tuple(target.shape)) for name, target in targets.items()}
        remedy = f"give the variables of DeepMind's checkpoint for {num_classes} classes by their TensorFlow names"
        with torch.no_grad():
            for name, value in checked_tensors(network_variables(tensors), shapes, "I3D", remedy).items():
                value = value.transpose(4, 3, 0, 1, 2) if value.ndim == 5 else value
                targets[name].copy_(torch.from_numpy(np.array(value)))
        return network


def _variables(network: I3D) -> dict[str, torch.Tensor]:
    """Return the parameter or buffer of each variable, by its TensorFlow name without the scope."""
    variables: dict[str, torch.Tensor] = {
        "Logits/Conv3d_0c_1x1/conv_3d/w": network.logits_weight,
        "Logits/Conv3d_0c_1x1/conv_3d/b": network.logits_bias,
    }
    for path, unit in network.named_modules():
        if isinstance(unit, _Unit):
            name = path.replace(".", "/")
            variables[f"{name}/conv_3d/w"] = unit.weight
            variables[f"{name}/batch_norm/beta"] = unit.beta
            variables[f"{name}/batch_norm/moving_mean"] = unit.get_buffer("mean")
            variables[f"{name}/batch_norm/moving_variance"] = unit.get_buffer("variance")
    return variables


def _tensorflow_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in TensorFlow of a torch parameter: kernels ``[out, in, kt, kh, kw]`` become ``[kt, kh, kw, in, out]``."""
    return (*shape[2:], shape[1], shape[0]) if len(shape) == 5 else shape
