"""Adapter for torch-fidelity's metrics: ``vidbench conformance --implementation torch_fidelity_adapter:answer``."""

import torch
import without_torchvision  # noqa: F401
from seeded_inception import state_and_frames
from torch_fidelity import feature_extractor_inceptionv3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kernel_mmd, kid_features_to_metric


def features(inputs, output):
    """Return one output of the package's network for the frames of each input."""
    state, frames = state_and_frames(inputs)
    feature_extractor_inceptionv3.load_state_dict_from_url = lambda *_, **__: state
    network = feature_extractor_inceptionv3.FeatureExtractorInceptionV3("seeded", [output])
    with torch.inference_mode():
        return {name: network(frames_NCHW)[0] for name, frames_NCHW in frames.items()}


def whole_metric(kind, inputs, parameters):
    """Compute FID, KID and the Inception Score of frames, the last without shuffling."""
    if kind == "is-from-clips":
        logits = features(inputs, "logits_unbiased")["clips"]
        score = isc_features_to_metric(logits, parameters["splits"], shuffle=False)
        return {"mean": score["inception_score_mean"], "std": score["inception_score_std"]}
    pools = features(inputs, "2048")
    if kind == "kid-from-clips":
        settings = {"kid_subsets": parameters["subsets"], "kid_subset_size": parameters["subset_size"]}
        kid = kid_features_to_metric(pools["real_clips"], pools["generated_clips"], verbose=False, **settings)
        return kid["kernel_inception_distance_mean"]
    a, b = (fid_features_to_statistics(pools[f"{side}_clips"]) for side in ("real", "generated"))
    return fid_statistics_to_metric(a, b, verbose=False)["frechet_inception_distance"]


def answer(kind, inputs, parameters):
    """Compute Fréchet distances, Inception Scores without shuffling, kernel distances of equal-sized sets, and whole metrics."""
    if kind in ("fid-from-clips", "kid-from-clips", "is-from-clips"):
        return whole_metric(kind, inputs, parameters)
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
