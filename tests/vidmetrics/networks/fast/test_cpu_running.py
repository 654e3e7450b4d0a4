"""The I3D for CPUs against the plain network in float64: layers, whole features, determinism, and when it is used."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - torch's own documentation writes it so

from vidmetrics.networks import fast as fast_networks
from vidmetrics.networks.fast import accelerated, cpu_running
from vidmetrics.networks.fast.cpu_i3d import CpuI3D, pool_space, pool_time
from vidmetrics.networks.fast.cpu_running import CPU_BOUNDS, CpuBody, has_onednn, multiplies_bfloat16
from vidmetrics.networks.i3d import I3D, same_padding

CPU = torch.device("cpu")
pytestmark = pytest.mark.skipif(not has_onednn(), reason="needs torch with oneDNN on an x86-64 processor")
DTYPES = (torch.float32, torch.bfloat16) if has_onednn() and multiplies_bfloat16() else (torch.float32,)


@pytest.fixture(scope="module")
def plain():
    from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights

    return I3D.from_tensors(seeded_i3d_weights(0), 400).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def double():
    from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights

    return I3D.from_tensors(seeded_i3d_weights(0), 400).eval().requires_grad_(False).double()


@pytest.fixture(scope="module")
def networks(plain):
    return {dtype: CpuI3D(plain, dtype) for dtype in DTYPES}


def clips(num_clips, num_frames, height, width):
    random = np.random.default_rng(0)
    return torch.from_numpy(random.integers(0, 256, (num_clips, num_frames, height, width, 3), dtype=np.uint8))


def distance(ours, theirs):
    return float((ours.double() - theirs).norm() / theirs.norm())


@pytest.mark.parametrize(("frames", "height", "width"), [(9, 32, 32), (11, 64, 32), (14, 32, 96), (16, 64, 64)])
def test_all_layers_equal_the_plain_networks_in_float64(networks, double, frames, height, width):
    scaled = clips(1, frames, height, width)[0].double() * 2 - 255
    with torch.inference_mode():
        expected = double.trunk((scaled / 255).permute(3, 0, 1, 2)[None])
        for dtype, network in networks.items():
            ours = network.trunk(scaled.float())
            assert ours.shape == expected.shape
            assert distance(ours, expected) < CPU_BOUNDS[dtype]


def test_features_of_resized_clips_keep_the_bound_and_bfloat16_needs_its_own(networks, double):
    batch = clips(1, 9, 48, 80)
    with torch.inference_mode():
        expected = double._features(double.pixels(batch).double())  # frames are resized in float32, as defined
        for dtype, network in networks.items():
            ours = network(batch[0])
            for name, size in (("logits", 400), ("pool", 1024)):
                assert ours[name].dtype == torch.float32
                assert ours[name].shape == (1, size)
                # Far from the bound, which allows for weights with other ranges.
                assert distance(ours[name], expected[name]) < CPU_BOUNDS[dtype] / 2
                assert dtype == torch.float32 or distance(ours[name], expected[name]) > 1e-3


@pytest.mark.parametrize("precision", ["exact", "fast"])
def test_a_clip_has_the_same_bits_in_any_batch_in_any_run_and_on_two_threads(plain, precision):
    body, batch, threads = CpuBody(plain, precision), clips(2, 9, 32, 32), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        together = body(batch)
        torch.set_num_threads(2)  # with more, oneDNN may divide a sum among them
        alone = body(batch[1:])
    finally:
        torch.set_num_threads(threads)
    for name in body.outputs:
        assert torch.equal(together[name][1:], alone[name])
        assert not torch.equal(together[name][:1], alone[name])


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize(("size", "stride"), [(3, 1), (3, 2), (2, 2)])
def test_max_pools_over_space_and_time_are_those_of_the_plain_network(frames, size, stride):
    x = torch.randn(1, 16, frames, 6, 10, generator=torch.Generator().manual_seed(0))
    kernel, strides = (size,) * 3, (stride,) * 3
    expected = F.max_pool3d(F.pad(x, same_padding(x.shape[2:], kernel, strides), value=-torch.inf), kernel, strides)
    last = x.contiguous(memory_format=torch.channels_last_3d)
    assert torch.equal(pool_time(pool_space(last, size, stride), size, stride), expected)


def test_it_is_used_on_this_processor_and_says_its_arithmetic(plain):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exact, quick = (accelerated(plain, CPU, precision) for precision in ("exact", "fast"))
    assert exact.implementation == "onednn-float32-2"
    assert quick.implementation == ("onednn-bfloat16-2" if multiplies_bfloat16() else "onednn-float32-2")
    assert accelerated(torch.nn.Identity(), CPU, "exact").__class__ is torch.nn.Identity


def test_fast_is_float32_on_a_processor_without_bfloat16(plain, monkeypatch):
    monkeypatch.setattr(cpu_running, "multiplies_bfloat16", lambda: False)
    assert CpuBody(plain, "fast").implementation == "onednn-float32-2"


def test_another_answer_or_an_error_falls_back_to_the_plain_network_with_a_warning(plain, monkeypatch):
    right = CpuI3D.trunk
    monkeypatch.setattr(CpuI3D, "trunk", lambda self, x: right(self, x) * (1 + 2e-5))
    with pytest.warns(RuntimeWarning, match="not used.*differ from the plain one's"):
        assert accelerated(plain, CPU, "exact") is plain
    monkeypatch.setattr(fast_networks, "_for_cpu", lambda *_: torch.ops.mkldnn.no_such_operator())
    with pytest.warns(RuntimeWarning, match="not used.*no_such_operator"):
        assert accelerated(plain, CPU, "exact") is plain


def test_without_onednn_the_plain_network_is_used_silently(plain, monkeypatch):
    monkeypatch.setattr(cpu_running, "has_onednn", lambda: False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert accelerated(plain, CPU, "exact") is plain
