"""clean-fid's distances: ``vidbench conformance --implementation clean_fid_adapter:answer``."""

import numpy as np
import without_torchvision  # noqa: F401
from cleanfid.fid import fid_from_feats, frechet_distance, kernel_distance


def answer(kind, inputs, parameters):
    """Answer Fréchet and kernel distances; a kernel distance over one subset that holds everything."""
    if kind == "frechet-from-moments":
        return frechet_distance(*(inputs[name] for name in ("mean_a", "cov_a", "mean_b", "cov_b")))
    if kind == "frechet-from-features":
        return fid_from_feats(inputs["features_a"], inputs["features_b"])
    if kind == "kernel-mmd" and len(inputs["features_a"]) == len(inputs["features_b"]):
        np.random.seed(0)  # noqa: NPY002 - the package draws from this generator
        size = len(inputs["features_a"])
        return kernel_distance(inputs["features_a"], inputs["features_b"], num_subsets=1, max_subset_size=size)
    return NotImplemented
