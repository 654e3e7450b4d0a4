"""Adapter for clean-fid's distances: ``vidbench conformance --implementation clean_fid_adapter:answer``."""

import numpy as np
import without_torchvision  # noqa: F401
from cleanfid.fid import fid_from_feats, frechet_distance, kernel_distance


def answer(kind, inputs, parameters):
    """Compute Fréchet and kernel distances; kernel distances use a single subset with all features."""
    if kind == "frechet-from-moments":
        return frechet_distance(*(inputs[name] for name in ("mean_a", "cov_a", "mean_b", "cov_b")))
    if kind == "frechet-from-features":
        return fid_from_feats(inputs["features_a"], inputs["features_b"])
    if kind == "kernel-mmd" and len(inputs["features_a"]) == len(inputs["features_b"]):
        np.random.seed(0)  # noqa: NPY002 - the package draws from the global generator
        size = len(inputs["features_a"])
        return kernel_distance(inputs["features_a"], inputs["features_b"], num_subsets=1, max_subset_size=size)
    return NotImplemented
