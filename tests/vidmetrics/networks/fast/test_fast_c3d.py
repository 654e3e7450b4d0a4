"""The C3D of products of fp16 numbers against the plain one in float64: a narrow one in plain torch, on a GPU the published one too."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vidmetrics.conformance import seeded_c3d
from vidmetrics.networks.c3d import C3D, preprocess
from vidmetrics.networks.fast import accelerated
from vidmetrics.networks.fast.running import BOUNDS, FastBody
from vidmetrics.networks.fast.torch_operators import TorchOperators
from vidmetrics.networks.network import Network

CPU = torch.device("cpu")
HOPPER = torch.cuda.is_available() and torch.cuda.get_device_capability()[0] == 9
on_hopper = pytest.mark.skipif(not HOPPER, reason="needs a GPU of compute capability 9")


@pytest.fixture(scope="module")
def narrow():
    return C3D.from_tensors(seeded_c3d.seeded_c3d_weights(0), seeded_c3d.WIDTHS).requires_grad_(False)


def clips(num_clips, height, width):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (num_clips, 16, height, width, 3), dtype=np.uint8)


def truth(plain, batch):
    """Return float64 features of frames prepared in float32, as the definition has it."""
    mean = plain.get_buffer("mean")
    with torch.inference_mode():
        pixels = preprocess(torch.from_numpy(batch).to(mean.device), mean).double()
        found = {name: out.cpu().numpy() for name, out in plain.double()._features(pixels).items()}
    plain.float().get_buffer("mean").copy_(mean)
    return found


def distance(ours, theirs):
    return float(np.linalg.norm(ours.astype(np.float64) - theirs) / np.linalg.norm(theirs))


@pytest.mark.parametrize(("precision", "shape"), [("fast", (1, 40, 50)), ("exact", (1, 112, 130))])
def test_the_whole_network_keeps_its_bound(narrow, precision, shape):
    batch = clips(*shape)
    body = FastBody(narrow, TorchOperators(torch.float32), precision, CPU)
    network = Network("c3d", body, device="cpu", precision=precision, weights_sha256="0" * 64, proven=False)
    assert network.implementation == {"fast": "fp16x1-2", "exact": "fp16x2-2"}[precision]
    assert (network.min_frames, network.max_frames, network.per_frame) == (16, 16, False)
    answer, expected = network(batch), truth(narrow, batch)
    for name, size in narrow.outputs.items():
        assert answer[name].shape == (len(batch), size)
        assert distance(answer[name], expected[name]) < BOUNDS[precision] * (0.9 if precision == "fast" else 0.2)
    assert body.repeated == 0


@pytest.fixture(scope="module")
def published():
    """The published network's layers with seeded weights."""
    if not HOPPER:
        pytest.skip("needs a GPU of compute capability 9")
    body, generator = C3D(), torch.Generator().manual_seed(0)
    for layer in (*body.convolutions.values(), *body.linears.values()):
        layer.weight.data.normal_(0, math.sqrt(2 / layer.weight[0].numel()), generator=generator)
        layer.bias.data.normal_(0, 0.1, generator=generator)
    body.convolutions["conv1a"].weight.data /= 64
    body.get_buffer("mean").uniform_(64, 128, generator=generator)
    return body.eval().requires_grad_(False).to("cuda")


def loaded(body, precision):
    return Network("c3d", body, device="cuda", precision=precision, weights_sha256="0" * 64, proven=False)


@pytest.fixture(scope="module")
def on_gpu(published):
    device = torch.device("cuda")
    return {name: loaded(accelerated(published, device, name), name) for name in ("fast", "exact")}


@on_hopper
@pytest.mark.parametrize("precision", ["fast", "exact"])
@pytest.mark.parametrize("shape", [(2, 64, 64), (1, 112, 112), (1, 240, 320)], ids=str)
def test_kernels_keep_the_bound(published, on_gpu, precision, shape):
    assert on_gpu[precision].implementation != "plain"
    batch = clips(*shape)
    answer, expected = on_gpu[precision](batch), truth(published, batch)
    for name in ("logits", "fc7"):
        assert distance(answer[name], expected[name]) < BOUNDS[precision] * 0.8


@on_hopper
@pytest.mark.parametrize("precision", ["fast", "exact"])
def test_a_clip_has_the_same_bits_in_any_batch_and_at_any_time(on_gpu, precision):
    batch = clips(70, 64, 64)
    answers = [on_gpu[precision](batch)["fc7"] for _ in range(3)]  # recorded at the second, replayed after
    assert all(np.array_equal(answers[0], answer) for answer in answers[1:])
    for part in (slice(0, 1), slice(3, 40), slice(66, 70)):
        assert np.array_equal(on_gpu[precision](batch[part])["fc7"], answers[0][part])


@on_hopper
def test_weights_that_overflow_fp16_give_the_plain_features(published):
    from vidmetrics.networks.fast.triton_operators import TritonOperators

    published.convolutions["conv4a"].bias.data += 1e5
    body = FastBody(published, TritonOperators(), "fast", torch.device("cuda"))
    answer, expected = (loaded(which, "fast")(clips(3, 64, 64))["fc7"] for which in (body, published))
    published.convolutions["conv4a"].bias.data -= 1e5
    assert body.repeated == 1
    assert np.array_equal(answer, expected)
