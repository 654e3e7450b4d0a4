"""Mistakes in whole metrics other than the reference FVD: other conventions, and metrics on Inception or C3D."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.conventions import CONVENTIONS
from vidmetrics.conformance.mistakes.mistake import Answerer, Arrays, Mistake
from vidmetrics.conformance.mistakes.resizing import WRONG_RESIZERS
from vidmetrics.conformance.mistakes.scores import SCORE_MISTAKES
from vidmetrics.conformance.recipes import WEIGHTS

if TYPE_CHECKING:
    import torch

    from vidmetrics.conformance.mistakes.resizing import Resizer

Array = npt.NDArray[Any]
Features = Callable[[Arrays, Array], dict[str, Array]]
"""A function of all inputs (for the weights) and clips uint8 ``[N, T, H, W, 3]`` that returns outputs by name, one row per
frame or clip."""


def _convention(metric: str) -> Answerer:
    def answer(inputs: Arrays, _: dict[str, Any]) -> Any:
        from vidmetrics.conformance.ours import implementation

        return implementation("fvd-convention-from-clips", inputs, {"convention": metric})

    return answer


def _inception(resizer: Resizer | None = None, scale: tuple[float, float] = (1 / 128, -1.0)) -> Features:
    """Return Inception with this preprocessing; the defaults are correct."""

    def features(inputs: Arrays, clips: Array) -> dict[str, Array]:
        import torch

        from vidmetrics.networks.inception import Inception
        from vidmetrics.networks.resize import resize_tf1_bilinear

        network = Inception.from_tensors(_weights(inputs))
        resize, (factor, offset) = resizer or resize_tf1_bilinear, scale
        collected = []
        with torch.inference_mode():
            for frame in clips.reshape(-1, *clips.shape[2:]):
                resized_NHWC = resize(torch.from_numpy(frame[None]).float(), 299, 299) * factor + offset
                collected.append(network._features(resized_NHWC.permute(0, 3, 1, 2)))
        return {name: np.concatenate([outputs[name].numpy() for outputs in collected]) for name in collected[0]}

    return features


def _weights(inputs: Arrays) -> Arrays:
    return {name.removeprefix(WEIGHTS): value for name, value in inputs.items() if name.startswith(WEIGHTS)}


def _pooled_otherwise(replacement: Callable[..., Any]) -> Features:
    def features(inputs: Arrays, clips: Array) -> dict[str, Array]:
        from vidmetrics.networks import inception

        with mock.patch.object(inception, "_pool", replacement):
            return _inception()(inputs, clips)

    return features


def _average_in_the_last_block(x_NCHW: torch.Tensor, kind: str) -> torch.Tensor:
    from vidmetrics.networks import inception

    return _right_pool()(x_NCHW, inception.AVERAGE if kind == inception.MAXIMUM else kind)


def _counting_the_padding(x_NCHW: torch.Tensor, kind: str) -> torch.Tensor:
    import torch

    from vidmetrics.networks import inception

    if kind == inception.AVERAGE:
        return torch.nn.functional.avg_pool2d(x_NCHW, 3, stride=1, padding=1)
    return _right_pool()(x_NCHW, kind)


def _right_pool() -> Callable[..., torch.Tensor]:
    # The module's own pool may be patched with a wrong one at this moment.
    import torch

    from vidmetrics.networks import inception

    def pool(x_NCHW: torch.Tensor, kind: str) -> torch.Tensor:
        functional = torch.nn.functional
        if kind == inception.AVERAGE:
            return functional.avg_pool2d(x_NCHW, 3, stride=1, padding=1, count_include_pad=False)
        stride, padding = (1, 1) if kind == inception.MAXIMUM else (2, 0)
        return functional.max_pool2d(x_NCHW, 3, stride=stride, padding=padding)

    return pool


def _c3d(inputs: Arrays, clips: Array) -> dict[str, Array]:
    from vidmetrics.conformance.ours import _network

    return dict(_network(inputs, "c3d-ucf101")(clips))


def _c3d_swapped(inputs: Arrays, clips: Array) -> dict[str, Array]:
    return _c3d(inputs, clips[..., ::-1].copy())


def _c3d_centre_of_the_mean(inputs: Arrays, clips: Array) -> dict[str, Array]:
    # The network crops columns 8 to 119; after this shift they are the middle ones.
    return _c3d({**inputs, f"{WEIGHTS}mean": np.roll(inputs[f"{WEIGHTS}mean"], 8 - 29, axis=3)}, clips)


def _c3d_half_pixel(inputs: Arrays, clips: Array) -> dict[str, Array]:
    from vidmetrics.networks import c3d

    def resize(x_NCTHW: torch.Tensor, size: int) -> torch.Tensor:
        import torch

        N, C, T, H, W = x_NCTHW.shape
        resized = torch.nn.functional.interpolate(x_NCTHW.reshape(N, C * T, H, W), (size, size), mode="bilinear")
        return resized.reshape(N, C, T, size, size)

    with mock.patch.object(c3d, "resize_aligned_corners", resize):
        return _c3d(inputs, clips)


def _distance(features: Features, output: str, ddof: int = 1) -> Answerer:
    def answer(inputs: Arrays, _: dict[str, Any]) -> float:
        a, b = (features(inputs, inputs[f"{side}_clips"])[output].astype(np.float64) for side in ("real", "generated"))
        delta = a.mean(0) - b.mean(0)
        x, y = ((rows - rows.mean(0)) / np.sqrt(len(rows) - ddof) for rows in (a, b))
        # Few rows with thousands of features: the trace of the root is the nuclear norm of a small matrix.
        root = np.linalg.svd(x @ y.T, compute_uv=False).sum()
        return float(delta @ delta + np.square(x).sum() + np.square(y).sum() - 2 * root)

    return answer


def _score(features: Features, output: str) -> Answerer:
    def answer(inputs: Arrays, parameters: dict[str, Any]) -> dict[str, float]:
        from vidmetrics.statistics.inception_score import inception_score

        mean, std = inception_score(features(inputs, inputs["clips"])[output], parameters["splits"])
        return {"mean": mean, "std": std}

    return answer


def _mmd(features: Features, biased: bool = False) -> Answerer:
    def answer(inputs: Arrays, parameters: dict[str, Any]) -> Any:
        from vidmetrics.conformance.ours import implementation

        real, generated = (features(inputs, inputs[f"{side}_clips"])["pool"] for side in ("real", "generated"))
        sides = {"features_a": real.astype(np.float64), "features_b": generated.astype(np.float64)}
        if biased:
            return SCORE_MISTAKES["biased-mmd"].answers["kernel-mmd"](sides, parameters)
        return implementation("kernel-mmd", sides, parameters)

    return answer


def _frames_fed(features: Features) -> dict[str, Answerer]:
    # A wrong network affects FID, which is enough to recognise it.
    return {"fid-from-clips": _distance(features, "pool")}


def _clips_fed(features: Features) -> dict[str, Answerer]:
    return {"c3d-fid-from-clips": _distance(features, "fc7"), "c3d-is-from-clips": _score(features, "logits")}


def _mistakes() -> dict[str, Mistake]:
    mistakes = {
        f"convention-{name}": Mistake(
            f"computes {name} for every convention", {"fvd-convention-from-clips": _convention(name)}
        )
        for name in CONVENTIONS
    }
    symmetric = (1 / 127.5, -1.0)
    title, resizer = WRONG_RESIZERS["half-pixel-resize"]
    scaled = "scales frames to [-1, 1] instead of (x - 128) / 128"
    # C3D's own resize aligns the corners.
    mistakes["half-pixel-resize"] = Mistake(title, {**_frames_fed(_inception(resizer)), **_clips_fed(_c3d_half_pixel)})
    antialiased = _inception(WRONG_RESIZERS["antialiased-resize"][1])
    mistakes["antialiased-resize"] = Mistake(
        WRONG_RESIZERS["antialiased-resize"][0], {**_frames_fed(antialiased), "kid-from-clips": _mmd(antialiased)}
    )
    mistakes["scale-127.5"] = Mistake(scaled, _frames_fed(_inception(scale=symmetric)))
    mistakes["half-pixel-resize+scale-127.5"] = Mistake(
        f"{title}, and {scaled}", _frames_fed(_inception(resizer, symmetric))
    )
    mistakes["rgb"] = Mistake(
        "reads the channels as RGB although the network was trained on BGR", _clips_fed(_c3d_swapped)
    )
    mistakes["average-in-the-last-block"] = Mistake(
        "averages in the pool of the last Inception block, which should take the maximum",
        _frames_fed(_pooled_otherwise(_average_in_the_last_block)),
    )
    mistakes["padding-averaged"] = Mistake(
        "includes the zero padding in Inception's average pools",
        _frames_fed(_pooled_otherwise(_counting_the_padding)),
    )
    mistakes["mean-volume-centred"] = Mistake(
        "crops the middle columns of C3D's mean volume instead of columns 8 to 119",
        _clips_fed(_c3d_centre_of_the_mean),
    )
    mistakes["bias-kept"] = Mistake(
        "keeps the bias of the last layer in the Inception Score", {"is-from-clips": _score(_inception(), "logits")}
    )
    mistakes["ddof-0"] = Mistake(
        "divides the covariance by N instead of N - 1",
        {"fid-from-clips": _distance(_inception(), "pool", 0), "c3d-fid-from-clips": _distance(_c3d, "fc7", 0)},
    )
    mistakes["biased-mmd"] = Mistake(
        SCORE_MISTAKES["biased-mmd"].title, {"kid-from-clips": _mmd(_inception(), biased=True)}
    )
    return mistakes


WHOLE_METRIC_MISTAKES = _mistakes()
