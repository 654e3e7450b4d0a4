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


def trained(real_home, name):
    path = real_home / "weights" / f"{name}.safetensors"
    if not path.is_file():
        pytest.skip(f"no trained weights at {path}: run `vidbench weights fetch {name}`")
    return vidmetrics.load_network(name, weights=path, device="cuda" if torch.cuda.is_available() else "cpu")


def test_inception_score_of_cifar10(real_home):
    network = trained(real_home, "inception-2015-12-05")
    folder = real_home / "known-answers" / "cifar-10-batches-bin"
    files = [folder / f"data_batch_{number}.bin" for number in range(1, 6)]
    if not all(file.is_file() for file in files):
        pytest.skip(f"no {folder}: unpack cifar-10-binary.tar.gz of www.cs.toronto.edu/~kriz/cifar.html there")
    # Each record is a label byte, then 32x32 red, green and blue values.
    records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, 3073) for file in files])
    images_NHWC = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    assert len(images_NHWC) == 50_000
    parts = np.array_split(images_NHWC[:, None], 500)
    logits = np.concatenate([network(part)["logits-unbiased"] for part in parts])
    mean, std = vidmetrics.inception_score(logits[np.random.RandomState(2020).permutation(len(logits))], splits=10)
    assert_known("is-cifar10-train", mean)
    assert abs(std - 0.09514061) < 1e-2


def test_inception_score_of_real_ucf101(real_home):
    from vidbench.data.layouts import find_listing
    from vidbench.data.videos import VideoDataset
    from vidbench.tasks.schema import ClipSpec

    network = trained(real_home, "c3d-ucf101")
    root = real_home / "known-answers" / "UCF101"
    if not root.is_dir():
        pytest.skip(f"no {root}: put the videos and the lists of UCF-101 there")
    clips = ClipSpec(num_frames=16, height=64, width=64, resize="pil-bicubic", crop="center")
    dataset = VideoDataset(find_listing("ucf101", root, "all"), clips, 10_000)
    batches = np.array_split(np.arange(dataset.num_clips), 625)
    logits = np.concatenate([network(dataset.read(batch))["logits"] for batch in batches])
    assert len(logits) == 10_000
    assert_known("is-ucf101-real", vidmetrics.inception_score(logits, splits=1)[0])


def test_every_known_answer_has_a_test():
    with open(__file__, encoding="utf-8") as file:  # noqa: PTH123 - this file
        text = file.read()
    assert all(f'"{answer.name}"' in text for answer in KNOWN_ANSWERS)
    assert len({answer.name for answer in KNOWN_ANSWERS}) == len(KNOWN_ANSWERS)
