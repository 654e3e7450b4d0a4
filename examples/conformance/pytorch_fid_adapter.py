"""pytorch-fid's distance: ``vidbench conformance --implementation pytorch_fid_adapter:answer``."""

import numpy as np
import torch
import without_torchvision  # noqa: F401
from pytorch_fid import inception
from pytorch_fid.fid_score import calculate_frechet_distance
from seeded_inception import state_and_frames


def pools(inputs):
    """Return pooled features of the real and the generated frames, by the package's own network as it uses it."""
    state, frames = state_and_frames(inputs)
    inception.load_state_dict_from_url = lambda *_, **__: state
    network = inception.InceptionV3().eval()
    with torch.inference_mode():
        return [network(frames[f"{side}_clips"].float() / 255)[0][:, :, 0, 0].numpy() for side in ("real", "generated")]


def answer(kind, inputs, parameters):
    """Answer Fréchet distances, FID of frames included; covariances as the package's own `calculate_activation_statistics` takes them."""
    if kind == "frechet-from-moments":
        return calculate_frechet_distance(*(inputs[name] for name in ("mean_a", "cov_a", "mean_b", "cov_b")))
    if kind == "frechet-from-features":
        a, b = inputs["features_a"], inputs["features_b"]
    elif kind == "fid-from-clips":
        a, b = pools(inputs)
    else:
        return NotImplemented
    return calculate_frechet_distance(a.mean(0), np.cov(a, rowvar=False), b.mean(0), np.cov(b, rowvar=False))
