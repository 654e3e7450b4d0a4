"""Adapter for cd-fvd's FVD, including its network: ``vidbench conformance --implementation cd_fvd_adapter:answer``.

``cd_fvd_adapter:float32_answer`` tests the other distance in the package, in the form used by TATS and VideoGPT.
"""

import functools

import numpy as np
import torch
import without_torchvision  # noqa: F401
from cdfvd.fvd import cdfvd, get_i3d_logits
from cdfvd.third_party.i3d.pytorch_i3d import InceptionI3d
from cdfvd.third_party.i3d.utils import frechet_distance
from cdfvd.utils.metric_utils import FeatureStats

SCOPE = "weights/RGB/inception_i3d/"
BRANCHES = {
    "Branch_0/Conv3d_0a_1x1": "b0",
    "Branch_1/Conv3d_0a_1x1": "b1a",
    "Branch_1/Conv3d_0b_3x3": "b1b",
    "Branch_2/Conv3d_0a_1x1": "b2a",
    "Branch_2/Conv3d_0a_3x3": "b2b",
    "Branch_2/Conv3d_0b_3x3": "b2b",
    "Branch_3/Conv3d_0b_1x1": "b3b",
}
PARTS = {
    "/batch_norm/beta": ".bn.bias",
    "/batch_norm/moving_mean": ".bn.running_mean",
    "/batch_norm/moving_variance": ".bn.running_var",
    "/conv_3d/w": ".conv3d.weight",
    "/conv_3d/b": ".conv3d.bias",
}


def torch_name(name):
    """Return the package's name for a variable of the published graph."""
    name = name.removeprefix(SCOPE).replace("Logits/Conv3d_0c_1x1", "logits")
    for theirs, ours in [*PARTS.items(), *((f"/{branch}", f".{short}") for branch, short in BRANCHES.items())]:
        name = name.replace(theirs, ours)
    return name


def network(inputs):
    """Return the package's I3D loaded with the variables in `inputs`."""
    i3d = InceptionI3d(400, in_channels=3)
    state = i3d.state_dict()  # batch norm scales stay 1: the published graph has none
    for name, value in inputs.items():
        if name.startswith(SCOPE):
            tensor = torch.from_numpy(value)
            tensor = tensor.permute(4, 3, 0, 1, 2) if name.endswith("/w") else tensor.reshape(-1)
            assert state[torch_name(name)].shape == tensor.shape
            state[torch_name(name)] = tensor
    i3d.load_state_dict(state)
    return i3d.eval()


def stats(features):
    """Return the package's feature statistics."""
    collected = FeatureStats(capture_mean_cov=True, capture_all=True)
    collected.append(features)
    return collected


def distance(real, generated):
    """Return the package's distance between two statistics, without the trained network its class would load."""
    return float(cdfvd.compute_fvd_from_stats(None, fake_stats=generated, real_stats=real))


def answer(kind, inputs, parameters):
    """Compute Fréchet distances of features, I3D logits, and FVD of clips."""
    if kind == "frechet-from-features":
        return distance(stats(inputs["features_a"]), stats(inputs["features_b"]))
    if kind == "fvd-convention-from-clips" and parameters["convention"] != "fvd-cdfvd":
        return NotImplemented
    if kind not in ("i3d-logits", "fvd-from-clips", "fvd-convention-from-clips"):
        return NotImplemented
    features = functools.partial(get_i3d_logits, i3d=network(inputs), device="cpu")
    if kind == "i3d-logits":
        empty = FeatureStats(capture_all=True)
        return np.asarray(features(empty, videos=inputs["clips"]).get_all())
    sides = [
        features(FeatureStats(capture_mean_cov=True), videos=inputs[side]) for side in ("real_clips", "generated_clips")
    ]
    return distance(*sides)


def float32_answer(kind, inputs, parameters):
    """Compute Fréchet distances of features in float32, the dtype in which a network returns them."""
    if kind != "frechet-from-features":
        return NotImplemented
    return float(frechet_distance(*(torch.from_numpy(inputs[f"features_{side}"]).float() for side in "ab")))
