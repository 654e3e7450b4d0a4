"""The fast network as a body: whole features, parts, repetition after an overflow; on a GPU also the real kernels."""

from __future__ import annotations

import contextlib
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vidmetrics.catalog.conventions import CONVENTIONS
from vidmetrics.networks import fast as fast_networks
from vidmetrics.networks.fast import accelerated, running
from vidmetrics.networks.fast.fast_i3d import FastI3D
from vidmetrics.networks.fast.first_layer import identity
from vidmetrics.networks.fast.recording import Recorded
from vidmetrics.networks.fast.running import BOUNDS, FastBody
from vidmetrics.networks.fast.torch_operators import TorchOperators
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.network import Network
from vidmetrics.networks.precision import computing
from vidmetrics.networks.preprocessing import Preprocessing

CPU = torch.device("cpu")
HOPPER = torch.cuda.is_available() and torch.cuda.get_device_capability()[0] == 9
on_hopper = pytest.mark.skipif(not HOPPER, reason="needs a GPU of compute capability 9")


@pytest.fixture(scope="module")
def weights():
    from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights

    return dict(seeded_i3d_weights(0))


def plain(weights, device=CPU, convention="fvd"):
    pixels = Preprocessing(CONVENTIONS[convention].resize, CONVENTIONS[convention].crop)
    return I3D.from_tensors(weights, 400, pixels=pixels).eval().requires_grad_(False).to(device)


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
    assert network.implementation == {"fast": "fp16x1-2", "exact": "fp16x2-2"}[precision]
    for name, size in (("logits", 400), ("pool", 1024)):
        assert answer[name].shape == (1, size)
        assert answer[name].dtype == np.float32
        # Half of it: the matrix units of a GPU truncate, which this arithmetic does not.
        assert distance(answer[name], expected[name]) < BOUNDS[precision] / 2
    # One fp16 number is far from enough for `exact`.
    assert precision == "exact" or distance(answer["logits"], expected["logits"]) > 1e-4


def test_frames_of_the_networks_size_that_magvit_resizes_twice(weights):
    body = FastBody(plain(weights, convention="fvd-magvit"), TorchOperators(torch.float32), "exact", CPU)
    batch = torch.from_numpy(clips(1, 9, 224, 224))
    ours, theirs = body(batch)["logits"], body._by_plain(batch)["logits"]
    assert distance(ours.numpy(), theirs.numpy()) < BOUNDS["exact"]
    unchanged = plain(weights)(batch)["logits"]
    assert distance(unchanged.numpy(), theirs.numpy()) > 0.01  # the two resizes matter


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("convention", list(CONVENTIONS))
def test_frames_are_taken_as_they_are_only_where_the_preprocessing_leaves_them(weights, convention, planes):
    network = FastI3D(plain(weights, convention=convention), TorchOperators(), planes, CPU)
    steps = network._preprocessing.id_at(224, 224)
    entrance = network.entrance(16, 224, 224)
    as_they_are = entrance.pixels.resize is None and not entrance.resized_before
    assert entrance.pixels.shape.rows.runs == identity(224).rows.runs
    assert as_they_are == (steps == "scale-v1")
    assert as_they_are == (convention != "fvd-magvit")


class Counting:
    """Replaces the network's layers: a clip's feature is its first value, and 255 overflows."""

    def __init__(self, *_):
        self.starts, self.ends = [], []
        self.planes, self.device, self.resized_before = 1, CPU, False

    def middle(self, num_clips, num_frames):
        return torch.full((1, num_clips, 1), -1.0)

    def entrance(self, *_):
        class Pixels:
            zeros = staticmethod(lambda num_clips, device: torch.zeros(num_clips))

        return SimpleNamespace(pixels=Pixels, resized_before=self.resized_before)

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
    sound = torch.zeros_like(batch)
    doubts = [int(body.begin(each)[1]) for each in (batch, sound)]
    assert doubts == [1, 0]
    assert body.repeated == 1
    batch[17] = 0
    assert (body(batch)["logits"] >= 0).all()


def test_clips_too_long_for_32_bits_are_plain(body):
    assert float(body(torch.zeros(1, running.LONGEST + 1, 2, 2, 3, dtype=torch.uint8))["logits"].max()) == -1000


@pytest.mark.parametrize("resized_before", [False, True])
def test_resizers_are_never_recorded(monkeypatch, resized_before):
    """They copy tables from host memory, which a CUDA graph refuses."""
    recorded, now = [], []

    @contextlib.contextmanager
    def graph(it, **_):
        now.append(it)
        yield
        now.clear()

    class Graph:
        def __init__(self):
            self.replays = 0
            recorded.append(self)

        def replay(self):
            self.replays += 1

    class Upload:
        def __call__(self, source, target, _):
            target.copy_(source)

    for name, value in {
        "CUDAGraph": Graph,
        "graph": graph,
        "graph_pool_handle": lambda: None,
        "Event": lambda: SimpleNamespace(record=lambda: None),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    network = Counting()
    network.resized_before = resized_before
    starts_recorded, start = [], network.start
    network.start = lambda *arguments: (starts_recorded.append(bool(now)), start(*arguments))
    recording = Recorded(network, Upload(), (150, 16, 8, 8))
    batch = torch.arange(150, dtype=torch.uint8).reshape(150, 1, 1, 1, 1).expand(150, 16, 8, 8, 3)
    for _ in range(3):
        assert torch.equal(recording(batch)["logits"][:, 7], torch.arange(150.0))
    parts = len(recording._parts)
    assert starts_recorded == ([False] * 3 * parts if resized_before else [False] * parts + [True] * parts)
    assert [graph.replays for graph in recorded] == [2] * (1 if resized_before else parts + 1)


class Fast:
    """Replaces the fast body."""

    def __init__(self, *_):
        pass

    def agrees(self):
        return True


class Disagreeing(Fast):
    def agrees(self):
        return False


class Crashing(Fast):
    def agrees(self):
        raise RuntimeError("ptxas: no space left\non device.")


@pytest.fixture
def gpu(monkeypatch):
    """A machine on which the fast network would be tried."""
    operators = SimpleNamespace(TritonOperators=SimpleNamespace)
    monkeypatch.setattr(fast_networks, "_supported", lambda device: True)
    monkeypatch.setitem(sys.modules, "vidmetrics.networks.fast.triton_operators", operators)
    monkeypatch.setattr(running, "FastBody", Fast)
    return operators


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            Disagreeing,
            "with these weights its features differ from the plain one's by more than four fifths of the bound",
        ),
        (Crashing, "ptxas: no space left on device"),
    ],
)
def test_a_fast_network_that_fails_is_replaced_with_a_warning(weights, gpu, monkeypatch, body, why):
    network = plain(weights)
    monkeypatch.setattr(running, "FastBody", body)
    with pytest.warns(RuntimeWarning) as warned:
        assert accelerated(network, torch.device("cuda"), "exact") is network
    assert [str(warning.message) for warning in warned] == [
        f"The fast I3D is not used ({why}); the plain one computes the same, slower."
    ]


def test_a_compiler_that_fails_is_a_warning(weights, gpu):
    def fails():
        raise FileNotFoundError(2, "No such file or directory", "gcc")

    network, gpu.TritonOperators = plain(weights), fails
    with pytest.warns(RuntimeWarning, match=r"not used \(.*gcc.*\); the plain one"):
        assert accelerated(network, torch.device("cuda"), "exact") is network


def test_a_fast_network_that_agrees_is_used_without_a_word(weights, gpu):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert isinstance(accelerated(plain(weights), torch.device("cuda"), "exact"), Fast)


@pytest.mark.parametrize(("wrong", "agrees"), [(None, True), (64, False), (224, False)])
def test_clips_of_two_sizes_are_compared_with_the_plain_network(weights, monkeypatch, wrong, agrees):
    def ours(self, batch):
        return {"logits": torch.ones(2, 400) + (batch.shape[2] == wrong), "pool": torch.ones(2, 1024)}

    monkeypatch.setattr(FastBody, "_features", ours)
    monkeypatch.setattr(FastBody, "_by_plain", lambda *_: {"logits": torch.ones(2, 400), "pool": torch.ones(2, 1024)})
    assert FastBody(plain(weights), TorchOperators(), "exact", CPU).agrees() == agrees


def test_neither_a_cpu_nor_another_network_gets_the_network_for_gpus(weights):
    assert not isinstance(accelerated(plain(weights), CPU, "exact"), FastBody)
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
@pytest.mark.parametrize("side", [64, 96, 224])
def test_clips_resized_twice_keep_the_bound_when_recorded_too(weights, side):
    device = torch.device("cuda")
    body = accelerated(plain(weights, device, "fvd-magvit"), device, "exact")
    assert isinstance(body, FastBody)
    batch = torch.from_numpy(clips(2, 9, side, side))
    with computing("exact"):  # not in TF32, torch's default
        expected = body._by_plain(batch)["logits"].cpu().numpy()
    for _ in range(3):
        assert distance(body(batch)["logits"].cpu().numpy(), expected) < BOUNDS["exact"]


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
def test_batches_started_before_others_end_and_tensors_on_the_gpu_give_the_same_bits(on_gpu, precision):
    network, batch = on_gpu[precision], clips(200, 16, 64, 64)
    parts = [batch[start : start + 64] for start in range(0, 200, 64)]
    expected = [network(part) for part in parts]
    for there in (parts, [torch.from_numpy(part).cuda() for part in parts]):
        started = [network.begin(part) for part in there]
        for features, answer in zip(started, expected, strict=True):
            for name in ("logits", "pool"):
                assert np.array_equal(features.on_host()[name], answer[name])


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
    started = [network.begin(batch), network.begin(batch)]
    assert body.repeated == 1
    assert all(np.array_equal(each.on_host()["logits"], answer["logits"]) for each in started)
    assert body.repeated == 3
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
    with pytest.warns(RuntimeWarning, match="The fast I3D is not used"):
        assert accelerated(body, device, "exact") is body


def _kernels():
    from vidmetrics.networks.fast.triton_operators import TritonOperators

    return TritonOperators()


def test_the_first_layers_memory_is_kept_for_one_shape(weights):
    network = FastI3D(plain(weights), TorchOperators(), 1, CPU)
    assert network.entrance(9, 64, 64) is network.entrance(9, 64, 64)
    assert network.entrance(9, 64, 64).packed is network.entrance(16, 64, 64).packed
