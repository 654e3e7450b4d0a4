"""Published numbers, computed again wherever the trained weights are; `vidbench doctor` lists them too.

The weights are looked for in the VIDBENCH_HOME of whoever runs the tests (`vidbench weights fetch i3d-kinetics-400` puts them
there), and have to be proven. Without them these tests skip and say so.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vidmetrics
from vidmetrics.known_answers import KNOWN_ANSWERS, known_answer
from vidmetrics.moments import Moments
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.precision import computing
from vidmetrics.weights.proof import IMAGENET, prove
from vidmetrics.weights.reading import read_weights


@pytest.fixture
def network(real_home):
    """The proven I3D of whoever runs the tests."""
    path = real_home / "weights" / "i3d-kinetics-400.safetensors"
    if not path.is_file():
        pytest.skip(f"no trained weights at {path}: run `vidbench weights fetch i3d-kinetics-400`")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = vidmetrics.load_network("i3d-kinetics-400", weights=path, device=device)
    if not network.proven:
        pytest.skip(f"the weights at {path} are not DeepMind's")
    return network


def constant_clips(count, frames, value):
    return np.full((count, frames, 64, 64, 3), value, np.uint8)


def assert_known(name, value):
    answer = known_answer(name)
    assert abs(value - answer.value) <= answer.tolerance, (name, value, answer)


@pytest.mark.parametrize(
    ("name", "count", "frames"),
    [("fvd-example", 16, 15), ("fvd-constant-15", 8, 15), ("fvd-constant-16", 8, 16), ("fvd-constant-30", 8, 30)],
)
def test_black_against_white(network, name, count, frames):
    black, white = (constant_clips(count, frames, value) for value in (0, 255))
    assert_known(name, vidmetrics.measure("fvd", black, white, network=network).value)


def test_noise_without_preprocessing(network):
    sides = []
    for seed in (2, 1):
        random, moments = np.random.RandomState(seed), Moments(400)
        for _ in range(128):
            clip = torch.from_numpy(random.rand(1, 16, 224, 224, 3).astype(np.float32))
            with torch.inference_mode(), computing("exact"):
                features = network._body._features(clip.permute(0, 4, 1, 2, 3).contiguous().to(network._device))
            moments.update(features["logits"].cpu().numpy())
        sides.append(moments)
    real, fake = sides
    value = vidmetrics.frechet_distance(real.mean, real.covariance, fake.mean, fake.covariance)
    assert_known("fvd-random", value)


def test_the_imagenet_checkpoint_on_its_sample_clip(real_home):
    folder = real_home / "known-answers"
    prefix, clip_path = folder / "rgb_imagenet" / "model.ckpt", folder / "v_CricketShot_g04_c01_rgb.npy"
    if not (prefix.with_suffix(".ckpt.index").is_file() and clip_path.is_file()):
        pytest.skip(f"no {prefix}.index or no {clip_path}: both are in github.com/deepmind/kinetics-i3d, data/")
    tensors = read_weights([prefix])
    assert prove(tensors).checkpoint == IMAGENET
    clip_NTHWC = np.load(clip_path, allow_pickle=False)  # float32 in [-1, 1]
    body = I3D.from_tensors(tensors, num_classes=400).eval()
    with torch.inference_mode(), computing("exact"):
        logits = body._features(torch.from_numpy(clip_NTHWC).permute(0, 4, 1, 2, 3).float().contiguous())["logits"]
    assert_known("i3d-imagenet-logits", float(logits.double().norm()))


def test_every_known_answer_has_a_test():
    with open(__file__, encoding="utf-8") as file:  # noqa: PTH123 - this file
        text = file.read()
    assert all(f'"{answer.name}"' in text for answer in KNOWN_ANSWERS)
    assert len({answer.name for answer in KNOWN_ANSWERS}) == len(KNOWN_ANSWERS)
