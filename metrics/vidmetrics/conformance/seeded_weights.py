"""Weights drawn from a seed for any network, in the form that `vidmetrics.load_network` reads: for tests of whole programs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from vidmetrics.catalog.network_cards import base_network, classes_of
from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.conformance.seeded_inception import seeded_inception_weights
from vidmetrics.errors import InputError
from vidmetrics.weights import lpips_tensors, videomae_tensors, vjepa_tensors
from vidmetrics.weights.i3d_variables import LOGITS, network_variables


def seeded_weights(network: str, seed: int) -> Mapping[str, npt.NDArray[np.float32]]:
    """Return float32 tensors under the names of the network's own weights; no result from them means anything.

    Args:
        network: name for `vidmetrics.load_network`, of a network whose weights are not shipped.
        seed: of the draws.

    Raises:
        InputError: unknown network, or one whose weights are shipped.
    """
    base = base_network(network)
    if base.startswith("i3d-"):
        classes = classes_of(network)
        tensors = network_variables(seeded_i3d_weights(seed))
        drawn = np.random.default_rng(seed + 1)
        tensors[f"{LOGITS}w"] = drawn.normal(0.0, 0.04, (1, 1, 1, 1024, classes)).astype(np.float32)
        tensors[f"{LOGITS}b"] = drawn.normal(0.0, 0.1, classes).astype(np.float32)
        return tensors
    if base == "c3d-ucf101":
        return _wide_c3d(seed)
    if base == "inception-2015-12-05":
        return seeded_inception_weights(seed)
    if base == "vjepa-ssv2":
        return _drawn(vjepa_tensors.tensor_shapes(vjepa_tensors.PUBLISHED), seed)
    if base == "videomae-ssv2":
        return _drawn(videomae_tensors.videomae_shapes(videomae_tensors.VIT_G), seed)
    if base.startswith("lpips-"):
        return _lpips(lpips_tensors.BACKBONES[base.removeprefix("lpips-")], seed)
    raise InputError(f"The weights of '{network}' are shipped: load them instead of drawing others.")


def _wide_c3d(seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """Return weights of the published size; those of `seeded_c3d_weights` are narrow."""
    import torch

    from vidmetrics.networks.c3d import C3D, MEAN_SHAPE, WIDTHS

    generator = np.random.default_rng(seed)
    tensors: dict[str, npt.NDArray[np.float32]] = {"mean": np.full(MEAN_SHAPE, 100.0, np.float32)}
    with torch.device("meta"):
        network = C3D(WIDTHS)
    for name, layer in (*network.convolutions.items(), *network.linears.items()):
        shape = tuple(layer.get_parameter("weight").shape)
        spread = np.float32(math.sqrt(2 / math.prod(shape[1:])))
        tensors[f"{name}/W"] = generator.standard_normal(shape, np.float32) * spread
        tensors[f"{name}/b"] = np.zeros(shape[0], np.float32)
    tensors["conv1a/W"] /= np.float32(64.0)  # differences of pixels become about 1
    return tensors


def _drawn(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """Return the tensors of a transformer: norms that change nothing, and weights that keep the size of what they take."""
    generator = np.random.default_rng(seed)
    tensors: dict[str, npt.NDArray[np.float32]] = {}
    for name, shape in shapes.items():
        if "norm" in name:
            tensors[name] = np.full(shape, float(name.endswith("weight")), np.float32)
            continue
        spread = 1 / math.sqrt(math.prod(shape[1:])) if name.endswith("weight") else 0.1
        tensors[name] = generator.standard_normal(shape, np.float32) * np.float32(spread)
    return tensors


def _lpips(backbone: lpips_tensors.Backbone, seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """Return convolutions that keep the size of what they take, and weights of channels that are not negative, as the trained ones."""
    generator = np.random.default_rng(seed)
    tensors: dict[str, npt.NDArray[np.float32]] = {}
    for name, shape in lpips_tensors.lpips_shapes(backbone).items():
        drawn = generator.standard_normal(shape, np.float32)
        if name.startswith("lin"):
            tensors[name] = np.abs(drawn)
        else:
            spread = math.sqrt(2 / math.prod(shape[1:])) if name.endswith("weight") else 0.1
            tensors[name] = drawn * np.float32(spread)
    return tensors
