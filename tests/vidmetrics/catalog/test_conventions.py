"""The FVD conventions: data, pixels, eps, divisor and root of each, against slow oracles."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vidmetrics import CONVENTIONS, METRICS, InputError, frechet_distance, load_network, make_estimator
from vidmetrics.networks import base_network, default_weights, i3d
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.preprocessing import Preprocessing
from vidmetrics.networks.resize import RESIZERS
from vidmetrics.statistics.frechet_float32 import distance_float32_svd
from vidmetrics.statistics.moments import Moments


def pixels(id):
    return Preprocessing(CONVENTIONS[id].resize, CONVENTIONS[id].crop)


def test_the_conventions_match_their_code():
    table = {c.id: (c.resize, c.crop, c.quantise, c.batch_norm_eps, c.ddof, c.root) for c in CONVENTIONS.values()}
    tf1, half_pixel = ("tf1-bilinear", 224), ("bilinear", 224)
    assert table == {
        "fvd": ((tf1,), "none", "none", 1e-3, 1, "frechet-exact"),
        "fvd-styleganv": ((half_pixel,), "none", "round", 1e-3, 0, "frechet-exact"),
        "fvd-videogpt": ((half_pixel,), "center", "truncate", 1e-5, 1, "float32-svd"),
        "fvd-magvit": ((("tf1-bilinear", 64), tf1), "none", "none", 1e-3, 1, "frechet-exact"),
        "fvd-cdfvd": ((half_pixel,), "none", "truncate", 1e-5, 0, "frechet-exact"),
    }
    assert next(iter(CONVENTIONS)) == "fvd"
    for id, convention in CONVENTIONS.items():
        assert all(name in RESIZERS for name, _ in convention.resize)
        assert (METRICS[id].network, METRICS[id].ddof, METRICS[id].root) == (
            convention.network,
            convention.ddof,
            convention.root,
        )
        assert base_network(convention.network) == "i3d-kinetics-400"
        assert default_weights(convention.network) == default_weights("i3d-kinetics-400")
    assert (pixels("fvd"), CONVENTIONS["fvd"].batch_norm_eps) == (i3d.PREPROCESSING, i3d.BATCH_NORM_EPS)


def slow_frame(frame_HWC, id):
    """A frame as the network of the convention sees it, from its code, one output pixel at a time."""
    frame = frame_HWC.astype(np.float64)

    def sample(frame, y, x):
        top, left = min(math.floor(y), len(frame) - 1), min(math.floor(x), frame.shape[1] - 1)
        bottom, right = min(top + 1, len(frame) - 1), min(left + 1, frame.shape[1] - 1)
        upper = frame[top, left] * (1 - x + left) + frame[top, right] * (x - left)
        lower = frame[bottom, left] * (1 - x + left) + frame[bottom, right] * (x - left)
        return upper * (1 - y + top) + lower * (y - top)

    def stretched(frame, height, width, half_pixel):
        out = np.empty((height, width, 3))
        for i in range(height):
            for j in range(width):
                y, x = i * len(frame) / height, j * frame.shape[1] / width
                if half_pixel:
                    y, x = ((i + 0.5) * len(frame) / height - 0.5, (j + 0.5) * frame.shape[1] / width - 0.5)
                out[i, j] = sample(frame, max(y, 0), max(x, 0))
        return out

    H, W, _ = frame.shape
    if id == "fvd":
        frame = stretched(frame, 224, 224, False)
    elif id == "fvd-magvit":
        frame = stretched(stretched(frame, 64, 64, False), 224, 224, False)
    elif id in ("fvd-styleganv", "fvd-cdfvd"):
        frame = stretched(frame, 224, 224, True)
    else:
        height, width = (224, math.ceil(W * 224 / H)) if H < W else (math.ceil(H * 224 / W), 224)
        frame = stretched(frame, height, width, True)
        top, left = (height - 224) // 2, (width - 224) // 2
        frame = frame[top : top + 224, left : left + 224]
    return frame / 255 * 2 - 1


@pytest.mark.parametrize("id", list(CONVENTIONS))
def test_the_pixels_by_a_slow_oracle(id):
    for height, width in ((31, 50), (50, 31)):
        clip = np.random.default_rng(height).integers(0, 256, (1, 1, height, width, 3), dtype=np.uint8)
        ours = pixels(id)(torch.from_numpy(clip))
        assert ours.shape == (1, 3, 1, 224, 224)
        np.testing.assert_allclose(ours[0, :, 0].permute(1, 2, 0).numpy(), slow_frame(clip[0, 0], id), atol=3e-5)


def test_which_conventions_see_the_same_pixels():
    """The groups of conventions that see the same pixels, by frame size; equal ids mean equal bits."""
    expected = {
        (64, 64): [["fvd", "fvd-magvit"], ["fvd-styleganv", "fvd-videogpt", "fvd-cdfvd"]],
        (64, 48): [["fvd"], ["fvd-styleganv", "fvd-cdfvd"], ["fvd-videogpt"], ["fvd-magvit"]],
        (224, 224): [["fvd", "fvd-styleganv", "fvd-videogpt", "fvd-cdfvd"], ["fvd-magvit"]],
        (41, 41): [["fvd"], ["fvd-styleganv", "fvd-cdfvd"], ["fvd-videogpt"], ["fvd-magvit"]],
    }
    for (height, width), groups in expected.items():
        clip = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 2, height, width, 3), dtype=np.uint8))
        seen = {id: pixels(id)(clip) for id in CONVENTIONS}
        by_id: dict[str, list[str]] = {}
        for id in CONVENTIONS:
            by_id.setdefault(pixels(id).id_at(height, width), []).append(id)
        assert list(by_id.values()) == groups
        for group in groups:
            for id in CONVENTIONS:
                assert torch.equal(seen[id], seen[group[0]]) == (id in group), (height, width, id, group)


def test_frames_of_their_own_size_are_only_scaled():
    clip = torch.arange(256, dtype=torch.uint8).repeat(588)[: 224 * 224 * 3].reshape(1, 1, 224, 224, 3)
    x = pixels("fvd-videogpt")(clip)
    assert (x.min(), x.max()) == (-1, 1)
    assert torch.equal(x[0, :, 0].permute(1, 2, 0), clip[0, 0].float() / 127.5 - 1)


@pytest.fixture(scope="module")
def weights_file(seeded_weights, tmp_path_factory):
    from safetensors.numpy import save_file

    path = tmp_path_factory.mktemp("weights") / "seeded.safetensors"
    save_file(seeded_weights, path)
    return path


@pytest.fixture(scope="module")
def variants(weights_file):
    return {id: load_network(c.network, weights=weights_file) for id, c in CONVENTIONS.items()}


def test_a_variant_has_the_same_weights_and_another_identity(variants):
    assert {id: network.preprocessing for id, network in variants.items()} == {
        "fvd": "tf1-bilinear-224-then-scale-v1",
        "fvd-styleganv": "bilinear-224-then-scale-v1",
        "fvd-videogpt": "bilinear-224-short-side-then-center-crop-then-scale-v1-batch-norm-eps-1e-05",
        "fvd-magvit": "tf1-bilinear-64-then-tf1-bilinear-224-then-scale-v1",
        "fvd-cdfvd": "bilinear-224-then-scale-v1-batch-norm-eps-1e-05",
    }
    assert len({network.weights_sha256 for network in variants.values()}) == 1
    assert not any(network.proven for network in variants.values())
    at = {id: network.preprocessing_at(64, 64) for id, network in variants.items()}
    assert at["fvd"] == at["fvd-magvit"] != at["fvd-styleganv"]
    # The same pixels, another eps.
    assert at["fvd-videogpt"] == at["fvd-cdfvd"] != at["fvd-styleganv"]
    with pytest.raises(InputError, match=r"'i3d-kinetics-400\+videogtp'; did you mean 'i3d-kinetics-400\+videogpt'"):
        load_network("i3d-kinetics-400+videogtp")
    with pytest.raises(InputError, match=r"weights of 'i3d-kinetics-400' .*are not at .*i3d-kinetics-400\.safetensors"):
        load_network("i3d-kinetics-400+videogpt")


def test_the_eps_is_in_every_batch_norm(seeded_weights, variants):
    """An eps of 1e-5 is the reference's 1e-3 with all variances smaller by the difference."""
    shifted = {
        name: (value.astype(np.float64) + 1e-5 - 1e-3).astype(np.float32) if "moving_variance" in name else value
        for name, value in seeded_weights.items()
    }
    network = I3D.from_tensors(shifted, num_classes=400, pixels=pixels("fvd-cdfvd")).eval()
    clip = np.random.default_rng(1).integers(0, 256, (1, 9, 32, 40, 3), dtype=np.uint8)
    ours = variants["fvd-cdfvd"](clip)["logits"]
    with torch.inference_mode():
        theirs = network(torch.from_numpy(clip))["logits"].numpy()
    same_pixels = variants["fvd-styleganv"](clip)["logits"]
    scale = np.abs(ours).max()
    assert np.abs(ours - theirs).max() < 1e-5 * scale
    assert np.abs(ours - same_pixels).max() > 1e-3 * scale


@pytest.mark.parametrize("id", list(CONVENTIONS))
def test_the_distance_of_each_convention(id):
    """From features to the number, with numpy's covariance and the eigenvalue form of the root."""
    rng = np.random.default_rng(7)
    real, generated = rng.normal(size=(60, 12)), rng.normal(0.3, 1.4, size=(31, 12))
    moments = Moments(12)
    moments.update(real)
    estimator = make_estimator(METRICS[id], 12, 31)
    estimator.update(generated)
    estimate = estimator.result(moments)
    ddof = 0 if id in ("fvd-styleganv", "fvd-cdfvd") else 1
    cov_a, cov_b = (np.cov(x, rowvar=False, ddof=ddof) for x in (generated, real))
    roots = np.sqrt(np.linalg.eigvals(cov_a @ cov_b).real)
    mean = generated.mean(0) - real.mean(0)
    exact = mean @ mean + np.trace(cov_a + cov_b) - 2 * roots.sum()
    assert estimate.value == pytest.approx(exact, rel=1e-5 if id == "fvd-videogpt" else 1e-10)
    assert (estimate.value == pytest.approx(exact, rel=1e-10)) == (id != "fvd-videogpt")
    assert estimate.interval[0] < estimate.value < estimate.interval[1]


def float32_by_numpy(generated, real):
    """Everything after the features in float32 with numpy."""

    def root(matrix):
        left, values, right = np.linalg.svd(matrix)
        assert values.dtype == np.float32
        return left @ np.diag(np.where(values < 1e-10, values, np.sqrt(values))) @ right

    means = [x.mean(0) for x in (generated, real)]
    a, b = ((x - m).T @ (x - m) / np.float32(len(x) - 1) for x, m in zip((generated, real), means, strict=True))
    first = root(a)
    trace = np.trace(root(first @ b @ first))
    return float(np.trace(a + b) - 2 * trace + np.sum((means[0] - means[1]) ** 2))


@pytest.mark.parametrize("count", [64, 500])
def test_float32_roots(count):
    """A spectrum within the precision of float32: all libraries agree, and the exact distance is close."""
    rng = np.random.default_rng(count)
    spread = np.sqrt(30 * np.exp(-np.arange(200) / 60))
    real, generated = rng.normal(size=(500, 200)) * spread, rng.normal(0.1, 1.1, size=(count, 200)) * spread
    inputs = [f(x) for x in (generated, real) for f in (lambda x: x.mean(0), lambda x: np.cov(x, rowvar=False))]
    ours, exact = distance_float32_svd(*inputs), frechet_distance(*inputs)
    assert ours == pytest.approx(float32_by_numpy(generated.astype(np.float32), real.astype(np.float32)), rel=1e-3)
    assert 1e-9 < abs(ours / exact - 1) < 2e-3
    assert ours == np.float32(ours)
    # Values below 1e-10 are not rooted; their roots would cancel the traces and give 0.
    small = np.diag([1e-12, 0.0])
    nothing = np.zeros(2)
    assert distance_float32_svd(nothing, small, nothing, small) == pytest.approx(2e-12, rel=1e-5)


def test_float32_roots_refuse_what_the_exact_distance_refuses():
    with pytest.raises(InputError, match="size 2 and 3"):
        distance_float32_svd(np.zeros(2), np.eye(2), np.zeros(3), np.eye(3))
    with pytest.raises(InputError, match="NaN"):
        distance_float32_svd(np.zeros(2), np.eye(2), np.array([0, np.nan]), np.eye(2))
