"""VideoMAE v2 ViT-g/14, fine-tuned on Something-Something v2: the feature extractor of the content-debiased FVD.

Wang et al., "VideoMAE V2", arXiv 2303.16727; used as in Ge et al., "On the Content Bias in Fréchet Video Distance", arXiv 2404.12391, whose
released code songweige/content-debiased-fvd (PyPI cd-fvd 0.1.1) is the definition.

What a port must reproduce to get the same numbers:

* clips have 16 frames, divided by 255 and stretched to 224x224, bilinearly with half-pixel centres and without antialiasing; they are not
  normalised with ImageNet's means and deviations, although the network was trained so;
* query and value have biases, the key has none;
* positions are sines and cosines over the number of the token, whatever its row, column and time;
* feature ``pool`` is the mean over all 2,048 tokens, then the last norm; every norm has an eps of 1e-6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from vidmetrics.networks.resize import resize_bilinear
from vidmetrics.networks.transformer import attended, perceptron, through
from vidmetrics.weights.named_tensors import checked_tensors
from vidmetrics.weights.videomae_tensors import CHANNELS, REMEDY, VIT_G, VideoMAESizes, videomae_shapes

_EPS = 1e-6
_AT_ONCE = 8


class VideoMAE(nn.Module):
    """VideoMAE v2 with the outputs ``pool`` ``[N, 1408]``, the normed mean of the tokens, and ``logits`` ``[N, 174]`` of its head.

    Args:
        sizes: sizes of the network; the default is the published one.
    """

    preprocessing = "bilinear-224-unit-v1"
    clip_by_clip = True

    def __init__(self, sizes: VideoMAESizes = VIT_G) -> None:
        super().__init__()
        self.sizes = sizes
        self.outputs = {"logits": sizes.classes, "pool": sizes.width}
        self.min_frames = self.max_frames = sizes.frames
        cut = (sizes.tubelet, sizes.patch, sizes.patch)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv3d(CHANNELS, sizes.width, cut, stride=cut)})
        self.blocks = nn.ModuleList(_VideoMAEBlock(sizes) for _ in range(sizes.depth))
        self.fc_norm = nn.LayerNorm(sizes.width, eps=_EPS)
        self.head = nn.Linear(sizes.width, sizes.classes)
        self.register_buffer("positions", None, persistent=False)

    def forward(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map uint8 clips ``[N, 16, H, W, 3]`` to float32 ``logits`` and ``pool``."""
        # One clip at a time on CPUs: less memory, and a clip's features cannot depend on its neighbours.
        at_once = 1 if clips_NTHWC.device.type == "cpu" else _AT_ONCE
        pooled = torch.cat([self._pooled(fed(clips, self.sizes.side)) for clips in torch.split(clips_NTHWC, at_once)])
        return {"logits": self.head(pooled), "pool": pooled}

    def _pooled(self, x_NCTHW: torch.Tensor) -> torch.Tensor:
        x_NLD = self.patch_embed["proj"](x_NCTHW).flatten(2).transpose(1, 2) + self.positions
        for block in self.blocks:
            x_NLD = block(x_NLD)
        return self.fc_norm(x_NLD.mean(dim=1))  # type: ignore[no-any-return]

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]], sizes: VideoMAESizes = VIT_G) -> VideoMAE:
        """Build the network from the tensors of `vidmetrics.weights.videomae_tensors.videomae_shapes`.

        Raises:
            InputError: a tensor is missing, unknown, not finite, or has a wrong shape or dtype.
        """
        given = checked_tensors(tensors, videomae_shapes(sizes), "videomae-ssv2", REMEDY)
        with torch.device("meta"):
            network = cls(sizes)
        network.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in given.items()}, assign=True)
        network.positions = torch.from_numpy(waves(sizes.tokens, sizes.width))
        return network.eval()


def fed(clips_NTHWC: torch.Tensor, side: int) -> torch.Tensor:
    """Map uint8 clips ``[N, T, H, W, 3]`` to float32 ``[N, 3, T, side, side]`` in 0..1."""
    N, T, H, W, C = clips_NTHWC.shape
    frames = clips_NTHWC.reshape(N * T, H, W, C).float() / 255
    if (side, side) != (H, W):
        frames = resize_bilinear(frames, side, side)
    return frames.reshape(N, T, side, side, C).permute(0, 4, 1, 2, 3).contiguous()


def waves(tokens: int, width: int) -> npt.NDArray[np.float32]:
    """Return the positions of tokens, float32 ``[1, tokens, width]``: sines at even places and cosines at odd ones, of equal frequency."""
    place = np.arange(width)
    angles = np.arange(tokens)[:, None] / np.power(10000, 2 * (place // 2) / width)
    return np.where(place % 2 == 0, np.sin(angles), np.cos(angles)).astype(np.float32)[None]


class _VideoMAEBlock(nn.Module):
    def __init__(self, sizes: VideoMAESizes) -> None:
        super().__init__()
        self.heads, width = sizes.heads, sizes.width
        self.norm1, self.norm2 = (nn.LayerNorm(width, eps=_EPS) for _ in range(2))
        self.attn: Any = nn.Module()
        self.attn.qkv = nn.Linear(width, 3 * width, bias=False)
        self.attn.q_bias, self.attn.v_bias = (nn.Parameter(torch.empty(width)) for _ in range(2))
        self.attn.proj = nn.Linear(width, width)
        self.mlp = perceptron(width, sizes.hidden)

    def forward(self, x_NLD: torch.Tensor) -> torch.Tensor:
        q, k, v = self.attn.qkv(self.norm1(x_NLD)).chunk(3, dim=-1)
        x_NLD = x_NLD + self.attn.proj(attended(q + self.attn.q_bias, k, v + self.attn.v_bias, self.heads))
        return x_NLD + through(self.mlp, self.norm2(x_NLD))
