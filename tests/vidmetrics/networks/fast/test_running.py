"""The fast network as a body: whole features, parts, repetition after an overflow; on a GPU also the real kernels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidmetrics.networks.fast import accelerated, running
from vidmetrics.networks.fast.fast_i3d import FastI3D
from vidmetrics.networks.fast.running import BOUNDS, FastBody
from vidmetrics.networks.fast.torch_operators import TorchOperators
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.network import Network

CPU = torch.device("cpu")
HOPPER = torch.cuda.is_available() and torch.cuda.get_device_capability()[0] == 9
on_hopper = pytest.mark.skipif(not HOPPER, reason="needs a GPU of compute capability 9")


@pytest.fixture(scope="module")
def weights():
    from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights

    return dict(seeded_i3d_weights(0))


def plain(weights, device=CPU):
    return I3D.from_tensors(weights, 400).eval().requires_grad_(False).to(device)


def clips(num_clips, num_frames, height, width):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (num_clips, num_frames, height, width, 3), dtype=np.uint8)


def truth(weights, batch, device=CPU):
    """Return float64 features of frames resized in float32, as the definition has it."""
    network = plain(weights)
    with torch.inference_mode():
        pixels = network.pixels(torch.from_numpy(batch).to(device)).double()
        return {name: out.cpu().numpy() for name, out in network.double().to(device)._features(pixels).items()}


def distance(ours, theirs):
    return float(np.linalg.norm(ours.astype(np.float64) - theirs) / np.linalg.norm(theirs))


@pytest.mark.parametrize("precision", ["fast", "exact"])
def test_the_whole_network_keeps_its_bound(weights, precision):
    batch = clips(1, 9, 64, 64)
    body = FastBody(plain(weights), TorchOperators(torch.float32), precision, CPU)
    network = Network("i3d", body, device="cpu", precision=precision, weights_sha256="0" * 64, proven=False)
    answer, expected = network(batch), truth(weights, batch)
    assert network.implementation == {"fast": "fp16x1-1", "exact": "fp16x2-1"}[precision]
    for name, size in (("logits", 400), ("pool", 1024)):
        assert answer[name].shape == (1, size)
        assert answer[name].dtype == np.float32
        # Half of it: the matrix units of a GPU truncate, which this arithmetic does not.
        assert distance(answer[name], expected[name]) < BOUNDS[precision] / 2
    # One fp16 number is far from enough for `exact`.
    assert precision == "exact" or distance(answer["logits"], expected["logits"]) > 1e-4


class Counting:
    """Replaces the network's layers: a clip's feature is its first value, and 255 overflows."""

    def __init__(self, *_):
        self.starts, self.ends = [], []
        self.planes, self.device = 1, CPU

    def middle(self, num_clips, num_frames):
        return torch.full((1, num_clips, 1), -1.0)

    def entrance(self, *_):
        class Pixels:
            zeros = staticmethod(lambda num_clips, device: torch.zeros(num_clips))

        return type("Entrance", (), {"pixels": Pixels})

    def start(self, part, memory, out, overflow):
        self.starts.append(len(part))
        assert len(memory) >= len(part)
        out[:] = part[None, :, 0, 0, 0, :1].float()
        overflow |= int((part[:, 0, 0, 0, 0] == 255).any())

    def finish(self, middle, overflow):
        self.ends.append(middle.shape[1])
        return {"logits": middle[0].repeat(1, 400), "pool": middle[0].repeat(1, 1024)}


@pytest.fixture
def body(monkeypatch, weights):
    monkeypatch.setattr(running, "FastI3D", Counting)
    made = FastBody(plain(weights), TorchOperators(), "fast", CPU)
    made._plain = lambda batch: {"logits": batch[:, 0, 0, 0, :1].float() - 1000}
    return made


def test_clips_go_through_in_parts_and_come_back_in_order(body):
    batch = torch.arange(150, dtype=torch.uint8).reshape(150, 1, 1, 1, 1).expand(150, 16, 8, 8, 3)
    answer = body(batch)
    assert body._network.starts == 2 * [4, 8, 13, 13, 13, 13] + [4, 8, 10]
    assert body._network.ends == [64, 64, 22]
    assert torch.equal(answer["logits"][:, 7], torch.arange(150.0))
    assert answer["pool"].shape == (150, 1024)


def test_an_overflow_repeats_the_batch_with_the_plain_network(body):
    batch = torch.zeros(20, 16, 8, 8, 3, dtype=torch.uint8)
    assert body(batch)["logits"].shape == (20, 400)
    assert body.repeated == 0
    batch[17, 0, 0, 0, 0] = 255
    assert torch.equal(body(batch)["logits"][:, 0] < 0, torch.ones(20, dtype=bool))
    assert body.repeated == 1
    batch[17] = 0
    assert (body(batch)["logits"] >= 0).all()


def test_clips_too_long_for_32_bits_are_plain(body):
    assert float(body(torch.zeros(1, running.LONGEST + 1, 2, 2, 3, dtype=torch.uint8))["logits"].max()) == -1000


def test_on_a_cpu_the_network_stays_plain(weights):
    network = plain(weights)
    assert accelerated(network, CPU, "exact") is network
    other = torch.nn.Linear(1, 1)
    assert accelerated(other, torch.device("cuda"), "exact") is other


@pytest.fixture(scope="module")
def on_gpu(weights):
    if not HOPPER:
        pytest.skip("needs a GPU of compute capability 9")
    device = torch.device("cuda")
    networks = {}
    for precision in ("fast", "exact"):
        body = accelerated(plain(weights, device), device, precision)
        networks[precision] = Network(
            "i3d", body, device="cuda", precision=precision, weights_sha256="0" * 64, proven=False
        )
    return networks


@on_hopper
@pytest.mark.parametrize("precision", ["fast", "exact"])
@pytest.mark.parametrize("shape", [(2, 16, 64, 64), (2, 9, 224, 224), (1, 17, 48, 80), (1, 12, 240, 320)], ids=str)
def test_kernels_keep_the_bound(weights, on_gpu, precision, shape):
    assert on_gpu[precision].implementation != "plain"
    batch = clips(*shape)
    answer, expected = on_gpu[precision](batch), truth(weights, batch, "cuda")
    for name in ("logits", "pool"):
        assert distance(answer[name], expected[name]) < BOUNDS[precision] * 0.6


@on_hopper
@pytest.mark.parametrize("precision", ["fast", "exact"])
def test_a_clip_has_the_same_bits_in_any_batch_and_at_any_time(on_gpu, precision):
    batch = clips(70, 16, 64, 64)
    answers = [on_gpu[precision](batch)["logits"] for _ in range(4)]  # recorded at the second, replayed after
    assert all(np.array_equal(answers[0], answer) for answer in answers[1:])
    for part in (slice(0, 1), slice(3, 40), slice(66, 70)):
        assert np.array_equal(on_gpu[precision](batch[part])["logits"], answers[0][part])


@on_hopper
@pytest.mark.parametrize("precision", ["fast", "exact"])
def test_weights_that_overflow_fp16_give_the_plain_features(weights, precision):
    device = torch.device("cuda")
    large = dict(weights)
    beta = "RGB/inception_i3d/Mixed_4c/Branch_1/Conv3d_0a_1x1/batch_norm/beta"
    large[beta] = large[beta] + np.float32(1e5)
    body = FastBody(plain(large, device), _kernels(), precision, device)
    network = Network("i3d", body, device="cuda", precision=precision, weights_sha256="0" * 64, proven=False)
    batch = clips(3, 16, 64, 64)
    answer = network(batch)
    assert body.repeated == 1
    reference = Network(
        "i3d", plain(large, device), device="cuda", precision=precision, weights_sha256="0" * 64, proven=False
    )
    assert np.array_equal(answer["logits"], reference(batch)["logits"])
    assert not np.isnan(answer["logits"]).any()


@on_hopper
def test_weights_too_small_for_fp16_stay_plain(weights):
    device = torch.device("cuda")
    small = {name: value * np.float32(1e-6 if name.endswith("beta") else 1) for name, value in weights.items()}
    for name in small:
        if name.endswith(("moving_mean", "moving_variance")):
            small[name] = small[name] * np.float32(0) + np.float32(1e9 if name.endswith("variance") else 0)
    body = plain(small, device)
    assert accelerated(body, device, "exact") is body


def _kernels():
    from vidmetrics.networks.fast.triton_operators import TritonOperators

    return TritonOperators()


def test_the_first_layers_memory_is_kept_for_one_shape(weights):
    network = FastI3D(plain(weights), TorchOperators(), 1, CPU)
    assert network.entrance(9, 64, 64) is network.entrance(9, 64, 64)
    assert network.entrance(9, 64, 64).packed is network.entrance(16, 64, 64).packed
