"""The Inception of products of fp16 numbers against the plain one in float64: blocks, the whole, and on a GPU the real kernels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidmetrics.networks import inception
from vidmetrics.networks.fast import accelerated, fast_inception
from vidmetrics.networks.fast.fast_inception import FastInception, pack_block
from vidmetrics.networks.fast.packing import split
from vidmetrics.networks.fast.running import BOUNDS, FastBody
from vidmetrics.networks.fast.torch_operators import TorchOperators
from vidmetrics.networks.inception import Inception, preprocess
from vidmetrics.networks.network import Network

CPU = torch.device("cpu")
HOPPER = torch.cuda.is_available() and torch.cuda.get_device_capability()[0] == 9
on_hopper = pytest.mark.skipif(not HOPPER, reason="needs a GPU of compute capability 9")
BLOCKS = {"Mixed_5b": 192, "Mixed_6a": 288, "Mixed_6b": 768, "Mixed_7a": 768, "Mixed_7b": 1280, "Mixed_7c": 2048}
"""One block of each kind, and its input channels."""


@pytest.fixture(scope="module")
def plain():
    from vidmetrics.conformance.seeded_inception import seeded_inception_weights

    return Inception.from_tensors(seeded_inception_weights(0)).requires_grad_(False)


def clips(num_clips, num_frames, height, width):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (num_clips, num_frames, height, width, 3), dtype=np.uint8)


def truth(plain, batch, device=CPU):
    """Return float64 features of frames resized in float32, as the definition has it."""
    double = Inception()
    double.load_state_dict(plain.state_dict())
    double = double.eval().requires_grad_(False).double().to(device)
    with torch.inference_mode():
        pixels = preprocess(torch.from_numpy(batch).to(device).flatten(0, 1)).double()
        return {name: out.cpu().numpy() for name, out in double._features(pixels).items()}


def distance(ours, theirs):
    return float(np.linalg.norm(np.asarray(ours, np.float64) - np.asarray(theirs)) / np.linalg.norm(np.asarray(theirs)))


@pytest.mark.parametrize(("name", "planes", "bound"), [*((name, 2, 1e-6) for name in BLOCKS), ("Mixed_6b", 1, 1e-3)])
def test_each_kind_of_block_is_the_plain_one(plain, name, planes, bound):
    network = FastInception.__new__(FastInception)
    network.planes, network._run = planes, TorchOperators(torch.float32)
    random = torch.Generator().manual_seed(0)
    x = split(torch.rand(1, 1, 5, 5, BLOCKS[name], generator=random), planes)
    overflow = torch.zeros(1, dtype=torch.int32)
    with torch.inference_mode():
        ours = network._mixed(x, pack_block(plain.get_submodule(name), planes, CPU), overflow).float().sum(0)[:, 0]
        block = plain.get_submodule(name).double()
        theirs = block(x.double().sum(0)[:, 0].permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        block.float()
    assert ours.shape == theirs.shape
    assert distance(ours, theirs) < bound
    assert not overflow


@pytest.fixture
def short(monkeypatch):
    """The stem, the last block and the classifier with seeded weights: every layer that is not in the test above."""
    for module in (inception, fast_inception):
        monkeypatch.setattr(module, "_BLOCKS", {"Mixed_7c": inception._BLOCKS["Mixed_7c"]})
    network, random = Inception(), torch.Generator().manual_seed(0)
    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d):
            part.weight.data.normal_(0, (2 / part.weight[0].numel()) ** 0.5, generator=random)
        elif isinstance(part, torch.nn.BatchNorm2d):
            for tensor in (part.weight, part.running_var):
                tensor.data.uniform_(0.5, 1.5, generator=random)
            for tensor in (part.bias, part.running_mean):
                tensor.data.normal_(0, 0.1, generator=random)
    return network.eval().requires_grad_(False)


def test_a_network_of_one_block_keeps_the_bound_of_exact(short):
    plain, batch = short, clips(1, 1, 40, 33)
    body = FastBody(plain, TorchOperators(torch.float32), "exact", CPU)
    network = Network("inception", body, device="cpu", precision="exact", weights_sha256="0" * 64, proven=False)
    assert (network.implementation, network.per_frame, network.min_frames) == ("fp16x2-2", True, 1)
    assert network.preprocessing_at(40, 33) == plain.preprocessing
    answer, expected = network(batch), truth(plain, batch)
    for name, size in Inception.outputs.items():
        assert answer[name].shape == (1, size)
        assert distance(answer[name], expected[name]) < BOUNDS["exact"] / 5
    # Pixels of frames that are not resized are integers, for which one fp16 number is enough.
    assert body._network.entrance(1, 299, 299).pixels.planes == 1
    assert body._network.entrance(1, 299, 300).pixels.planes == 2


@pytest.fixture(scope="module")
def on_gpu(plain):
    if not HOPPER:
        pytest.skip("needs a GPU of compute capability 9")
    networks = {}
    for precision in ("fast", "exact"):
        body = accelerated(plain.to("cuda"), torch.device("cuda"), precision)
        networks[precision] = Network(
            "inception", body, device="cuda", precision=precision, weights_sha256="0" * 64, proven=False
        )
    return networks


@on_hopper
@pytest.mark.parametrize("precision", ["fast", "exact"])
@pytest.mark.parametrize("shape", [(2, 3, 64, 64), (1, 2, 299, 299), (1, 1, 48, 80), (1, 3, 360, 480)], ids=str)
def test_kernels_keep_the_bound(plain, on_gpu, precision, shape):
    assert on_gpu[precision].implementation != "plain"
    batch = clips(*shape)
    answer, expected = on_gpu[precision](batch), truth(plain, batch, "cuda")
    for name in Inception.outputs:
        assert distance(answer[name], expected[name]) < BOUNDS[precision] * 0.7


@on_hopper
@pytest.mark.parametrize("precision", ["fast", "exact"])
def test_a_frame_has_the_same_bits_in_any_batch_and_at_any_time(on_gpu, precision):
    batch = clips(70, 16, 64, 64)
    answers = [on_gpu[precision](batch)["pool"] for _ in range(3)]  # recorded at the second, replayed after
    assert all(np.array_equal(answers[0], answer) for answer in answers[1:])
    for part in (slice(0, 1), slice(3, 40), slice(66, 70)):
        assert np.array_equal(
            on_gpu[precision](batch[part])["pool"], answers[0].reshape(70, 16, -1)[part].reshape(-1, 2048)
        )


@on_hopper
def test_weights_that_overflow_fp16_give_the_plain_features(plain):
    from vidmetrics.networks.fast.triton_operators import TritonOperators

    device, large = torch.device("cuda"), Inception()
    large.load_state_dict(plain.state_dict())
    large = large.eval().requires_grad_(False).to(device)
    large.Mixed_6c.branch7x7_2.bn.bias += 1e5
    body = FastBody(large, TritonOperators(), "fast", device)
    networks = [
        Network("inception", which, device="cuda", precision="fast", weights_sha256="0" * 64, proven=False)
        for which in (body, large)
    ]
    answer, expected = (network(clips(2, 3, 64, 64))["pool"] for network in networks)
    assert body.repeated == 1
    assert np.array_equal(answer, expected)
