"""Adapter for the formula found in most repositories: ``vidbench conformance --implementation scipy_sqrtm_adapter:answer``."""

import numpy as np
from scipy.linalg import sqrtm


def answer(kind, inputs, parameters):
    """Compute Fréchet distances with the real part of the square root of the covariance product."""
    if kind == "frechet-from-features":
        a, b = inputs["features_a"], inputs["features_b"]
        mean_a, cov_a, mean_b, cov_b = a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False)
    elif kind == "frechet-from-moments":
        mean_a, cov_a, mean_b, cov_b = (inputs[name] for name in ("mean_a", "cov_a", "mean_b", "cov_b"))
    else:
        return NotImplemented
    delta = mean_a - mean_b
    return delta @ delta + np.trace(cov_a + cov_b - 2 * sqrtm(cov_a @ cov_b).real)
