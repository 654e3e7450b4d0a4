"""The embedded network: its arithmetic, and the order of its metrics on increasingly bad clips."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import vidmetrics.networks
from vidbench.data.shapes.dataset import CLASS_NAMES, render
from vidmetrics import Moments, frechet_distance, inception_score, load_network
from vidmetrics.errors import InputError
from vidmetrics.networks.moving_shapes import preprocess
from vidmetrics.networks.shapes import ShapesNetwork

FOLDER = Path(vidmetrics.networks.__file__).parent
KINDS = ("real", "shuffled", "static", "noise")


@pytest.fixture(scope="module")
def tensors():
    return load_file(FOLDER / "shapes.safetensors")


@pytest.fixture(scope="module")
def network():
    return load_network("shapes")


def features(network, clips_NTHWC):
    batches = [network(clips_NTHWC[first : first + 64]) for first in range(0, len(clips_NTHWC), 64)]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def moments(values):
    result = Moments(values.shape[1])
    result.update(values)
    return result


def distance(a, b):
    return frechet_distance(a.mean, a.covariance, b.mean, b.covariance)


class Scores:
    """Scores of sets of clips against the first reference clips of the train split."""

    def __init__(self, network, num_frames, num_reference):
        self.network = network
        self.real, self.labels = render("test", np.arange(512), num_frames, 32, 32)
        answers = features(network, render("train", np.arange(num_reference), num_frames, 32, 32)[0])
        self.reference = {name: moments(values) for name, values in answers.items()}

    def of(self, clips_NTHWC):
        answers = features(self.network, clips_NTHWC)
        fvd, fid = (distance(self.reference[name], moments(answers[name])) for name in ("logits", "pool"))
        return {"fvd": fvd, "fid": fid, "is": inception_score(answers["logits"], splits=1)[0]}


@pytest.fixture(scope="module")
def scores_of_12(network):
    return Scores(network, 12, 2048)


def by_kind(scores, num_clips):
    rng = np.random.default_rng(20)
    real = scores.real[:num_clips]
    num_frames = real.shape[1]
    clips = {
        "real": real,
        "shuffled": np.stack([clip[rng.permutation(num_frames)] for clip in real]),
        "static": np.stack([clip[[rng.integers(num_frames)] * num_frames] for clip in real]),
        "noise": rng.integers(0, 256, real.shape, dtype=np.uint8),
    }
    return [scores.of(clips[kind]) for kind in KINDS]


def assert_in_order(results):
    for metric, margin in (("fvd", 2.0), ("fid", 2.0)):
        values = [result[metric] for result in results]
        assert all(worse > margin * better for better, worse in itertools.pairwise(values)), values
        assert values[0] < 0.05 * values[1]
    scores = [result["is"] for result in results]
    assert all(worse < better / 1.5 for better, worse in itertools.pairwise(scores)), scores
    assert scores[-1] < 1.1


def test_real_shuffled_static_noise_in_this_order_for_12_frames(scores_of_12):
    assert_in_order(by_kind(scores_of_12, 512))


def test_real_shuffled_static_noise_in_this_order_for_16_frames(network):
    assert_in_order(by_kind(Scores(network, 16, 2048), 512))


def test_more_noise_is_further_away(scores_of_12):
    """The network was not trained on Gaussian noise on every frame."""
    rng = np.random.default_rng(21)
    real = scores_of_12.real[:512]
    results = [scores_of_12.of(real)]
    for sigma in (16, 32, 64, 128):
        noise = rng.standard_normal(real.shape, dtype=np.float32)
        results.append(scores_of_12.of((real + sigma * noise).round().clip(0, 255).astype(np.uint8)))
    for metric in ("fvd", "fid"):
        values = [result[metric] for result in results]
        assert values == sorted(values), values
        assert values[-1] > 20 * values[0]


def test_an_earlier_freeze_is_further_away(scores_of_12):
    """Nor was it trained on clips that stop moving, like the 'copy' model's predictions."""
    real = scores_of_12.real[:512]
    frame = np.arange(12)
    values = [scores_of_12.of(real[:, np.minimum(frame, last)])["fvd"] for last in (11, 8, 5, 2)]
    assert values == sorted(values), values
    assert values[-1] > 20 * values[0]


def test_held_out_clips_are_recognised(network, scores_of_12):
    logits = features(network, scores_of_12.real)["logits"]
    assert (logits.argmax(axis=1) == scores_of_12.labels).mean() >= 0.95


def test_a_clip_played_backwards_is_of_the_opposite_class(network):
    clips, labels = render("test", np.arange(2000, 2240), 12, 32, 32)
    opposite = labels ^ 1
    assert all(CLASS_NAMES[a].split("-")[:2] == CLASS_NAMES[b].split("-")[:2] for a, b in ((0, 1), (2, 3)))
    assert (features(network, clips[:, ::-1])["logits"].argmax(axis=1) == opposite).mean() > 0.9


def convolve(x_CTHW, weight_OCTHW, bias_O, stride):
    """A 3 x 3 x 3 convolution with zero padding, summed in float64 offset by offset."""
    padded = np.pad(x_CTHW, ((0, 0), (1, 1), (1, 1), (1, 1)))
    counts = [(size - 1) // step + 1 for size, step in zip(x_CTHW.shape[1:], stride, strict=True)]
    out = np.zeros((len(weight_OCTHW), *counts)) + bias_O[:, None, None, None]
    for offset in np.ndindex(3, 3, 3):
        windows = tuple(
            slice(start, start + step * (count - 1) + 1, step)
            for start, step, count in zip(offset, stride, counts, strict=True)
        )
        out += np.tensordot(weight_OCTHW[(..., *offset)], padded[(slice(None), *windows)], axes=1)
    return out


@pytest.mark.parametrize("num_frames", [8, 13])
def test_outputs_agree_with_float64_arithmetic(network, tensors, num_frames):
    clips = render("test", np.arange(3), num_frames, 32, 32)[0]
    answers = network(clips)
    for i, clip in enumerate(clips):
        x = clip.transpose(3, 0, 1, 2) / 127.5 - 1.0
        for k, stride in enumerate([(1, 2, 2), (1, 2, 2), (2, 1, 1), (1, 2, 2)]):
            weight, bias = (tensors[f"convolutions.{k}.{part}"].astype(float) for part in ("weight", "bias"))
            x = np.maximum(convolve(x, weight, bias, stride), 0)
        pool = x.mean(axis=(1, 2, 3))
        logits = tensors["classifier.weight"].astype(float) @ pool + tensors["classifier.bias"]
        assert np.allclose(answers["pool"][i], pool, rtol=1e-4, atol=1e-5)
        assert np.allclose(answers["logits"][i], logits, rtol=1e-4, atol=1e-4)


def test_larger_frames_are_averaged_by_a_triangle_twice_as_wide():
    clips = np.random.default_rng(3).integers(0, 256, (2, 3, 64, 64, 3), dtype=np.uint8)
    expected = clips / 127.5 - 1.0
    for axis in (2, 3):
        near = np.moveaxis(expected, axis, 0)
        taps = (near[1:-4:2] + 3 * near[2:-3:2] + 3 * near[3:-2:2] + near[4:-1:2]) / 8
        expected = np.moveaxis(taps, 0, axis)  # output pixels 1 to 30
    found = preprocess(torch.from_numpy(clips)).permute(0, 2, 3, 4, 1).numpy()
    assert found.shape == (2, 3, 32, 32, 3)
    assert np.abs(found[:, :, 1:-1, 1:-1] - expected).max() < 1e-5


def test_a_clip_is_measured_alike_in_any_batch_and_at_any_size(network):
    clips = render("test", np.arange(40), 12, 32, 32)[0]
    together = network(clips)
    for i in (0, 13, 39):
        alone = network(clips[i : i + 1])
        for name, values in together.items():
            assert np.allclose(alone[name][0], values[i], rtol=1e-5, atol=1e-5)
    finer = network(render("test", np.arange(40), 12, 64, 64)[0])
    same = finer["logits"].argmax(axis=1) == together["logits"].argmax(axis=1)
    assert same.mean() > 0.9


@pytest.mark.parametrize("value", [0, 128, 255])
def test_flat_clips_give_finite_and_undecided_answers(network, value):
    answers = network(np.full((2, 12, 32, 32, 3), value, dtype=np.uint8))
    assert np.isfinite(answers["pool"]).all()
    assert np.ptp(answers["logits"]) < 6  # real clips: above 15


def test_outputs_have_the_declared_names_sizes_and_types(network):
    assert network.outputs == {"logits": 24, "pool": 64}
    assert network.min_frames == 8
    assert network.preprocessing == "shapes-bilinear-antialias-32"
    answers = network(render("test", np.arange(5), 8, 20, 44)[0])
    assert {name: (values.shape, values.dtype) for name, values in answers.items()} == {
        "logits": ((5, 24), np.float32),
        "pool": ((5, 64), np.float32),
    }


def test_the_shipped_weights_are_the_logged_and_proven_ones(network):
    path = FOLDER / "shapes.safetensors"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    log = [json.loads(line) for line in (FOLDER / "shapes.training.jsonl").read_text().splitlines()]
    assert log[-1]["sha256"] == digest
    assert min(log[-1]["test_accuracy"].values()) >= 0.95
    assert log[0]["command"].startswith("python tools/train_shapes_network.py")
    proof = json.loads((FOLDER / "proven.json").read_text())["shapes"]
    assert proof["sha256"] == digest
    assert log[0]["command"] in proof["origin"]
    assert network.proven
    assert path.stat().st_size <= 2 << 20


def test_other_weights_are_refused(tensors):
    with pytest.raises(InputError, match=r"shapes network: 1 missing and 0 unknown"):
        ShapesNetwork.from_tensors({name: tensors[name] for name in list(tensors)[1:]})
    with pytest.raises(InputError, match="surplus"):
        ShapesNetwork.from_tensors({**tensors, "surplus": np.zeros(1, np.float32)})
    with pytest.raises(InputError, match=r"classifier\.bias"):
        ShapesNetwork.from_tensors({**tensors, "classifier.bias": np.zeros(10, np.float32)})
    with pytest.raises(InputError, match=r"classifier\.bias"):
        ShapesNetwork.from_tensors({**tensors, "classifier.bias": np.zeros(24, np.float64)})
    with pytest.raises(
        InputError,
        match=r"'classifier\.bias' of the shapes network contains NaN or infinity, so the file is damaged: get it again",
    ):
        ShapesNetwork.from_tensors({**tensors, "classifier.bias": np.full(24, np.nan, np.float32)})


def test_other_clips_are_refused(tensors):
    body = ShapesNetwork.from_tensors(tensors)
    with pytest.raises(InputError, match="at least 8"):
        body(torch.zeros((1, 7, 32, 32, 3), dtype=torch.uint8))
    with pytest.raises(InputError, match="uint8"):
        body(torch.zeros((1, 8, 32, 32, 3)))
    with pytest.raises(InputError, match="uint8"):
        body(torch.zeros((1, 8, 3, 32, 32), dtype=torch.uint8))


def test_the_weights_are_not_trained(tensors):
    network = ShapesNetwork.from_tensors(tensors)
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not network.training
