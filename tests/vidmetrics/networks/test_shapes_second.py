"""The second embedded network: its arithmetic, its weights, and its independence from the first one's architecture."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from scipy.special import expit

import vidmetrics.networks
from vidbench.data.shapes.dataset import render
from vidmetrics import Moments, frechet_distance, load_network
from vidmetrics.errors import InputError
from vidmetrics.networks.shapes_second import SecondShapesNetwork

FOLDER = Path(vidmetrics.networks.__file__).parent


@pytest.fixture(scope="module")
def tensors():
    return load_file(FOLDER / "shapes-second.safetensors")


@pytest.fixture(scope="module")
def network():
    return load_network("shapes-second")


@pytest.fixture(scope="module")
def held_out():
    return render("test", np.arange(480), 12, 32, 32)


def logits_of(network, clips_NTHWC):
    return np.concatenate(
        [network(clips_NTHWC[first : first + 96])["logits"] for first in range(0, len(clips_NTHWC), 96)]
    )


def moments(values):
    result = Moments(values.shape[1])
    result.update(values)
    return result


def convolve(x_CHW, weight_OCHW, bias_O, stride):
    """A 3 x 3 convolution with zero padding, summed in float64 offset by offset."""
    padded = np.pad(x_CHW, ((0, 0), (1, 1), (1, 1)))
    rows, columns = ((size - 1) // stride + 1 for size in x_CHW.shape[1:])
    out = np.zeros((len(weight_OCHW), rows, columns)) + bias_O[:, None, None]
    for i, j in itertools.product(range(3), repeat=2):
        window = padded[:, i : i + stride * (rows - 1) + 1 : stride, j : j + stride * (columns - 1) + 1 : stride]
        out += np.tensordot(weight_OCHW[:, :, i, j], window, axes=1)
    return out


@pytest.mark.parametrize("num_frames", [8, 12, 13, 16])
def test_outputs_agree_with_float64_arithmetic(network, tensors, num_frames):
    """Frames and differences, four convolutions, a recurrent unit written gate by gate, a mean, and a matrix."""
    w = {name: value.astype(float) for name, value in tensors.items()}
    clips = render("test", np.arange(2), num_frames, 32, 32)[0]
    answers = network(clips)
    for i, clip in enumerate(clips):
        frames = clip.transpose(0, 3, 1, 2) / 127.5 - 1.0
        state, states = np.zeros(64), []
        for t, frame in enumerate(frames):
            x = np.concatenate([frame, frame - frames[max(t - 1, 0)]])
            for k, stride in enumerate((2, 2, 2, 1)):
                x = np.maximum(convolve(x, w[f"convolutions.{k}.weight"], w[f"convolutions.{k}.bias"], stride), 0)
            new = w["of_frame.weight"] @ x.mean(axis=(1, 2)) + w["of_frame.bias"]
            old = w["of_state.weight"] @ state + w["of_state.bias"]
            reset, kept = expit(new[:64] + old[:64]), expit(new[64:128] + old[64:128])
            state = (1 - kept) * np.tanh(new[128:] + reset * old[128:]) + kept * state
            states.append(state)
        pool = np.mean(states, axis=0)
        assert np.allclose(answers["pool"][i], pool, rtol=1e-4, atol=1e-5)
        assert np.allclose(answers["logits"][i], w["classifier.weight"] @ pool + w["classifier.bias"], 1e-4, 1e-4)


def test_the_recurrent_unit_is_torchs(tensors):
    body = SecondShapesNetwork.from_tensors(tensors)
    unit = torch.nn.GRU(64, 64, batch_first=True)
    places = {"weight_ih_l0": "of_frame.weight", "bias_ih_l0": "of_frame.bias",
              "weight_hh_l0": "of_state.weight", "bias_hh_l0": "of_state.bias"}  # fmt: skip
    unit.load_state_dict({name: torch.from_numpy(tensors[place]) for name, place in places.items()})
    seen = []
    body.of_frame.register_forward_hook(lambda layer, given, made: seen.append(given[0]))
    pool = body(torch.from_numpy(render("test", np.arange(5), 9, 32, 32)[0]))["pool"]
    with torch.inference_mode():
        states, _ = unit(seen[0].reshape(5, 9, 64))
    torch.testing.assert_close(pool, states.mean(dim=1), rtol=1e-5, atol=1e-6)


def test_a_clip_is_measured_alike_in_any_batch_and_at_any_size(network):
    clips = render("test", np.arange(40), 12, 32, 32)[0]
    together = network(clips)
    for i in (0, 13, 39):
        alone = network(clips[i : i + 1])
        for name, values in together.items():
            assert np.allclose(alone[name][0], values[i], rtol=1e-5, atol=1e-5)
    assert all(np.array_equal(again, together[name]) for name, again in network(clips).items())
    finer = network(render("test", np.arange(40), 12, 64, 64)[0])
    assert (finer["logits"].argmax(axis=1) == together["logits"].argmax(axis=1)).mean() > 0.9


def test_outputs_have_the_declared_names_sizes_and_types(network):
    assert network.outputs == {"logits": 24, "pool": 64}
    assert network.min_frames == 8
    assert network.preprocessing == "shapes-bilinear-antialias-32"
    answers = network(render("test", np.arange(5), 8, 20, 44)[0])
    assert {name: (values.shape, values.dtype) for name, values in answers.items()} == {
        "logits": ((5, 24), np.float32),
        "pool": ((5, 64), np.float32),
    }


def test_held_out_clips_are_recognised_and_those_played_backwards_are_of_the_opposite_class(network, held_out):
    clips, labels = held_out
    assert (logits_of(network, clips).argmax(axis=1) == labels).mean() >= 0.985
    backwards = logits_of(network, clips[:240, ::-1]).argmax(axis=1)
    assert (backwards == labels[:240] ^ 1).mean() > 0.95


def test_real_shuffled_static_noise_are_in_this_order(network, held_out):
    rng, clips = np.random.default_rng(20), held_out[0][:240]
    reference = moments(logits_of(network, render("train", np.arange(960), 12, 32, 32)[0]))
    kinds = (
        clips,
        np.stack([clip[rng.permutation(12)] for clip in clips]),
        np.stack([clip[[rng.integers(12)] * 12] for clip in clips]),
        rng.integers(0, 256, clips.shape, dtype=np.uint8),
    )
    made = [moments(logits_of(network, kind)) for kind in kinds]
    values = [frechet_distance(reference.mean, reference.covariance, m.mean, m.covariance) for m in made]
    assert all(worse > 2 * better for better, worse in itertools.pairwise(values)), values
    assert values[0] < 0.05 * values[1]


def test_the_shipped_weights_are_the_logged_and_proven_ones(network):
    path = FOLDER / "shapes-second.safetensors"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    log = [json.loads(line) for line in (FOLDER / "shapes-second.training.jsonl").read_text().splitlines()]
    assert log[-1]["sha256"] == digest
    assert min(log[-1]["test_accuracy"].values()) >= 0.99
    assert log[0]["command"].startswith("python tools/train_shapes_network.py --network shapes-second")
    assert log[0]["seed"] == 0
    proof = json.loads((FOLDER / "proven.json").read_text())["shapes-second"]
    assert proof["sha256"] == digest
    assert log[0]["command"] in proof["origin"]
    assert network.proven
    assert path.stat().st_size <= 1 << 20


def test_other_weights_and_other_clips_are_refused(tensors):
    with pytest.raises(InputError, match=r"second shapes network: 1 missing and 0 unknown"):
        SecondShapesNetwork.from_tensors({name: tensors[name] for name in list(tensors)[1:]})
    body = SecondShapesNetwork.from_tensors(tensors)
    assert not any(parameter.requires_grad for parameter in body.parameters())
    with pytest.raises(InputError, match=r"The second shapes network got clips of 7 frames; give it at least 8\."):
        body(torch.zeros((1, 7, 32, 32, 3), dtype=torch.uint8))
    with pytest.raises(InputError, match="uint8"):
        body(torch.zeros((1, 8, 3, 32, 32), dtype=torch.uint8))
