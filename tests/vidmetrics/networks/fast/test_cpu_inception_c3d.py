"""The Inception and the C3D for CPUs against the plain networks in float64."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from vidmetrics.conformance import seeded_c3d
from vidmetrics.networks import c3d, inception
from vidmetrics.networks.fast import accelerated
from vidmetrics.networks.fast.cpu_c3d import CpuC3D
from vidmetrics.networks.fast.cpu_inception import CpuInception
from vidmetrics.networks.fast.cpu_running import CPU_BOUNDS, CpuBody, has_onednn, multiplies_bfloat16

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(not has_onednn(), reason="needs torch with oneDNN on an x86-64 processor")
DTYPES = (torch.float32, torch.bfloat16) if has_onednn() and multiplies_bfloat16() else (torch.float32,)


def clips(num_frames, height, width):
    random = np.random.default_rng(0)
    return torch.from_numpy(random.integers(0, 256, (1, num_frames, height, width, 3), dtype=np.uint8))


def distance(ours, theirs):
    return float((ours.double() - theirs).norm() / theirs.norm())


@pytest.fixture(scope="module")
def frames():
    from vidmetrics.conformance.seeded_inception import seeded_inception_weights

    return inception.Inception.from_tensors(seeded_inception_weights(0)).requires_grad_(False)


@pytest.fixture(scope="module")
def narrow():
    return c3d.C3D.from_tensors(seeded_c3d.seeded_c3d_weights(0), seeded_c3d.WIDTHS).requires_grad_(False)


def test_frames_keep_the_bound(frames):
    batch = clips(1, 40, 33)
    with torch.inference_mode():
        pixels = inception.preprocess(batch[0]).double()
        expected = frames.double()._features(pixels)
        frames.float()
        for dtype in DTYPES:
            ours = CpuInception(frames, dtype)(batch[0])
            for name, size in frames.outputs.items():
                assert ours[name].shape == (1, size)
                assert ours[name].dtype == torch.float32
                assert distance(ours[name], expected[name]) < CPU_BOUNDS[dtype] * (0.1 if dtype == torch.float32 else 1)


def test_clips_keep_the_bound(narrow):
    batch = clips(16, 40, 50)
    with torch.inference_mode():
        pixels = c3d.preprocess(batch, narrow.get_buffer("mean")).double()
        expected = narrow.double()._features(pixels)
        narrow.float()
        for dtype in DTYPES:
            ours = CpuC3D(narrow, dtype)(batch[0])
            for name, size in narrow.outputs.items():
                assert ours[name].shape == (1, size)
                assert ours[name].dtype == torch.float32
                assert distance(ours[name], expected[name]) < CPU_BOUNDS[dtype] * (0.2 if dtype == torch.float32 else 1)


@pytest.mark.parametrize("which", ["frames", "narrow"])
def test_they_are_used_here_and_keep_what_the_plain_network_says_of_itself(request, which):
    plain = request.getfixturevalue(which)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        body = accelerated(plain, CPU, "exact")
    assert isinstance(body, CpuBody)
    assert body.implementation == "onednn-float32-2"
    for name in ("outputs", "min_frames", "preprocessing"):
        assert getattr(body, name) == getattr(plain, name)
    assert body.max_frames == getattr(plain, "max_frames", None)
    assert body.per_frame == (which == "frames")


def test_another_answer_falls_back_to_the_plain_network(narrow, monkeypatch):
    right = CpuC3D.trunk
    monkeypatch.setattr(CpuC3D, "trunk", lambda self, x: right(self, x) * (1 + 2e-5))
    with pytest.warns(RuntimeWarning, match="The fast C3D is not used.*differ from the plain one's"):
        assert accelerated(narrow, CPU, "exact") is narrow


def test_a_frame_has_the_same_bits_beside_others(frames):
    body, batch = CpuBody(frames, "exact"), clips(2, 32, 32)
    assert torch.equal(body(batch)["pool"][1:], body(batch[:, 1:])["pool"])
