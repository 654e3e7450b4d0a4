"""C3D against Chainer's recorded answers and a slow numpy version, and a test that these comparisons detect mistakes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from vidmetrics import InputError, load_network
from vidmetrics.networks import c3d
from vidmetrics.networks.c3d import C3D, WIDTHS
from vidmetrics.networks.network import Network

TESTS = Path(__file__).resolve().parents[2]
TOLERANCE = 1e-5
NARROW = dict(zip(WIDTHS, (4, 6, 8, 7, 8, 9, 8, 8, 24, 20, 11), strict=True))
NAMES = ("mixed-16x64x80", "pattern-16x112x112", "noise-16x131x253")


def relative(ours, theirs):
    return np.linalg.norm(ours.astype(np.float64) - theirs) / np.linalg.norm(theirs.astype(np.float64))


@pytest.fixture(scope="module")
def c3d_cases(cases):
    # It imports i3d_cases, which the fixture `cases` has imported.
    spec = importlib.util.spec_from_file_location("c3d_cases", TESTS / "oracles" / "c3d_cases.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def clips(c3d_cases):
    return {case.name: case.clip() for case in c3d_cases.CLIP_CASES}


@pytest.fixture(scope="module")
def narrow_weights(c3d_cases):
    return c3d_cases.seeded_weights(NARROW, 7)


@pytest.fixture(scope="module")
def narrow(narrow_weights):
    body = C3D.from_tensors(narrow_weights, NARROW).requires_grad_(False)
    return Network("c3d-ucf101", body, device="cpu", precision="exact", weights_sha256="0" * 64, proven=False)


# The slow version: float64, from the definitions, sharing nothing with the module.


def slow_resize(frame_HWC, size):
    rows, columns = (np.linspace(0, n - 1, size) for n in frame_HWC.shape[:2])
    resized = np.empty((size, size, 3))
    for i, y in enumerate(rows):
        for j, x in enumerate(columns):
            top, left = int(y), int(x)
            bottom, right = min(top + 1, frame_HWC.shape[0] - 1), min(left + 1, frame_HWC.shape[1] - 1)
            dy, dx = y - top, x - left
            resized[i, j] = (1 - dy) * ((1 - dx) * frame_HWC[top, left] + dx * frame_HWC[top, right]) + dy * (
                (1 - dx) * frame_HWC[bottom, left] + dx * frame_HWC[bottom, right]
            )
    return resized


def slow_convolution(x_CTHW, kernel, bias):
    padded = np.pad(x_CTHW, [(0, 0), (1, 1), (1, 1), (1, 1)])
    t, h, w = x_CTHW.shape[1:]
    total = np.zeros((len(kernel), t, h, w)) + bias[:, None, None, None]
    for a in range(3):
        for b in range(3):
            for c in range(3):
                window = padded[:, a : a + t, b : b + h, c : c + w]
                total += np.tensordot(kernel[:, :, a, b, c].astype(np.float64), window, axes=1)
    return np.maximum(total, 0)


def slow_pool(x_CTHW, step_t):
    t, h, w = (-(-n // s) for n, s in zip(x_CTHW.shape[1:], (step_t, 2, 2), strict=True))
    pooled = np.empty((len(x_CTHW), t, h, w))
    for k in range(t):
        for i in range(h):
            for j in range(w):
                window = x_CTHW[:, k * step_t : (k + 1) * step_t, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                pooled[:, k, i, j] = window.max(axis=(1, 2, 3))
    return pooled


def slow_c3d(clip_THWC, weights):
    resized = np.stack([slow_resize(frame, 112) for frame in clip_THWC.astype(np.float64)])
    blue_green_red = resized[..., [2, 1, 0]].transpose(3, 0, 1, 2)
    x = blue_green_red - weights["mean"][:, :, 8:120, 8:120]
    for group in (("1a",), ("2a",), ("3a", "3b"), ("4a", "4b"), ("5a", "5b")):
        for layer in group:
            x = slow_convolution(x, weights[f"conv{layer}/W"], weights[f"conv{layer}/b"])
        x = slow_pool(x, 1 if group == ("1a",) else 2)
    x = x.reshape(-1)
    for layer in ("fc6", "fc7"):
        x = np.maximum(weights[f"{layer}/W"] @ x + weights[f"{layer}/b"], 0)
    return {"fc7": x, "logits": weights["fc8/W"] @ x + weights["fc8/b"]}


@pytest.fixture(scope="module")
def slow(clips, narrow_weights):
    return {name: slow_c3d(clips[name], narrow_weights) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_a_narrow_network_equals_the_slow_version(narrow, clips, slow, name):
    features = narrow(clips[name][None])
    for output, size in (("logits", 11), ("fc7", 20)):
        assert features[output].dtype == np.float32
        assert features[output].shape == (1, size)
        assert relative(features[output][0], slow[name][output]) < TOLERANCE


def test_the_published_size_equals_chainer(c3d_cases, cases, clips, read_oracle):
    oracle = read_oracle(TESTS / "golden" / "c3d_seeded.npz")
    weights = c3d_cases.seeded_weights(WIDTHS, oracle.record["weights_seed"])
    digest = cases.sha256_of(weights)
    assert digest == oracle.record["weights_sha256"], "this numpy draws other numbers from the same seed"
    network = C3D.from_tensors(weights)
    assert network.outputs == {"logits": 101, "fc7": 4096}
    assert tuple(clips) == NAMES
    answers = []
    for name, clip in clips.items():
        assert cases.sha256_of({"clip": clip}) == oracle.record["inputs_sha256"][name]
        with torch.inference_mode():
            features = network(torch.from_numpy(clip[None]))
        for output in ("logits", "fc7"):
            ours, theirs = features[output][0].numpy(), oracle.answers[f"{output}/{name}"]
            assert ours.shape == theirs.shape
            assert relative(ours, theirs) < TOLERANCE
            assert np.abs(ours - theirs).max() < TOLERANCE * np.abs(theirs).max()
        answers.append(oracle.answers[f"logits/{name}"])
    # Agreement would mean little if all clips had similar logits.
    assert min(relative(a, b) for i, a in enumerate(answers) for b in answers[:i]) > 1000 * TOLERANCE


published_preprocess = c3d.preprocess


def _red_first(clips_NTHWC, mean):
    return published_preprocess(clips_NTHWC.flip(-1), mean)


def _no_mean(clips_NTHWC, mean):
    return published_preprocess(clips_NTHWC, torch.zeros_like(mean))


def _middle_of_the_columns(clips_NTHWC, mean):
    return published_preprocess(clips_NTHWC, mean.roll(8 - (171 - 112) // 2, dims=-1))


def _half_pixel(x_NCTHW, size):
    return torch.nn.functional.interpolate(x_NCTHW, (16, size, size), mode="trilinear", align_corners=False)


def _floor(x_NCTHW, kernel):
    # The last pool leaves 3x3, which fc6 would refuse; missing positions are filled with zeros.
    pooled = torch.nn.functional.max_pool3d(x_NCTHW, kernel, kernel)
    return torch.nn.functional.pad(pooled, (0, 1, 0, 1)) if pooled.shape[-1] == 3 else pooled


@pytest.mark.parametrize(
    ("attribute", "wrong"),
    [
        ("preprocess", _red_first),
        ("preprocess", _no_mean),
        ("preprocess", _middle_of_the_columns),
        ("resize_aligned_corners", _half_pixel),
        ("_max_pool", _floor),
    ],
    ids=["rgb", "no-mean", "centred-mean", "half-pixel-resize", "floor-pool"],
)
def test_a_known_mistake_would_be_caught(monkeypatch, narrow, clips, slow, attribute, wrong):
    monkeypatch.setattr(c3d, attribute, wrong)
    name = "mixed-16x64x80"
    features = narrow(clips[name][None])
    assert relative(features["logits"][0], slow[name]["logits"]) > 100 * TOLERANCE
    assert relative(features["fc7"][0], slow[name]["fc7"]) > 100 * TOLERANCE


def test_features_do_not_depend_on_the_batch(narrow, clips):
    clip = clips["mixed-16x64x80"]
    together, alone = narrow(np.stack([255 - clip, clip])), narrow(clip[None])
    assert np.array_equal(together["fc7"][1], alone["fc7"][0])
    assert relative(together["fc7"][0], together["fc7"][1]) > 1e-3
    with torch.inference_mode():
        pair = c3d.preprocess(torch.from_numpy(np.stack([255 - clip, clip])), narrow._body.mean)
        assert relative(narrow._body._features(pair)["fc7"][1].numpy(), alone["fc7"][0]) < TOLERANCE


def test_sixteen_frames_and_no_others(narrow):
    assert (narrow.min_frames, narrow.max_frames, narrow.per_frame, narrow.rows_per_clip(16)) == (16, 16, False, 1)
    with pytest.raises(InputError, match="at least 16 frames, not 15"):
        narrow(np.zeros((1, 15, 8, 8, 3), np.uint8))
    with pytest.raises(InputError, match="at most 16 frames, not 17"):
        narrow(np.zeros((1, 17, 8, 8, 3), np.uint8))
    assert narrow(np.zeros((1, 16, 1, 1, 3), np.uint8))["logits"].shape == (1, 11)  # one pixel has four corners too


def test_a_mean_in_double_precision_is_the_same_mean(narrow, narrow_weights):
    double = narrow_weights | {"mean": narrow_weights["mean"].astype(np.float64)}
    ours, theirs = C3D.from_tensors(double, NARROW).state_dict(), narrow._body.state_dict()
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)


def test_damaged_weights_are_refused(narrow_weights):
    lacking = {name: value for name, value in narrow_weights.items() if name != "mean"}
    with pytest.raises(InputError, match=r"c3d-ucf101: 1 missing and 0 unknown \('mean' is missing\).*mean2\.npz"):
        C3D.from_tensors(lacking, NARROW)
    for wrong in ({"mean": narrow_weights["mean"][..., 21:149]}, {"fc6/W": narrow_weights["fc6/W"].T.copy()}):
        (name,) = wrong
        with pytest.raises(InputError, match=f"'{name}' of c3d-ucf101 is float32 .* is needed"):
            C3D.from_tensors(narrow_weights | wrong, NARROW)
    with pytest.raises(InputError, match=r"'conv1a/b'.*NaN"):
        C3D.from_tensors(narrow_weights | {"conv1a/b": np.full(4, np.nan, np.float32)}, NARROW)


def test_the_name_loads_this_network(narrow_weights, tmp_path):
    path = tmp_path / "narrow.npz"
    np.savez(path, **narrow_weights)
    with pytest.raises(InputError, match=r"c3d-ucf101 is float32 \[.*\], but float32 \[.*\] is needed"):
        load_network("c3d-ucf101", weights=path)  # the published widths, and no others
    with pytest.raises(InputError, match=r"conv3d_deepnetA_ucf\.npz with mean2\.npz") as caught:
        load_network("c3d-ucf101")
    assert "c3d-ucf101.safetensors" in str(caught.value)
