"""The I3D against recorded answers of the published TensorFlow graph, and a test that this comparison detects mistakes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidmetrics import InputError
from vidmetrics.networks import i3d
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.preprocessing import Preprocessing
from vidmetrics.weights.i3d_variables import SCOPE

# docs/precision.md states 1e-4; TensorFlow and torch on one CPU agree to 1e-6, so 1e-5 leaves room for other machines.
TOLERANCE = 1e-5

NAMES = (
    "pattern-9x224x224",
    "noise-12x224x224",
    "pattern-12x224x224",
    "pattern-16x224x224",
    "mixed-48x224x224",
    "pattern-16x64x64",
    "mixed-12x48x80",
    "pattern-9x301x253",
)


def relative(ours, theirs):
    return np.linalg.norm(ours.astype(np.float64) - theirs) / np.linalg.norm(theirs.astype(np.float64))


def case_named(cases, name):
    return next(case for case in cases.CLIP_CASES if case.name == name)


def test_the_inputs_are_those_that_tensorflow_saw(cases, golden):
    assert tuple(case.name for case in cases.CLIP_CASES) == NAMES
    for case in cases.CLIP_CASES:
        assert cases.sha256_of({"clip": case.clip()}) == golden.record["inputs_sha256"][case.name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("output", ["logits", "pool"])
def test_features_equal_those_of_the_published_graph(golden, torch_answers, name, output):
    ours, theirs = torch_answers[f"{output}/{name}"], golden.answers[f"{output}/{name}"]
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape == ((400,) if output == "logits" else (1024,))
    assert relative(ours, theirs) < TOLERANCE
    assert np.abs(ours - theirs).max() < TOLERANCE * np.abs(theirs).max()


@pytest.mark.parametrize("name", ["noise-12x224x224", "pattern-9x301x253"])
def test_the_plain_network_equals_the_published_graph_too(cases, golden, seeded_weights, name):
    # `load_network` may use another implementation on this machine.
    network = I3D.from_tensors(seeded_weights, num_classes=400).eval()
    with torch.inference_mode():
        features = network(torch.from_numpy(case_named(cases, name).clip()[None]))
    for output in ("logits", "pool"):
        assert relative(features[output][0].numpy(), golden.answers[f"{output}/{name}"]) < TOLERANCE


def test_clips_of_the_oracle_are_told_apart(golden):
    # Agreement would mean little if all clips had similar logits.
    logits = [golden.answers[f"logits/{name}"] for name in NAMES]
    nearest = min(relative(a, b) for i, a in enumerate(logits) for b in logits[:i])
    assert nearest > 1000 * TOLERANCE


tensorflow_padding = i3d.same_padding


def _symmetric(sizes, kernel, stride):
    """Padding like torch's `padding=`: the larger half on both sides."""
    pads = tensorflow_padding(sizes, kernel, stride)
    return [max(pads[i & ~1], pads[i | 1]) for i in range(len(pads))]


@pytest.mark.parametrize(
    "mistake",
    [{"batch_norm_eps": 1e-5}, {"pixels": Preprocessing((("bilinear", 224),))}, "symmetric-padding"],
    ids=["eps-1e-5", "half-pixel-resize", "symmetric-padding"],
)
def test_a_known_mistake_would_be_caught(monkeypatch, cases, golden, seeded_weights, mistake):
    if mistake == "symmetric-padding":
        monkeypatch.setattr(i3d, "same_padding", _symmetric)
        mistake = {}
    network = I3D.from_tensors(seeded_weights, num_classes=400, **mistake).eval()
    name = "mixed-12x48x80"
    with torch.inference_mode():
        logits = network(torch.from_numpy(case_named(cases, name).clip()[None]))["logits"][0].numpy()
    # Ten times the tolerance of 1e-4, so no tolerance in use would accept it.
    assert relative(logits, golden.answers[f"logits/{name}"]) > 1e-3


def test_features_do_not_depend_on_the_batch(cases, seeded_i3d, torch_answers):
    name = "mixed-12x48x80"
    clip = case_named(cases, name).clip()
    together = seeded_i3d(np.stack([255 - clip, clip]))
    assert np.array_equal(together["logits"][1], torch_answers[f"logits/{name}"])
    assert relative(together["logits"][0], together["logits"][1]) > 1e-3


def test_nine_frames_are_the_fewest(seeded_i3d):
    assert seeded_i3d.min_frames == 9  # a clip of exactly 9 is among the cases above
    with pytest.raises(InputError, match="at least 9 frames, not 8"):
        seeded_i3d(np.zeros((1, 8, 16, 16, 3), np.uint8))


@pytest.fixture(scope="module")
def tensors(seeded_weights):
    rng = np.random.default_rng(600)
    tensors = {name.removeprefix(SCOPE): value for name, value in seeded_weights.items()}
    tensors["Logits/Conv3d_0c_1x1/conv_3d/w"] = rng.normal(0, 0.05, (1, 1, 1, 1024, 600)).astype(np.float32)
    tensors["Logits/Conv3d_0c_1x1/conv_3d/b"] = rng.normal(0, 0.1, 600).astype(np.float32)
    return tensors


class TestKinetics600:
    """The 600-class network has the same trunk under names without the scope.

    Its TensorFlow graph is not published in a form that can be run here, so its trunk is compared with the 400-class
    network, which is compared with TensorFlow, and its last layer with numpy.
    """

    def test_trunk_and_last_layer(self, cases, tensors, torch_answers):
        # A training checkpoint contains more than the network: optimizer slots and the step.
        noise = {f"{name}/Momentum": np.full_like(value, np.nan) for name, value in tensors.items()}
        network = I3D.from_tensors(tensors | noise | {"global_step": np.array(7)}, num_classes=600).eval()
        clip = torch.from_numpy(case_named(cases, "mixed-12x48x80").clip()[None])
        with torch.inference_mode():
            features = network(clip)
        pool = features["pool"][0].numpy()
        assert relative(pool, torch_answers["pool/mixed-12x48x80"]) < 1e-6
        kernel, bias = (tensors[f"Logits/Conv3d_0c_1x1/conv_3d/{kind}"].astype(np.float64) for kind in "wb")
        assert features["logits"].shape == (1, 600)
        assert relative(features["logits"][0].numpy(), pool @ kernel[0, 0, 0] + bias) < 1e-5

    def test_batch_norm_may_be_saved_flat(self, tensors):
        flat = {name: value.reshape(-1) if "batch_norm" in name else value for name, value in tensors.items()}
        ours, theirs = (I3D.from_tensors(t, num_classes=600).state_dict() for t in (flat, tensors))
        assert all(torch.equal(ours[key], theirs[key]) for key in theirs)

    def test_the_other_class_count_is_refused(self, tensors):
        with pytest.raises(InputError, match=r"Logits/Conv3d_0c_1x1/conv_3d/w.*600.*400.*needed"):
            I3D.from_tensors(tensors, num_classes=400)

    def test_damaged_variables_are_refused(self, tensors):
        name = "Mixed_5b/Branch_2/Conv3d_0a_3x3/conv_3d/w"
        lacking = {key: value for key, value in tensors.items() if key != name}
        with pytest.raises(InputError, match=f"1 missing and 0 unknown.*'{name}' is missing"):
            I3D.from_tensors(lacking, num_classes=600)
        with pytest.raises(InputError, match=r"0 missing and 1 unknown.*'gamma' is unknown"):
            I3D.from_tensors(tensors | {"gamma": np.ones(3, np.float32)}, num_classes=600)
        with pytest.raises(InputError, match=f"'{name}' of I3D is float64"):
            I3D.from_tensors(tensors | {name: tensors[name].astype(np.float64)}, num_classes=600)
        with pytest.raises(InputError, match=f"'{name}' of I3D is float32"):
            I3D.from_tensors(tensors | {name: tensors[name].transpose(4, 3, 0, 1, 2)}, num_classes=600)
        with pytest.raises(InputError, match=f"'{name}' of I3D contains NaN"):
            I3D.from_tensors(tensors | {name: np.full_like(tensors[name], np.nan)}, num_classes=600)
