"""V-JEPA against the recorded features of the authors' own classes on seeded weights, and that this comparison detects mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - torch's own documentation writes it so

from tests.oracles import jedi_cases
from vidmetrics import InputError
from vidmetrics.catalog.network_cards import classes_of
from vidmetrics.networks import transformer, vjepa
from vidmetrics.networks.network import Network
from vidmetrics.networks.vjepa import VJEPA, preprocess
from vidmetrics.weights.vjepa_tensors import Sizes, tensor_shapes

TESTS = Path(__file__).resolve().parents[2]
GOLDEN = json.loads((TESTS / "golden" / "vjepa_seeded.json").read_text(encoding="utf-8"))
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def sizes():
    return Sizes(**jedi_cases.SMALL)


@pytest.fixture(scope="module")
def weights(sizes):
    assert GOLDEN["weights_seed"] == jedi_cases.WEIGHTS_SEED
    return jedi_cases.seeded_vjepa(tensor_shapes(sizes))


@pytest.fixture(scope="module")
def clips(sizes):
    return jedi_cases.network_clips(sizes.side)


def network_of(weights, sizes):
    body = VJEPA.from_tensors(weights, sizes).requires_grad_(False)
    return Network("vjepa-ssv2", body, device="cpu", precision="exact", weights_sha256="0" * 64, proven=False)


def error(network, clips, output="pool"):
    theirs = np.array(GOLDEN[output])
    return np.linalg.norm(network(clips)[output] - theirs) / np.linalg.norm(theirs)


def test_names_and_shapes_are_the_authors(sizes):
    assert tensor_shapes(sizes) == {name: tuple(shape) for name, shape in GOLDEN["shapes"].items()}
    assert Sizes().classes == classes_of("vjepa-ssv2")
    assert sum(int(np.prod(shape)) for shape in tensor_shapes(Sizes()).values()) == 653_556_654


@pytest.mark.parametrize("output", ["pool", "logits"])
def test_features_are_the_authors(weights, sizes, clips, output):
    assert error(network_of(weights, sizes), clips, output) < TOLERANCE


def lose(pattern):
    return lambda weights: {n: np.zeros_like(v) if pattern in n else v for n, v in weights.items()}


@pytest.mark.parametrize(
    "spoil",
    [lose("qkv.bias"), lose("kv.bias"), lose("pos_embed"), lose("query_tokens"), lose("encoder.norm.bias")],
    ids=["biases", "biases of the pooler", "positions", "query", "last norm"],
)
def test_lost_tensors_show(weights, sizes, clips, spoil):
    assert error(network_of(spoil(weights), sizes), clips) > 100 * TOLERANCE


@pytest.mark.parametrize(
    ("name", "value"), [("MEAN", (0, 0, 0)), ("DEVIATION", (1, 1, 1)), ("_POOLER_EPS", 1e-6), ("_ENCODER_EPS", 1e-3)]
)
def test_other_settings_show(weights, sizes, clips, monkeypatch, name, value):
    monkeypatch.setattr(vjepa, name, value)
    assert error(network_of(weights, sizes), clips) > 2 * TOLERANCE


def test_other_heads_or_another_gelu_show(weights, sizes, clips, monkeypatch):
    assert error(network_of(weights, sizes._replace(heads=2)), clips) > 100 * TOLERANCE
    exact = F.gelu
    monkeypatch.setattr(transformer.F, "gelu", lambda x: exact(x, approximate="tanh"))
    assert error(network_of(weights, sizes), clips) > 2 * TOLERANCE


def test_frames_are_normalised_and_stretched():
    grey = torch.full((1, 16, 30, 20, 3), 128, dtype=torch.uint8)
    x = preprocess(grey, 48)
    assert x.shape == (1, 3, 16, 48, 48)
    expected = (128 / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    assert x[0, :, 3, 7, 9].numpy() == pytest.approx(expected, rel=1e-6)
    # As torch resizes with half-pixel centres; a frame of the right size is not touched.
    drawn = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 1, 24, 24, 3), np.uint8))
    frame = drawn[0].permute(0, 3, 1, 2).double() / 255
    stretched = F.interpolate(frame, (48, 48), mode="bilinear", align_corners=False)[0]
    mean, deviation = (torch.tensor(v, dtype=torch.float64)[:, None, None] for v in (vjepa.MEAN, vjepa.DEVIATION))
    assert torch.allclose(preprocess(drawn, 48)[0, :, 0].double(), (stretched - mean) / deviation, atol=1e-5)
    assert torch.allclose(preprocess(drawn, 24)[0, :, 0].double(), (frame[0] - mean) / deviation, atol=1e-6)


def test_other_lengths_are_refused(weights, sizes, clips):
    network = network_of(weights, sizes)
    with pytest.raises(InputError, match="at least 16 frames, not 12"):
        network(clips[:, :12])
    with pytest.raises(InputError, match="at most 16 frames, not 32"):
        network(np.concatenate([clips, clips], axis=1))


def test_a_clip_does_not_depend_on_its_batch(weights, sizes, clips):
    network = network_of(weights, sizes)
    assert np.array_equal(network(clips)["pool"][1:], network(clips[1:])["pool"])


def test_other_weights_are_refused_by_name(weights, sizes):
    without = {name: value for name, value in weights.items() if not name.startswith("pooler.")}
    with pytest.raises(InputError, match=r"not the weights of vjepa-ssv2: 15 missing .*'pooler\.cross_attention_block"):
        VJEPA.from_tensors(without, sizes)
    with pytest.raises(InputError, match=r"'encoder\.norm\.bias' of vjepa-ssv2 is float32 \[3\]"):
        VJEPA.from_tensors({**weights, "encoder.norm.bias": np.zeros(3, np.float32)}, sizes)
