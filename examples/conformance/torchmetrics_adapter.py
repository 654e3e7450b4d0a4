"""torchmetrics' metrics: ``vidbench conformance --implementation torchmetrics_adapter:answer``."""

import torch
import without_torchvision  # noqa: F401
from torchmetrics.image.fid import FrechetInceptionDistance, _compute_fid
from torchmetrics.image.inception import InceptionScore
from torchmetrics.image.kid import poly_mmd


class Given(torch.nn.Module):
    """A feature extractor whose features are given."""

    def __init__(self, num_features):
        super().__init__()
        self.num_features = num_features

    def forward(self, features):
        """Return what came."""
        return features


def answer(kind, inputs, parameters):
    """Answer Fréchet distances, moments by batches, kernel distances of sets of one size, Inception Scores.

    Inception Scores only in one split: the class shuffles, so that more splits have no known answer.
    """
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
