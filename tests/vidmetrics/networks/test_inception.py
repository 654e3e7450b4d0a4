"""Inception-2015-12-05 against recorded answers of two published ports, and a test that this comparison detects mistakes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from vidmetrics import InputError, load_network
from vidmetrics.networks import inception
from vidmetrics.networks.inception import Inception

TESTS = Path(__file__).resolve().parents[2]
TOLERANCE = 1e-5
OUTPUTS = {"pool": 2048, "logits": 1008, "logits-unbiased": 1008}
NAMES = (
    "noise-1x32x32",
    "pattern-2x32x32",
    "mixed-2x64x48",
    "pattern-1x64x48",
    "noise-1x299x299",
    "pattern-1x299x299",
)


def relative(ours, theirs):
    return np.linalg.norm(ours.astype(np.float64) - theirs) / np.linalg.norm(theirs.astype(np.float64))


@pytest.fixture(scope="module")
def oracle(read_oracle):
    return read_oracle(TESTS / "golden" / "inception_seeded.npz")


@pytest.fixture(scope="module")
def inception_cases(cases):
    # It imports i3d_cases, which the fixture `cases` has imported.
    spec = importlib.util.spec_from_file_location("inception_cases", TESTS / "oracles" / "inception_cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def clips(inception_cases):
    return {case.name: case.clip() for case in inception_cases.CLIP_CASES}


@pytest.fixture(scope="module")
def tensors(inception_cases, oracle, cases):
    weights = inception_cases.seeded_weights(oracle.record["shapes"], oracle.record["weights_seed"])
    digest = cases.sha256_of(weights)
    assert digest == oracle.record["weights_sha256"], "this numpy draws other numbers from the same seed"
    return weights


@pytest.fixture(scope="module")
def network(tensors, tmp_path_factory):
    from safetensors.numpy import save_file

    path = tmp_path_factory.mktemp("inception") / "seeded.safetensors"
    # The published file contains batch norm's counter, which is not used.
    save_file(tensors | {"Conv2d_1a_3x3.bn.num_batches_tracked": np.array(0)}, path)
    return load_network("inception-2015-12-05", weights=path)


@pytest.fixture(scope="module")
def layers(tensors):
    """The plain network, which is the reference of the quicker ones."""
    return Inception.from_tensors(tensors)


@pytest.fixture(scope="module")
def answers(network, clips):
    return {name: network(clip[None]) for name, clip in clips.items()}


def test_the_inputs_are_those_that_the_ports_saw(clips, cases, oracle):
    assert tuple(clips) == NAMES
    for name, clip in clips.items():
        assert cases.sha256_of({"clip": clip}) == oracle.record["inputs_sha256"][name]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("output", OUTPUTS)
def test_features_equal_those_of_torch_fidelity(oracle, answers, name, output):
    ours, theirs = answers[name][output], oracle.answers[f"torch-fidelity/{output}/{name}"]
    assert ours.dtype == np.float32
    assert ours.shape == theirs.shape
    assert ours.shape[1] == OUTPUTS[output]
    for mine, other in zip(ours, theirs, strict=True):
        assert relative(mine, other) < TOLERANCE
        assert np.abs(mine - other).max() < TOLERANCE * np.abs(other).max()


@pytest.mark.parametrize("name", ["noise-1x299x299", "pattern-1x299x299"])
def test_the_trunk_equals_that_of_pytorch_fid(oracle, answers, name):
    theirs = oracle.answers[f"pytorch-fid-trunk/pool/{name}"]
    assert relative(answers[name]["pool"], theirs) < TOLERANCE


def test_pytorch_fid_as_it_is_used_is_another_metric(oracle, answers, clips, layers):
    # It resizes with half-pixel centres and maps 0..255 to -1..1; with both, our network has its features.
    name = "mixed-2x64x48"
    theirs = oracle.answers[f"pytorch-fid/pool/{name}"]
    assert relative(answers[name]["pool"], theirs) > 1e-3
    frames = torch.from_numpy(clips[name]).permute(0, 3, 1, 2) / 255
    resized = torch.nn.functional.interpolate(frames, (299, 299), mode="bilinear", align_corners=False)
    with torch.inference_mode():
        ours = layers._features(2 * resized - 1)["pool"].numpy()
    assert relative(ours, theirs) < TOLERANCE


def test_frames_of_the_oracle_are_told_apart(oracle):
    # Agreement would mean little if all frames had similar features.
    pools = [row for name in NAMES for row in oracle.answers[f"torch-fidelity/pool/{name}"]]
    nearest = min(relative(a, b) for i, a in enumerate(pools) for b in pools[:i])
    assert nearest > 1000 * TOLERANCE


published_pool = inception._pool


def _zeros_counted(x_NCHW, kind):
    if kind == inception.AVERAGE:
        return torch.nn.functional.avg_pool2d(x_NCHW, 3, stride=1, padding=1, count_include_pad=True)
    return published_pool(x_NCHW, kind)


def _average_for_maximum(x_NCHW, kind):
    return published_pool(x_NCHW, inception.AVERAGE if kind == inception.MAXIMUM else kind)


def _half_pixel(frames_NHWC, height, width):
    frames_NCHW = frames_NHWC.permute(0, 3, 1, 2)
    resized = torch.nn.functional.interpolate(frames_NCHW, (height, width), mode="bilinear", align_corners=False)
    return resized.permute(0, 2, 3, 1)


def _to_plus_one(frames_NHWC):
    resized = inception.resize_tf1_bilinear(frames_NHWC.float(), 299, 299)
    return (resized / 127.5 - 1).permute(0, 3, 1, 2).contiguous()


@pytest.mark.parametrize(
    ("attribute", "wrong"),
    [
        ("_pool", _zeros_counted),
        ("_pool", _average_for_maximum),
        ("resize_tf1_bilinear", _half_pixel),
        ("preprocess", _to_plus_one),
    ],
    ids=["zeros-in-the-average", "average-in-the-last-block", "half-pixel-resize", "scaled-to-plus-one"],
)
def test_a_known_mistake_would_be_caught(monkeypatch, clips, oracle, network, layers, attribute, wrong):
    monkeypatch.setattr(inception, attribute, wrong)
    name = "pattern-1x64x48"
    with torch.inference_mode():
        pools = network(clips[name][None])["pool"], layers(torch.from_numpy(clips[name][None]))["pool"].numpy()
    for pool in pools:
        assert relative(pool, oracle.answers[f"torch-fidelity/pool/{name}"]) > 100 * TOLERANCE


def test_the_epsilon_of_other_ports_would_be_caught(monkeypatch, clips, oracle, tensors):
    monkeypatch.setattr(inception, "BATCH_NORM_EPS", 1e-5)
    name = "pattern-1x64x48"
    with torch.inference_mode():
        pool = Inception.from_tensors(tensors)(torch.from_numpy(clips[name][None]))["pool"].numpy()
    assert relative(pool, oracle.answers[f"torch-fidelity/pool/{name}"]) > 100 * TOLERANCE


def test_a_frame_has_its_row_whatever_its_neighbours(network, clips, answers):
    assert (network.per_frame, network.min_frames, network.max_frames) == (True, 1, None)
    assert network.rows_per_clip(7) == 7
    frames = clips["pattern-2x32x32"]
    features = network(np.stack([frames, frames[::-1], 255 - frames]))
    for output, size in OUTPUTS.items():
        assert features[output].shape == (6, size)
        first, second = answers["pattern-2x32x32"][output]
        assert np.array_equal(features[output][:4], np.stack([first, second, second, first]))
        assert not np.array_equal(features[output][4:], np.stack([first, second]))
    assert network(np.zeros((0, 2, 8, 8, 3), np.uint8))["pool"].shape == (0, 2048)


def test_frames_together_are_those_one_by_one(layers, clips, answers):
    # The batches of an accelerator, on this CPU.
    frames = torch.from_numpy(clips["mixed-2x64x48"])
    with torch.inference_mode():
        together = layers._features(inception.preprocess(frames))["pool"].numpy()
    assert relative(together, answers["mixed-2x64x48"]["pool"]) < TOLERANCE


def test_damaged_weights_are_refused(tensors):
    name = "Mixed_5b.branch1x1.bn.running_mean"
    lacking = {key: value for key, value in tensors.items() if key != name}
    with pytest.raises(InputError, match=f"1 missing and 0 unknown.*'{name}' is missing"):
        Inception.from_tensors(lacking)
    with pytest.raises(InputError, match=r"0 missing and 1 unknown.*'AuxLogits.fc.bias' is unknown"):
        Inception.from_tensors(tensors | {"AuxLogits.fc.bias": np.ones(3, np.float32)})
    with pytest.raises(InputError, match=r"'fc.weight'.*\[1000, 2048\].*\[1008, 2048\] is needed"):
        Inception.from_tensors(tensors | {"fc.weight": tensors["fc.weight"][:1000]})
    with pytest.raises(InputError, match=f"'{name}' of inception-2015-12-05 is float64"):
        Inception.from_tensors(tensors | {name: tensors[name].astype(np.float64)})
    with pytest.raises(InputError, match=f"'{name}'.*NaN"):
        Inception.from_tensors(tensors | {name: np.full_like(tensors[name], np.nan)})


def test_absent_weights_say_what_belongs_where():
    with pytest.raises(InputError, match=r"pt_inception-2015-12-05-6726825d\.pth") as caught:
        load_network("inception-2015-12-05")
    assert "inception-2015-12-05.safetensors" in str(caught.value)
