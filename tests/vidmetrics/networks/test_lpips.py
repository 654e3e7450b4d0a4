"""LPIPS against the recorded distances of the authors' package on seeded backbones, and that this comparison detects mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import vidmetrics
from tests.oracles import lpips_cases
from vidmetrics import InputError
from vidmetrics.networks import lpips
from vidmetrics.networks.lpips import VGGLPIPS, AlexLPIPS
from vidmetrics.networks.network import Network
from vidmetrics.weights.lpips_tensors import BACKBONES, lpips_shapes

TESTS = Path(__file__).resolve().parents[2]
GOLDEN = json.loads((TESTS / "golden" / "lpips_seeded.json").read_text(encoding="utf-8"))
CLASSES = {"alex": AlexLPIPS, "vgg": VGGLPIPS}


def weights_of(net):
    assert GOLDEN["weights_seed"] == lpips_cases.WEIGHTS_SEED
    shapes = lpips_shapes(BACKBONES[net])
    linear = {name: np.array(row, np.float32).reshape(shapes[name]) for name, row in GOLDEN["linear"][net].items()}
    return lpips_cases.seeded_backbone({n: s for n, s in shapes.items() if n not in linear}) | linear


@pytest.fixture(scope="module")
def weights():
    return {net: weights_of(net) for net in CLASSES}


def network_of(weights, net="alex"):
    body = CLASSES[net].from_tensors(weights).requires_grad_(False)
    return Network(f"lpips-{net}", body, device="cpu", precision="exact", weights_sha256="0" * 64, proven=False)


def errors(network, net="alex", sides=lpips_cases.SIDES):
    """Relative error of the distance of frames of noise, and of frames that differ by a level of grey."""
    worst = np.zeros(2)
    for side in sides:
        true, predicted = (frames[None] for frames in lpips_cases.frame_pairs(side))
        theirs = np.array(GOLDEN["distances"][net][str(side)])
        worst = np.maximum(worst, np.abs(network.compare(true, predicted)[0] / theirs - 1))
    return worst


@pytest.mark.parametrize("net", CLASSES)
def test_distances_are_the_authors(weights, net):
    noise, grey = errors(network_of(weights[net], net), net)
    assert noise < 2e-6
    assert grey < 1e-4  # a difference of features that differ by a thousandth, in float32


@pytest.mark.parametrize(("name", "value"), [("SHIFT", (0, 0, 0)), ("SCALE", (0.458, 0.456, 0.406)), ("_EPS", 1e-2)])
def test_other_settings_show(weights, monkeypatch, name, value):
    monkeypatch.setattr(lpips, name, value)
    assert errors(network_of(weights["alex"]), sides=(32,)).max() > 1e-3


def test_layers_that_are_not_trained_show(weights):
    untrained = {n: np.ones_like(v) if n.startswith("lin") else v for n, v in weights["alex"].items()}
    assert errors(network_of(untrained), sides=(32,))[0] > 0.5


def test_a_score_does_not_depend_on_other_clips_and_is_symmetric(weights):
    network = network_of(weights["alex"])
    x, y = np.random.default_rng(0).integers(0, 256, (2, 3, 20, 40, 36, 3), np.uint8)
    distances = network.compare(x, y)
    assert distances.shape == (3, 20)
    assert np.array_equal(distances[1:2], network.compare(x[1:2], y[1:2]))
    assert np.array_equal(distances, network.compare(y, torch.from_numpy(x)))
    assert not network.compare(x, x).any()


def test_what_it_cannot_compare_is_refused(weights):
    network = network_of(weights["alex"])
    clips = np.zeros((1, 2, 40, 40, 3), np.uint8)
    with pytest.raises(InputError, match="compares two clips; use its `compare`"):
        network(clips)
    with pytest.raises(InputError, match="as many predicted frames of the same size"):
        network.compare(clips, clips[:, 1:])
    with pytest.raises(InputError, match="Frames are too small for 'lpips-alex'"):
        network.compare(clips[:, :, :20, :20], clips[:, :, :20, :20])
    with pytest.raises(InputError, match="returns features and compares nothing"):
        vidmetrics.load_network("shapes").compare(clips, clips)


def test_one_call_measures_it(weights):
    true, predicted = (frames[None] for frames in lpips_cases.frame_pairs(32))
    network = network_of(weights["alex"])
    estimate = vidmetrics.measure("lpips", true, predicted, network=network)
    assert estimate.value == pytest.approx(np.mean(GOLDEN["distances"]["alex"]["32"]), rel=1e-5)
    with pytest.raises(InputError, match="take the lowest mean"):
        vidmetrics.measure("lpips-best", true, predicted, network=network)
    with pytest.raises(InputError, match="compares frames and uses no network"):
        vidmetrics.measure("psnr", true, predicted, network=network)


def test_weights_of_the_other_backbone_are_refused_by_name(weights):
    with pytest.raises(InputError, match=r"not the weights of lpips-alex: .*'features\.3\.bias' is missing"):
        AlexLPIPS.from_tensors(weights["vgg"])
