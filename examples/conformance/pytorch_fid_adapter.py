"""pytorch-fid's distance: ``vidbench conformance --implementation pytorch_fid_adapter:answer``."""

import numpy as np
import without_torchvision  # noqa: F401
from pytorch_fid.fid_score import calculate_frechet_distance


def answer(kind, inputs, parameters):
    """Answer Fréchet distances; covariances as the package's own `calculate_activation_statistics` takes them."""
    if kind == "frechet-from-moments":
        return calculate_frechet_distance(*(inputs[name] for name in ("mean_a", "cov_a", "mean_b", "cov_b")))
    if kind == "frechet-from-features":
        a, b = inputs["features_a"], inputs["features_b"]
        return calculate_frechet_distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))
    return NotImplemented
