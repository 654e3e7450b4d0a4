"""V-JEPA ViT-H/16 with the attentive pooler of its Something-Something v2 probe: the feature extractor of JEDi.

Bardes et al., "Revisiting Feature Prediction for Learning Visual Representations from Video", arXiv 2404.08471; used as in JEDi (Luo et
al., arXiv 2410.05203), whose released code oooolga/JEDi (PyPI videojedi, vjepa) is the definition of everything behind the first layer.

What a port must reproduce to get the same numbers:

* clips have 16 frames of 224x224, divided by 255 and normalised with the means and deviations of ImageNet;
* the network is the target encoder (the moving average), not the encoder that was trained;
* layer norms have an eps of 1e-6 in the encoder and of 1e-5 in the pooler; GELU is the exact one;
* feature ``pool`` is the pooler's output, before the classifier; its query passes the attention without a norm of its own;
* positions are in the checkpoint (sines and cosines of uniform power).

The released code resizes nothing, and interpolates the positions for frames of any size silently. Here frames of other sizes are
stretched to 224x224, bilinearly with half-pixel centres and without antialiasing, and other lengths are refused: both are our choice.
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
from vidmetrics.weights.vjepa_tensors import CHANNELS, PUBLISHED, REMEDY, Sizes, tensor_shapes

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CLIPS_AT_ONCE = 8
"""Clips per batch on an accelerator; CPUs process one at a time."""
_ENCODER_EPS, _POOLER_EPS = 1e-6, 1e-5


class VJEPA(nn.Module):
    """V-JEPA with the outputs ``pool`` ``[N, 1280]``, the pooled features, and ``logits`` ``[N, 174]`` of the probe.

    Args:
        sizes: sizes of the network; the default is the published one.
    """

    preprocessing = "bilinear-224-imagenet-v1"
    clip_by_clip = True

    def __init__(self, sizes: Sizes = PUBLISHED) -> None:
        super().__init__()
        self.sizes = sizes
        self.outputs = {"logits": sizes.classes, "pool": sizes.width}
        self.min_frames = self.max_frames = sizes.frames
        self.encoder, self.pooler = _Encoder(sizes), _Pooler(sizes)
        self.linear = nn.Linear(sizes.width, sizes.classes)

    def forward(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map uint8 clips ``[N, 16, H, W, 3]`` to float32 ``logits`` and ``pool``."""
        # One clip at a time on CPUs: less memory, and a clip's features cannot depend on its neighbours.
        at_once = 1 if clips_NTHWC.device.type == "cpu" else CLIPS_AT_ONCE
        pooled = torch.cat([self.features(preprocess(c, self.sizes.side)) for c in torch.split(clips_NTHWC, at_once)])
        return {"logits": self.linear(pooled), "pool": pooled}

    def features(self, x_NCTHW: torch.Tensor) -> torch.Tensor:
        """Map normalised clips ``[N, 3, 16, 224, 224]`` to pooled features ``[N, 1280]``."""
        return self.pooler(self.encoder(x_NCTHW))  # type: ignore[no-any-return]

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]], sizes: Sizes = PUBLISHED) -> VJEPA:
        """Build the network from the tensors of `vidmetrics.weights.vjepa_tensors.tensor_shapes`.

        Raises:
            InputError: a tensor is missing, unknown, not finite, or has a wrong shape or dtype.
        """
        given = checked_tensors(tensors, tensor_shapes(sizes), "vjepa-ssv2", REMEDY)
        with torch.device("meta"):
            network = cls(sizes)
        network.load_state_dict({name: torch.from_numpy(np.array(v)) for name, v in given.items()}, assign=True)
        return network.eval()


def preprocess(clips_NTHWC: torch.Tensor, side: int) -> torch.Tensor:
    """Map uint8 clips ``[N, T, H, W, 3]`` to float32 ``[N, 3, T, side, side]``, normalised with ImageNet's mean and deviation."""
    N, T, H, W, C = clips_NTHWC.shape
    frames = clips_NTHWC.reshape(N * T, H, W, C).float()
    if (side, side) != (H, W):
        frames = resize_bilinear(frames, side, side)
    mean, deviation = (frames.new_tensor(values) for values in (MEAN, DEVIATION))
    x = (frames / 255 - mean) / deviation
    return x.reshape(N, T, side, side, C).permute(0, 4, 1, 2, 3).contiguous()


class _Encoder(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        cut = (sizes.tubelet, sizes.patch, sizes.patch)
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv3d(CHANNELS, sizes.width, cut, stride=cut)})
        self.pos_embed = nn.Parameter(torch.empty(1, sizes.tokens, sizes.width))
        self.blocks = nn.ModuleList(_Block(sizes) for _ in range(sizes.depth))
        self.norm = nn.LayerNorm(sizes.width, eps=_ENCODER_EPS)

    def forward(self, x_NCTHW: torch.Tensor) -> torch.Tensor:
        x_NLD = self.patch_embed["proj"](x_NCTHW).flatten(2).transpose(1, 2) + self.pos_embed
        for block in self.blocks:
            x_NLD = block(x_NLD)
        return self.norm(x_NLD)  # type: ignore[no-any-return]


class _Block(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.norm1, self.norm2 = (nn.LayerNorm(sizes.width, eps=_ENCODER_EPS) for _ in range(2))
        parts = {"qkv": nn.Linear(sizes.width, 3 * sizes.width), "proj": nn.Linear(sizes.width, sizes.width)}
        self.attn, self.mlp = nn.ModuleDict(parts), perceptron(sizes.width, sizes.width * sizes.hidden)

    def forward(self, x_NLD: torch.Tensor) -> torch.Tensor:
        q, k, v = self.attn["qkv"](self.norm1(x_NLD)).chunk(3, dim=-1)
        x_NLD = x_NLD + self.attn["proj"](attended(q, k, v, self.heads))
        return x_NLD + through(self.mlp, self.norm2(x_NLD))


class _Pooler(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.query_tokens = nn.Parameter(torch.empty(1, 1, sizes.width))
        self.cross_attention_block = _CrossAttentionBlock(sizes)

    def forward(self, x_NLD: torch.Tensor) -> torch.Tensor:
        return self.cross_attention_block(self.query_tokens.expand(len(x_NLD), -1, -1), x_NLD).squeeze(1)  # type: ignore[no-any-return]


class _CrossAttentionBlock(nn.Module):
    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.heads = sizes.heads
        self.norm1, self.norm2 = (nn.LayerNorm(sizes.width, eps=_POOLER_EPS) for _ in range(2))
        made = {"q": 1, "kv": 2, "proj": 1}
        self.xattn = nn.ModuleDict({name: nn.Linear(sizes.width, n * sizes.width) for name, n in made.items()})
        self.mlp = perceptron(sizes.width, sizes.width * sizes.hidden)

    def forward(self, query_N1D: torch.Tensor, x_NLD: torch.Tensor) -> torch.Tensor:
        k, v = self.xattn["kv"](self.norm1(x_NLD)).chunk(2, dim=-1)
        query_N1D = query_N1D + self.xattn["proj"](attended(self.xattn["q"](query_N1D), k, v, self.heads))
        return query_N1D + through(self.mlp, self.norm2(query_N1D))
