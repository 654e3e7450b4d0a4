"""Adapter for torchmetrics' metrics: ``vidbench conformance --implementation torchmetrics_adapter:answer``."""

import torch
import without_torchvision  # noqa: F401
from seeded_inception import state_and_frames
from torch_fidelity import feature_extractor_inceptionv3
from torchmetrics.image.fid import FrechetInceptionDistance, _compute_fid
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import KernelInceptionDistance, poly_mmd


class Given(torch.nn.Module):
    """Feature extractor that returns precomputed features."""

    def __init__(self, num_features):
        super().__init__()
        self.num_features = num_features

    def forward(self, features):
        """Return the features unchanged."""
        return features


def whole_metric(kind, inputs, parameters):
    """Compute FID and KID of frames; the package runs torch-fidelity's network."""
    state, frames = state_and_frames(inputs)
    feature_extractor_inceptionv3.load_state_dict_from_url = lambda *_, **__: state
    if kind == "fid-from-clips":
        metric = FrechetInceptionDistance(feature=2048)
    else:
        metric = KernelInceptionDistance(subsets=parameters["subsets"], subset_size=parameters["subset_size"])
    for side, real in (("real", True), ("generated", False)):
        metric.update(frames[f"{side}_clips"], real=real)
    value = metric.compute()
    return float(value if kind == "fid-from-clips" else value[0])


def answer(kind, inputs, parameters):
    """Compute Fréchet distances, kernel distances of equal-sized sets, Inception Scores, and whole metrics.

    Inception Scores use one split only: the class shuffles, so several splits have no known answer.
    """
    if kind in ("fid-from-clips", "kid-from-clips"):
        return whole_metric(kind, inputs, parameters)
    tensors = {name: torch.from_numpy(value) for name, value in inputs.items() if value.dtype.kind == "f"}
    if kind == "frechet-from-moments":
        return float(_compute_fid(*(tensors[name] for name in ("mean_a", "cov_a", "mean_b", "cov_b"))))
    if kind == "frechet-from-features":
        metric = FrechetInceptionDistance(feature=Given(inputs["features_a"].shape[1])).set_dtype(torch.float64)
        for side, real in (("a", True), ("b", False)):
            for batch in tensors[f"features_{side}"].split(16):
                metric.update(batch, real=real)
        return float(metric.compute())
    if kind == "kernel-mmd" and len(inputs["features_a"]) == len(inputs["features_b"]):
        settings = {name: parameters[name] for name in ("degree", "gamma")}
        return float(poly_mmd(tensors["features_a"], tensors["features_b"], coef=parameters["coef0"], **settings))
    if kind == "inception-score" and parameters["splits"] == 1:
        metric = InceptionScore(feature=Given(inputs["logits"].shape[1]), splits=1)
        metric.update(tensors["logits"])
        return float(metric.compute()[0])
    return NotImplemented
