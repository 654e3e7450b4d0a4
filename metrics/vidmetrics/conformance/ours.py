"""Our own answers to the known-answer vectors, from the functions that the metrics use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vidmetrics.conformance.recipes import WEIGHTS

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network
    from vidmetrics.statistics.moments import Moments

Arrays = dict[str, npt.NDArray[Any]]


def implementation(kind: str, inputs: Arrays, parameters: dict[str, Any]) -> Any:
    """Return the answer to a question of the suite, see `vidmetrics.conformance.kinds`."""
    return _ANSWERS[kind](inputs, parameters) if kind in _ANSWERS else NotImplemented


def _frechet_from_moments(inputs: Arrays, parameters: dict[str, Any]) -> float:
    from vidmetrics.statistics.frechet import frechet_distance

    return frechet_distance(inputs["mean_a"], inputs["cov_a"], inputs["mean_b"], inputs["cov_b"])


def _moments_of(features: npt.NDArray[Any], batch_size: int) -> Moments:
    from vidmetrics.statistics.moments import Moments

    moments = Moments(features.shape[1])
    for start in range(0, len(features), batch_size):
        moments.update(features[start : start + batch_size])
    return moments


def _frechet_from_features(inputs: Arrays, parameters: dict[str, Any]) -> float:
    a, b = (_moments_of(inputs[f"features_{side}"], 256) for side in "ab")
    return _frechet_from_moments(
        {"mean_a": a.mean, "cov_a": a.covariance, "mean_b": b.mean, "cov_b": b.covariance}, parameters
    )


def _moments(inputs: Arrays, parameters: dict[str, Any]) -> Arrays:
    moments = _moments_of(inputs["features"], parameters["batch_size"])
    return {"mean": moments.mean, "covariance": moments.covariance}


def _inception_score(inputs: Arrays, parameters: dict[str, Any]) -> dict[str, float]:
    from vidmetrics.statistics.inception_score import inception_score

    mean, std = inception_score(inputs["logits"], parameters["splits"])
    return {"mean": mean, "std": std}


def _kernel_mmd(inputs: Arrays, parameters: dict[str, Any]) -> Any:
    from vidmetrics.statistics.kernel import polynomial_mmd

    return polynomial_mmd(inputs["features_a"], inputs["features_b"])


def _jedi_from_features(inputs: Arrays, parameters: dict[str, Any]) -> float:
    from vidmetrics.statistics.second_moments import second_moment_distance

    a, b = (_moments_of(inputs[f"features_{side}"], 256) for side in "ab")
    return second_moment_distance(a, b)


def _resize(inputs: Arrays, parameters: dict[str, Any]) -> Any:
    import torch

    from vidmetrics.networks.resize import resize_tf1_bilinear

    if parameters["kernel"] != "tf1-bilinear":
        return NotImplemented
    frames = torch.from_numpy(inputs["frames"])
    return resize_tf1_bilinear(frames, parameters["height"], parameters["width"]).numpy()


def _network(inputs: Arrays, name: str = "i3d-kinetics-400", **settings: Any) -> Network:
    """Return a network by its name in `vidmetrics.load_network`, with the weights among the inputs."""
    import torch

    from vidmetrics.networks import build_body
    from vidmetrics.networks.fast import accelerated
    from vidmetrics.networks.network import Network

    weights = {name.removeprefix(WEIGHTS): value for name, value in inputs.items() if name.startswith(WEIGHTS)}
    if name == "c3d-ucf101":
        settings["widths"] = _widths(weights)
    body: Any = build_body(name, weights, **settings).eval().requires_grad_(False)
    body = accelerated(body, torch.device("cpu"), "exact")
    return Network(name, body, device="cpu", precision="exact", weights_sha256="seeded", proven=False)


def _widths(weights: Arrays) -> dict[str, int]:
    """Return the output channels of each layer of a C3D, in order; convolutions sort before linear layers."""
    return {name.removesuffix("/W"): len(value) for name, value in sorted(weights.items()) if name.endswith("/W")}


def _i3d_logits(inputs: Arrays, parameters: dict[str, Any]) -> npt.NDArray[np.float32]:
    return _network(inputs)(inputs["clips"])["logits"]


def _videomae_features(inputs: Arrays, parameters: dict[str, Any]) -> npt.NDArray[np.float32]:
    from vidmetrics.conformance.seeded_transformers import SMALL_VIDEOMAE

    return _network(inputs, "videomae-ssv2", sizes=SMALL_VIDEOMAE)(inputs["clips"])["pool"]


def _vjepa_features(inputs: Arrays, parameters: dict[str, Any]) -> npt.NDArray[np.float32]:
    from vidmetrics.conformance.seeded_transformers import SMALL_VJEPA

    return _network(inputs, "vjepa-ssv2", sizes=SMALL_VJEPA)(inputs["clips"])["pool"]


def _measured(metric: str, inputs: Arrays) -> float:
    from vidmetrics.catalog.definitions import get_metric
    from vidmetrics.one_call import measure

    network = _network(inputs, get_metric(metric).network)
    return measure(metric, inputs["real_clips"], inputs["generated_clips"], network=network).value


def _fvd_from_clips(inputs: Arrays, parameters: dict[str, Any]) -> float:
    return _measured("fvd", inputs)


def _fvd_convention_from_clips(inputs: Arrays, parameters: dict[str, Any]) -> float:
    return _measured(parameters["convention"], inputs)


def _fid_from_clips(inputs: Arrays, parameters: dict[str, Any]) -> float:
    return _measured("fid", inputs)


def _c3d_fid_from_clips(inputs: Arrays, parameters: dict[str, Any]) -> float:
    return _measured("fid-c3d-ucf101", inputs)


def _kid_from_clips(inputs: Arrays, parameters: dict[str, Any]) -> float:
    from vidmetrics.estimators.kernel import KernelSubsetsEstimator

    network = _network(inputs, "inception-2015-12-05")
    real, generated = (network(inputs[f"{side}_clips"])["pool"] for side in ("real", "generated"))
    N, T = inputs["generated_clips"].shape[:2]
    estimator = KernelSubsetsEstimator(generated.shape[1], N, T, subset_size=parameters["subset_size"])
    estimator.update(generated)
    return estimator.result([real]).value


def _scored(network: str, output: str, inputs: Arrays, parameters: dict[str, Any]) -> dict[str, float]:
    logits = _network(inputs, network)(inputs["clips"])[output]
    return _inception_score({"logits": logits}, parameters)


def _is_from_clips(inputs: Arrays, parameters: dict[str, Any]) -> dict[str, float]:
    return _scored("inception-2015-12-05", "logits-unbiased", inputs, parameters)


def _c3d_is_from_clips(inputs: Arrays, parameters: dict[str, Any]) -> dict[str, float]:
    return _scored("c3d-ucf101", "logits", inputs, parameters)


_ANSWERS = {
    "frechet-from-moments": _frechet_from_moments,
    "frechet-from-features": _frechet_from_features,
    "moments": _moments,
    "inception-score": _inception_score,
    "kernel-mmd": _kernel_mmd,
    "jedi-from-features": _jedi_from_features,
    "resize": _resize,
    "i3d-logits": _i3d_logits,
    "videomae-features": _videomae_features,
    "vjepa-features": _vjepa_features,
    "fvd-from-clips": _fvd_from_clips,
    "fvd-convention-from-clips": _fvd_convention_from_clips,
    "fid-from-clips": _fid_from_clips,
    "kid-from-clips": _kid_from_clips,
    "is-from-clips": _is_from_clips,
    "c3d-fid-from-clips": _c3d_fid_from_clips,
    "c3d-is-from-clips": _c3d_is_from_clips,
}
