"""Mistakes in the input, the computation and the choice of features of I3D; alone, and combined with ddof 0."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import numpy.typing as npt

from vidmetrics.conformance.mistakes.distances import DISTANCE_MISTAKES, frechet
from vidmetrics.conformance.mistakes.mistake import Answerer, Arrays, Mistake
from vidmetrics.conformance.mistakes.resizing import WRONG_RESIZERS
from vidmetrics.conformance.recipes import WEIGHTS

if TYPE_CHECKING:
    from vidmetrics.conformance.mistakes.resizing import Resizer

Array = npt.NDArray[Any]
Features = Callable[[Arrays, Array], Array]
"""A function of all inputs (for the weights) and clips uint8 ``[N, T, H, W, 3]`` that returns features ``[N, D]``."""


def _outputs(
    inputs: Arrays,
    clips: Array,
    resizer: Resizer | None = None,
    scale: tuple[float, float] = (1 / 127.5, -1.0),
    batch_norm_eps: float = 1e-3,
) -> dict[str, Array]:
    """Return the network's outputs with this preprocessing and eps; the defaults are correct."""
    import torch

    from vidmetrics.networks.i3d import I3D
    from vidmetrics.networks.resize import resize_tf1_bilinear

    weights = {name.removeprefix(WEIGHTS): value for name, value in inputs.items() if name.startswith(WEIGHTS)}
    for name, value in weights.items():
        if name.endswith("moving_variance"):  # only the sum of variance and eps matters
            weights[name] = value + np.float32(batch_norm_eps - 1e-3)
    network: Any = I3D.from_tensors(weights, num_classes=400).eval()
    resize, (factor, offset) = resizer or resize_tf1_bilinear, scale
    collected = []
    with torch.inference_mode():
        for clip in clips:
            frames_NHWC = resize(torch.from_numpy(clip).float(), 224, 224) * factor + offset
            collected.append(network._features(frames_NHWC.permute(3, 0, 1, 2)[None].contiguous()))
    return {name: np.concatenate([features[name].numpy() for features in collected]) for name in collected[0]}


def right_logits(inputs: Arrays, clips: Array) -> Array:
    """Return the correct logits."""
    return _outputs(inputs, clips)["logits"]


def _fed(**wrong: Any) -> Features:
    return lambda inputs, clips: _outputs(inputs, clips, **wrong)["logits"]


def _padded_equally(inputs: Arrays, clips: Array) -> Array:
    from vidmetrics.networks import i3d

    with mock.patch.object(i3d, "same_padding", _symmetric(i3d.same_padding)):
        return right_logits(inputs, clips)


def _symmetric(right: Callable[..., list[int]]) -> Callable[..., list[int]]:
    """Return padding like torch's ``padding=``: the larger half on both sides."""

    def padding(sizes: Sequence[int], kernel: Any, stride: Any) -> list[int]:
        pads = right(sizes, kernel, stride)
        return [max(pads[i & ~1], pads[i | 1]) for i in range(len(pads))]

    return padding


def _output(name: str) -> Features:
    return lambda inputs, clips: _outputs(inputs, clips)[name]


def _probabilities(inputs: Arrays, clips: Array) -> Array:
    logits = right_logits(inputs, clips).astype(np.float64)
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def _logits_answer(features: Features) -> Answerer:
    return lambda inputs, _: features(inputs, inputs["clips"])


def distance_answer(features: Features, ddof: int = 1) -> Answerer:
    """Return the FVD of other features or with another divisor."""

    def answer(inputs: Arrays, _: dict[str, Any]) -> float:
        a, b = (features(inputs, inputs[side]).astype(np.float64) for side in ("real_clips", "generated_clips"))
        return frechet(a.mean(0), np.cov(a, rowvar=False, ddof=ddof), b.mean(0), np.cov(b, rowvar=False, ddof=ddof))

    return answer


_EPS, _EPS_TITLE = "batch-norm-eps-1e-5", "uses batch norm with eps 1e-5 instead of 1e-3"

_WRONG_FEATURES: dict[str, tuple[str, Features]] = {
    _EPS: (_EPS_TITLE, _fed(batch_norm_eps=1e-5)),
    "symmetric-padding": ("pads convolutions and pools equally on both sides", _padded_equally),
    "range-0-1": ("scales pixels to [0, 1] instead of [-1, 1]", _fed(scale=(1 / 255, 0.0))),
    "range-0-255": ("does not scale pixels at all", _fed(scale=(1.0, 0.0))),
    "bgr": ("reads the channels as BGR", lambda inputs, clips: right_logits(inputs, clips[..., ::-1].copy())),
    "features-not-logits": ("measures pooled features instead of logits", _output("pool")),
    "probabilities-not-logits": ("measures probabilities instead of logits", _probabilities),
}
for _name, (_title, _) in WRONG_RESIZERS.items():
    if _name != "bicubic-resize":
        _WRONG_FEATURES[_name] = (_title, _fed(resizer=WRONG_RESIZERS[_name][1]))
for _name in (
    "half-pixel-resize",
    "short-side-crop",
):  # the two usual inputs of the widespread port with eps 1e-5
    _WRONG_FEATURES[f"{_EPS}+{_name}"] = (
        f"{WRONG_RESIZERS[_name][0]}, and {_EPS_TITLE}",
        _fed(batch_norm_eps=1e-5, resizer=WRONG_RESIZERS[_name][1]),
    )


def _mistakes() -> dict[str, Mistake]:
    mistakes = {
        name: Mistake(title, {"i3d-logits": _logits_answer(wrong), "fvd-from-clips": distance_answer(wrong)})
        for name, (title, wrong) in _WRONG_FEATURES.items()
    }
    ddof = DISTANCE_MISTAKES["ddof-0"].title
    mistakes["ddof-0"] = Mistake(ddof, {"fvd-from-clips": distance_answer(right_logits, ddof=0)})
    for name in ("half-pixel-resize", "antialiased-resize", "short-side-crop", _EPS, f"{_EPS}+half-pixel-resize"):
        title, wrong = _WRONG_FEATURES[name]
        mistakes[f"{name}+ddof-0"] = Mistake(f"{title}, and {ddof}", {"fvd-from-clips": distance_answer(wrong, ddof=0)})
    return mistakes


FEATURE_MISTAKES = _mistakes()
