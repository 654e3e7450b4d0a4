"""Mistakes in the input, the weights and the choice of features of VideoMAE and V-JEPA."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from unittest import mock

import numpy as np
import numpy.typing as npt

from vidmetrics.conformance.mistakes.mistake import Answerer, Arrays, Mistake
from vidmetrics.conformance.recipes import WEIGHTS
from vidmetrics.conformance.seeded_transformers import SMALL_VIDEOMAE, SMALL_VJEPA, seeded_vjepa_weights

Array = npt.NDArray[Any]


def _weights(inputs: Arrays) -> dict[str, Array]:
    return {name.removeprefix(WEIGHTS): value for name, value in inputs.items() if name.startswith(WEIGHTS)}


def _without(*patterns: str) -> Callable[[Mapping[str, Array]], dict[str, Array]]:
    def lose(weights: Mapping[str, Array]) -> dict[str, Array]:
        return {n: np.zeros_like(v) if any(p in n for p in patterns) else v for n, v in weights.items()}

    return lose


def _another_pooler(weights: Mapping[str, Array]) -> dict[str, Array]:
    other = seeded_vjepa_weights(999)
    return {name: other[name] if name.startswith("pooler.") else value for name, value in weights.items()}


def _videomae(clips: Array, weights: Mapping[str, Array], *, imagenet: bool = False, part: str = "pool") -> Array:
    import torch

    from vidmetrics.networks import videomae
    from vidmetrics.networks.vjepa import DEVIATION, MEAN

    network: Any = videomae.VideoMAE.from_tensors(weights, SMALL_VIDEOMAE)
    rows = []
    with torch.inference_mode():
        for clip in clips:
            x = videomae.fed(torch.from_numpy(clip)[None], SMALL_VIDEOMAE.side)
            if imagenet:
                mean, deviation = (torch.tensor(values)[:, None, None, None] for values in (MEAN, DEVIATION))
                x = (x - mean) / deviation
            x = network.patch_embed["proj"](x).flatten(2).transpose(1, 2) + network.positions
            for block in network.blocks[:-1] if part == "block before" else network.blocks:
                x = block(x)
            tokens = x[:, 0] if part == "first token" else x.mean(dim=1)
            rows.append(tokens if part == "without norm" else network.fc_norm(tokens))
    return torch.cat(rows).numpy()


def _vjepa(clips: Array, weights: Mapping[str, Array], part: str = "pool", **settings: Any) -> Array:
    import torch

    from vidmetrics.networks import vjepa

    with mock.patch.multiple(vjepa, __name__=vjepa.__name__, **settings), torch.inference_mode():
        network: Any = vjepa.VJEPA.from_tensors(weights, SMALL_VJEPA)
        rows = []
        for clip in clips:
            x = vjepa.preprocess(torch.from_numpy(clip)[None], SMALL_VJEPA.side)
            tokens = network.encoder(x)
            rows.append(tokens.mean(dim=1) if part == "mean of tokens" else network.pooler(tokens))
        return torch.cat(rows).numpy()


def _not_resized(clips: Array, weights: Mapping[str, Array]) -> Array:
    """Interpolate the positions for frames of their own size, as the released code does."""
    import torch
    from torch.nn.functional import interpolate

    from vidmetrics.networks import vjepa

    height, width = (size // SMALL_VJEPA.patch for size in clips.shape[2:4])
    side, times = SMALL_VJEPA.side // SMALL_VJEPA.patch, SMALL_VJEPA.frames // SMALL_VJEPA.tubelet
    network: Any = vjepa.VJEPA.from_tensors(weights, SMALL_VJEPA)
    with torch.inference_mode():
        grid = network.encoder.pos_embed.reshape(1, times, side, side, -1).permute(0, 4, 1, 2, 3)
        scaled = interpolate(grid, scale_factor=(1, height / side, width / side), mode="trilinear")
        network.encoder.pos_embed.set_(scaled.permute(0, 2, 3, 4, 1).flatten(1, 3).contiguous())
        mean, deviation = (torch.tensor(values)[:, None, None, None] for values in (vjepa.MEAN, vjepa.DEVIATION))
        x = torch.from_numpy(clips).permute(0, 4, 1, 2, 3).float() / 255
        return network.features(((x - mean) / deviation).contiguous()).numpy()  # type: ignore[no-any-return]


def _fed(network: Callable[..., Array], spoil: Callable[..., dict[str, Array]] = dict, **wrong: Any) -> Answerer:
    return lambda inputs, _: network(inputs["clips"], spoil(_weights(inputs)), **wrong)


_MAE, _JEPA = "videomae-features", "vjepa-features"

TRANSFORMER_MISTAKES = {
    "lost-attention-biases": Mistake(
        "has lost the biases of query and value, as some conversions of checkpoints do",
        {_MAE: _fed(_videomae, _without("q_bias", "v_bias")), _JEPA: _fed(_vjepa, _without("attn.qkv.bias"))},
    ),
    "imagenet-normalisation": Mistake(
        "normalises with ImageNet's means and deviations where pixels are only divided by 255",
        {_MAE: _fed(_videomae, imagenet=True)},
    ),
    "without-imagenet-normalisation": Mistake(
        "divides pixels by 255 without ImageNet's means and deviations",
        {_JEPA: _fed(_vjepa, MEAN=(0.0, 0.0, 0.0), DEVIATION=(1.0, 1.0, 1.0))},
    ),
    "without-last-norm": Mistake("leaves out the last norm", {_MAE: _fed(_videomae, part="without norm")}),
    "block-before-last": Mistake("takes the block before the last", {_MAE: _fed(_videomae, part="block before")}),
    "first-token": Mistake("takes the first token for their mean", {_MAE: _fed(_videomae, part="first token")}),
    "mean-of-tokens": Mistake(
        "takes the mean of the tokens for the pooler", {_JEPA: _fed(_vjepa, part="mean of tokens")}
    ),
    "random-pooler": Mistake(
        "has a random pooler, because the probe's checkpoint was not read", {_JEPA: _fed(_vjepa, _another_pooler)}
    ),
    "pooler-eps-1e-6": Mistake("has the encoder's eps in the pooler's norms", {_JEPA: _fed(_vjepa, _POOLER_EPS=1e-6)}),
    "not-resized": Mistake("does not resize frames, and interpolates the positions", {_JEPA: _fed(_not_resized)}),
}
