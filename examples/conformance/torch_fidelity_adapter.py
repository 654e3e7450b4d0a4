"""torch-fidelity's metrics: ``vidbench conformance --implementation torch_fidelity_adapter:answer``."""

import torch
import without_torchvision  # noqa: F401
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kernel_mmd


def answer(kind, inputs, parameters):
    """Answer Fréchet distances, Inception Scores in the order given, and kernel distances of sets of one size."""
    if kind == "frechet-from-moments":
        a, b = ({"mu": inputs[f"mean_{side}"], "sigma": inputs[f"cov_{side}"]} for side in "ab")
    elif kind == "frechet-from-features":
        a, b = (fid_features_to_statistics(torch.from_numpy(inputs[f"features_{side}"])) for side in "ab")
    elif kind == "inception-score":
        score = isc_features_to_metric(torch.from_numpy(inputs["logits"]), parameters["splits"], shuffle=False)
        return {"mean": score["inception_score_mean"], "std": score["inception_score_std"]}
    elif kind == "kernel-mmd" and len(inputs["features_a"]) == len(inputs["features_b"]):
        settings = {f"kid_kernel_poly_{name}": parameters[name] for name in ("degree", "gamma", "coef0")}
        return kernel_mmd(inputs["features_a"], inputs["features_b"], kid_kernel="poly", **settings)
    else:
        return NotImplemented
    return fid_statistics_to_metric(a, b, verbose=False)["frechet_inception_distance"]
