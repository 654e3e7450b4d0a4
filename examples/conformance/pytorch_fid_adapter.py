"""Adapter for pytorch-fid's distance: ``vidbench conformance --implementation pytorch_fid_adapter:answer``."""

import numpy as np
import torch
import without_torchvision  # noqa: F401
from pytorch_fid import inception
from pytorch_fid.fid_score import calculate_frechet_distance
from seeded_inception import state_and_frames


def pools(inputs):
    """Return pooled features of real and generated frames, computed by the package's network as the package does."""
    state, frames = state_and_frames(inputs)
    inception.load_state_dict_from_url = lambda *_, **__: state
    network = inception.InceptionV3().eval()
    with torch.inference_mode():
        return [network(frames[f"{side}_clips"].float() / 255)[0][:, :, 0, 0].numpy() for side in ("real", "generated")]


def answer(kind, inputs, parameters):
    """Compute Fréchet distances, including FID of frames, with covariances as in the package's `calculate_activation_statistics`."""
    if kind == "frechet-from-moments":
        return calculate_frechet_distance(*(inputs[name] for name in ("mean_a", "cov_a", "mean_b", "cov_b")))
    if kind == "frechet-from-features":
        a, b = inputs["features_a"], inputs["features_b"]
    elif kind == "fid-from-clips":
        a, b = pools(inputs)
    else:
        return NotImplemented
    return calculate_frechet_distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))
