"""Recorded updates: correct inputs in each slot, one computation per call, and the same weights as without recording."""

import contextlib
import time
import types
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from dvdgan.fast import graphs
from dvdgan.fast.graphs import WARM_UP, RecordingError, Replayed
from dvdgan.fast.modes import choose_mode
from dvdgan.settings_text import settings_from_text
from dvdgan.training import launch
from dvdgan.training.inputs import MicroBatch, flatten_inputs, refill_inputs
from dvdgan.training.update import Networks
from vidbench.models import InputError, ModelTask


class Recorder:
    """Replaces a CUDA graph: a recording is the function's last call, replayed on the same memory."""

    def __init__(self) -> None:
        self.replay_of = None

    def replay(self) -> None:
        self.replay_of()


@pytest.fixture
def stand_in(monkeypatch):
    """torch.cuda without a GPU: capturing runs the function once, replaying runs it again into the same output."""
    stream, used = types.SimpleNamespace(wait_stream=lambda other: None), []

    def new_stream():
        return types.SimpleNamespace(wait_stream=lambda other: None)

    def on(stream):
        used.append(stream)
        return contextlib.nullcontext()

    cuda = types.SimpleNamespace(
        CUDAGraph=Recorder,
        Stream=new_stream,
        current_stream=lambda: stream,
        stream=on,
        synchronize=lambda: None,
        OutOfMemoryError=torch.cuda.OutOfMemoryError,
        graph=lambda graph, stream, capture_error_mode: on(stream),
    )
    monkeypatch.setattr(graphs.torch, "cuda", cuda)
    return used


def test_calls_see_their_own_inputs_and_keep_their_own_outputs(stand_in, monkeypatch):
    seen = []

    def function(inputs):
        seen.append([tensor.data_ptr() for tensor in inputs])
        return inputs[0] * 10 + inputs[1]

    replayed = Replayed(function)
    record = replayed._record

    def recording(inputs):
        graph, output = record(inputs)
        graph.replay_of = lambda: output.copy_(replayed._inputs[0] * 10 + replayed._inputs[1])
        return graph, output

    monkeypatch.setattr(replayed, "_record", recording)
    outputs = []
    for call in range(WARM_UP + 3):
        assert replayed.recorded == (call > WARM_UP)
        outputs.append(replayed([torch.tensor([float(call)]), torch.tensor([call / 10])]))
    assert [float(output) for output in outputs] == pytest.approx([10.1 * call for call in range(WARM_UP + 3)])
    assert len(seen) == WARM_UP + 1  # replays call nothing


def test_warm_up_and_recording_are_on_one_stream(stand_in):
    replayed = Replayed(lambda inputs: inputs[0])
    for _ in range(WARM_UP):
        replayed([torch.zeros(1)])
    replayed._record([torch.zeros(1)])
    assert len(stand_in) == WARM_UP + 1
    assert all(stream is stand_in[0] for stream in stand_in)


def test_inputs_are_refilled_in_order_and_keep_what_is_absent():
    def part(number):
        tensors = [torch.tensor([10 * number + place]) for place in range(4)]
        return MicroBatch(*tensors, None, None)

    inputs = [[part(0), part(1)], [part(2)]]
    flat = flatten_inputs(inputs)
    assert [int(tensor) for tensor in flat] == [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]
    again = refill_inputs(inputs, [tensor + 100 for tensor in flat])
    assert [[len(step), step[-1].corners_M2] for step in again] == [[2, None], [1, None]]
    assert int(again[1][0].frames_MK) == 123


def test_modes_by_device_and_parts():
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert choose_mode("auto", gpu, 1) == "graphs"
    assert choose_mode("auto", gpu, 2) == choose_mode("auto", cpu, 1) == "none"
    assert choose_mode("none", gpu, 1) == "none"
    for device, accumulate in ((cpu, 1), (gpu, 2)):
        with pytest.raises(InputError, match="compile=graphs"):
            choose_mode("graphs", device, accumulate)


def test_power_iteration_stays_in_its_memory(task, tiny_settings):
    networks = Networks(task, settings_from_text(tiny_settings), 0, torch.device("cpu"))
    places = {name: buffer.data_ptr() for name, buffer in networks.generator.named_buffers() if name.endswith(".u")}
    before = {name: buffer.clone() for name, buffer in networks.generator.named_buffers() if name.endswith(".u")}
    networks._normalise(networks.generator)
    after = dict(networks.generator.named_buffers())
    assert places
    assert all(after[name].data_ptr() == place for name, place in places.items())
    assert any(not torch.equal(after[name], before[name]) for name in places)


SMALL_STEPS = {"g_lr": "1e-5", "d_lr": "1e-5"}
"""At the paper's rates Adam, whose beta 1 is 0, magnifies the order of sums to tenths of a loss within eight steps."""


@pytest.mark.skipif(not torch.cuda.is_available(), reason="recording needs a GPU")
@pytest.mark.parametrize("recorded", ["graphs", "fused"])
@pytest.mark.parametrize(
    ("given", "more"), [(0, {}), (2, {"reconstruction": "20"}), (0, {"augment": "colour+translation+cutout"})]
)
def test_a_recorded_run_is_the_run(given, more, recorded):
    task = ModelTask("gpu", 6, given, 16, 16, ("a", "b", "c"))
    rng = torch.Generator().manual_seed(0)
    clips = [torch.randint(0, 256, (8, 6, 16, 16, 3), dtype=torch.uint8, generator=rng).cuda() for _ in range(2)]
    labels = torch.randint(0, 3, (8,), generator=rng).cuda()
    values = {}
    for mode in ("none", recorded):
        common = {"ch": "8", "d_ch": "8", "batch_size": "8", "spatial_frames": "3", **SMALL_STEPS}
        settings = settings_from_text({**common, **more, "compile": mode})
        networks = Networks(task, settings, 0, torch.device("cuda"))
        steps = [networks.update(step, lambda draw: (clips[draw % 2], labels)) for step in range(WARM_UP + 5)]
        values[mode] = torch.stack(steps).cpu()
        assert networks.launch.take_note() == ""
        assert networks.launch.mode == mode
    torch.testing.assert_close(values[recorded], values["none"], rtol=0.05, atol=0.05)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="recording needs a GPU")
def test_recorded_runs_side_by_side_are_the_runs_alone():
    task = ModelTask("gpu", 6, 0, 16, 16, ("a", "b", "c"))
    rng = torch.Generator().manual_seed(0)
    clips = torch.randint(0, 256, (8, 6, 16, 16, 3), dtype=torch.uint8, generator=rng).cuda()
    labels = torch.randint(0, 3, (8,), generator=rng).cuda()
    settings = settings_from_text({"ch": "8", "d_ch": "8", "batch_size": "8", "spatial_frames": "3", **SMALL_STEPS})

    def train(seed):
        with torch.cuda.stream(torch.cuda.Stream()):
            networks = Networks(task, settings, seed, torch.device("cuda"))
            steps = [networks.update(step, lambda draw: (clips, labels)) for step in range(WARM_UP + 20)]
            values = torch.stack(steps).cpu()
        assert networks.launch.take_note() == ""
        assert networks.launch.mode == "graphs"
        return values

    torch.cuda.synchronize()
    alone = [train(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(train, range(4)))
    for mine, theirs in zip(together, alone, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0.05, atol=0.05)


def test_one_thread_at_a_time_records(stand_in):
    inside, most = [], []

    def function(inputs):
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()
        return inputs[0]

    def record(_):
        replayed = Replayed(function)
        for _ in range(WARM_UP):
            replayed([torch.zeros(1)])

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, range(4)))
    assert len(most) == 4 * WARM_UP
    assert max(most) == 1


def test_where_recording_fails_the_update_is_made_without(task, tiny_settings, monkeypatch):
    class Broken:
        recorded = False

        def __init__(self, function):
            pass

        def __call__(self, inputs):
            raise RecordingError("operation not permitted when stream is capturing")

    monkeypatch.setattr(launch, "Replayed", Broken)
    settings = settings_from_text(tiny_settings | {"batch_size": "4"})
    clips = torch.randint(0, 256, (4, 5, 8, 8, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 2, 0])
    plain, recorded = (Networks(task, settings, 0, torch.device("cpu")) for _ in range(2))
    recorded.launch.mode = "graphs"
    assert torch.equal(recorded.update(0, lambda draw: (clips, labels)), plain.update(0, lambda draw: (clips, labels)))
    assert "compile=graphs failed (RecordingError: operation not permitted" in recorded.launch.take_note()
    assert recorded.launch.mode == "none"


def test_only_a_failure_to_record_is_one(stand_in):
    def function(inputs):
        calls.append(0)
        if len(calls) == failing:
            raise RuntimeError("here")
        return inputs[0]

    for failing, kind in ((1, RuntimeError), (WARM_UP + 1, RecordingError)):
        calls = []
        replayed = Replayed(function)
        for _ in range(failing - 1):
            replayed([torch.zeros(1)])
        with pytest.raises(RuntimeError) as caught:
            replayed([torch.zeros(1)])
        assert caught.type is kind
