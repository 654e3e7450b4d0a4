"""VideoMAE against the recorded features of the authors' code and of transformers, and that this comparison detects mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.oracles import videomae_cases
from vidmetrics import InputError
from vidmetrics.networks import transformer, videomae
from vidmetrics.networks.network import Network
from vidmetrics.networks.videomae import VideoMAE
from vidmetrics.weights.videomae_tensors import VIT_G, VideoMAESizes, videomae_shapes

TESTS = Path(__file__).resolve().parents[2]
GOLDEN = json.loads((TESTS / "golden" / "videomae_seeded.json").read_text(encoding="utf-8"))
SIZES = VideoMAESizes(**videomae_cases.SMALL)
TOLERANCE = 1e-6
CLIPS = videomae_cases.clips_of()


@pytest.fixture(scope="module")
def weights():
    assert GOLDEN["weights_seed"] == videomae_cases.WEIGHTS_SEED
    return videomae_cases.seeded_videomae(videomae_shapes(SIZES))


def network_of(weights, sizes=SIZES):
    body = VideoMAE.from_tensors(weights, sizes).requires_grad_(False)
    return Network("videomae-ssv2", body, device="cpu", precision="exact", weights_sha256="0" * 64, proven=False)


def error(network, clips=CLIPS, output="pool", of="pool"):
    theirs = np.array(GOLDEN[of])
    return np.linalg.norm(network(clips)[output] - theirs) / np.linalg.norm(theirs)


def test_names_and_shapes_are_the_authors():
    assert videomae_shapes(SIZES) == {name: tuple(shape) for name, shape in GOLDEN["shapes"].items()}
    assert (VIT_G.tokens, sum(int(np.prod(shape)) for shape in videomae_shapes(VIT_G).values())) == (
        2048,
        1_011_855_918,
    )


@pytest.mark.parametrize(
    ("output", "of"), [("pool", "pool"), ("logits", "logits"), ("pool", "pool of transformers")], ids=lambda part: part
)
def test_features_are_the_authors_and_those_of_transformers(weights, output, of):
    assert error(network_of(weights), output=output, of=of) < TOLERANCE


def lose(*patterns):
    return lambda weights: {n: np.zeros_like(v) if any(p in n for p in patterns) else v for n, v in weights.items()}


@pytest.mark.parametrize(
    "spoil",
    [lose("q_bias", "v_bias"), lose("q_bias"), lose("v_bias"), lose("fc_norm.bias")],
    ids=["q and v", "q", "v", "norm"],
)
def test_lost_tensors_show(weights, spoil):
    assert error(network_of(spoil(weights))) > 1e-3


def test_other_settings_show(weights, monkeypatch):
    def changed(module, name, value):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, value)
            return error(network_of(weights))

    assert changed(videomae, "_EPS", 1e-3) > 10 * TOLERANCE
    fed, waves = videomae.fed, videomae.waves
    mean, deviation = (torch.tensor(v)[:, None, None, None] for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    assert changed(videomae, "fed", lambda clips, side: (fed(clips, side) - mean) / deviation) > 0.01
    assert changed(videomae, "waves", lambda tokens, width: 0 * waves(tokens, width)) > 0.01
    exact = transformer.F.gelu
    assert changed(transformer.F, "gelu", lambda x: exact(x, approximate="tanh")) > 10 * TOLERANCE
    assert error(network_of(weights, SIZES._replace(heads=2))) > 0.01


def test_other_lengths_are_refused_and_a_clip_stands_alone(weights):
    network = network_of(weights)
    with pytest.raises(InputError, match="at least 16 frames, not 12"):
        network(CLIPS[:, :12])
    with pytest.raises(InputError, match="at most 16 frames, not 32"):
        network(np.concatenate([CLIPS, CLIPS], axis=1))
    assert np.array_equal(network(CLIPS)["pool"][1:], network(CLIPS[1:])["pool"])
