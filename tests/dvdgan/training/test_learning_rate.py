"""Warm-up and decay of the learning rates: how far weights move, also in resumed runs and recorded updates."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from dvdgan import checkpoint
from dvdgan.config import MODELS
from dvdgan.fast.graphs import WARM_UP, RecordingError
from dvdgan.model import DVDGAN
from dvdgan.settings_text import resume_settings, settings_from_text, settings_from_values
from dvdgan.training import launch, update
from dvdgan.training.update import Networks
from vidbench.models import InputError, ModelTask

CPU = torch.device("cpu")
BATCH = torch.randint(0, 256, (3, 5, 8, 8, 3), dtype=torch.uint8), torch.tensor([0, 1, 2])


def weights(network: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()]).clone()


def moved(networks: Networks, name: str, step: int) -> torch.Tensor:
    """How far the weights of one side move in one update."""
    before = weights(getattr(networks, name))
    networks.update(step, lambda draw: BATCH)
    return weights(getattr(networks, name)) - before


DECAY = {"lr_decay_start": "2", "lr_decay_end": "6"}
WARMUP = {"lr_warmup": "4"}


# Adam's first update from fresh moments is proportional to its rate. The other side does not move (rate 0), so that both
# runs have the same gradients.
@pytest.mark.parametrize("name", ["generator", "discriminators"])
@pytest.mark.parametrize(
    ("change", "step", "factor"),
    [
        *(
            (DECAY, *pair)
            for pair in ((0, 1), (1, 1), (2, 1), (3, 0.75), (4, 0.5), (5, 0.25), (6, 0), (7, 0), (900, 0))
        ),
        *((WARMUP, *pair) for pair in ((0, 0.25), (1, 0.5), (2, 0.75), (3, 1), (4, 1), (900, 1))),
        *((WARMUP | DECAY, *pair) for pair in ((1, 0.5), (2, 0.75), (3, 0.75), (4, 0.5), (6, 0))),
    ],
)
def test_an_update_is_as_long_as_warm_up_and_decay_say(task, tiny_settings, name, change, step, factor):
    rates = {"generator": ("0.01", "0"), "discriminators": ("0", "0.01")}[name]
    given = {**tiny_settings, "g_lr": rates[0], "d_lr": rates[1], "d_steps": "1"}
    constant = moved(Networks(task, settings_from_text(given), 0, CPU), name, step)
    changed = moved(Networks(task, settings_from_text(given | change), 0, CPU), name, step)
    assert constant.abs().mean() > 0.005
    torch.testing.assert_close(changed, factor * constant, rtol=0, atol=2e-7)
    if factor in (0, 1):
        assert torch.equal(changed, factor * constant)


def test_a_run_resumed_in_the_decay_equals_an_unbroken_one_and_does_not_move_after_it(tmp_path, request_for, task):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    decay = {"lr_decay_start": "1", "lr_decay_end": "4", "log_every": "1"}
    path = DVDGAN.train(request_for(whole, 6, **decay))
    DVDGAN.train(request_for(parts, 2, **decay))
    DVDGAN.train(request_for(parts, 4, **decay))
    again = DVDGAN.train(request_for(parts, 6, **decay))
    for step in (4, 6):
        state = checkpoint.state_path(whole, step)
        assert state.read_bytes() == checkpoint.state_path(parts, step).read_bytes()
    assert path.read_bytes() == again.read_bytes()
    for lines in (_looks(whole), _looks(parts)):
        assert [line["lr_factor"] for line in lines] == [1, 1, 0.66667, 0.33333, 0, 0]
    tensors, last = (load_file(checkpoint.state_path(whole, step)) for step in (4, 6))
    networks = Networks(task, settings_from_text(request_for(whole, 6, **decay).settings), 3, CPU)
    learned = {f"generator/{name}" for name, _ in networks.generator.named_parameters()}
    learned |= {f"discriminators/{name}" for name, _ in networks.discriminators.named_parameters()}
    assert all(torch.equal(tensors[name], last[name]) for name in learned)
    assert not torch.equal(tensors["adam_g/exp_avg/head.weight"], last["adam_g/exp_avg/head.weight"])


def _looks(folder):
    lines = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    return [line for line in lines if "event" not in line]


def test_a_run_resumed_in_the_warm_up_equals_an_unbroken_one(tmp_path, request_for):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    path = DVDGAN.train(request_for(whole, 4, lr_warmup="3", log_every="1"))
    DVDGAN.train(request_for(parts, 1, lr_warmup="3", log_every="1"))
    again = DVDGAN.train(request_for(parts, 4, lr_warmup="3", log_every="1"))
    assert path.read_bytes() == again.read_bytes()
    for lines in (_looks(whole), _looks(parts)):
        assert [line["lr_factor"] for line in lines] == [0.33333, 0.66667, 1, 1]


def test_without_the_settings_the_log_says_nothing_of_it(tmp_path, request_for):
    DVDGAN.train(request_for(tmp_path, 1))
    assert all("lr_factor" not in line for line in _looks(tmp_path))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"lr_decay_start": "3"}, "'lr_decay_start' needs 'lr_decay_end'"),
        ({"lr_decay_end": "3"}, "'lr_decay_end' needs 'lr_decay_start'"),
        ({"lr_decay_start": "3", "lr_decay_end": "3"}, "is 3; give a step after lr_decay_start=3"),
        ({"lr_decay_start": "-1", "lr_decay_end": "3"}, "at least 0"),
        ({"lr_decay_start": "1", "lr_decay_end": "2.5"}, "'lr_decay_end' is '2.5'; give a whole number"),
        ({"lr_decay_start": "soon", "lr_decay_end": "2"}, "give a whole number"),
    ],
)
def test_half_a_decay_or_one_backwards_is_refused(given, words):
    with pytest.raises(InputError, match=words) as caught:
        settings_from_text(given)
    assert str(caught.value).count(". ") == 0


def test_the_settings_in_text_and_in_files_older_than_they_are():
    settings = settings_from_text({"lr_decay_start": "0", "lr_decay_end": "9"})
    assert (settings.lr_decay_start, settings.lr_decay_end) == (0, 9)
    assert settings_from_values(json.loads(json.dumps(settings.to_values())), "f") == settings
    assert settings_from_text({"lr_decay_start": "none", "lr_decay_end": "None"}, settings) == MODELS["dvdgan"]
    old = {name: value for name, value in MODELS["dvdgan"].to_values().items() if not name.startswith("lr_decay")}
    assert settings_from_values(old, "f") == MODELS["dvdgan"]
    with pytest.raises(InputError, match="started with lr_decay_end=9 and cannot be resumed with lr_decay_end=10"):
        resume_settings({"lr_decay_end": "10"}, settings)


def test_the_weight_of_the_reconstruction_falls_to_its_end(tiny_settings, monkeypatch):
    decay = {"reconstruction": "20", "reconstruction_end": "5"}
    settings, task = settings_from_text({**tiny_settings, **decay}), ModelTask("t", 5, 2, 8, 8, ())
    used, objective = [], update.generator_objective
    monkeypatch.setattr(
        update, "generator_objective", lambda *of: used.append((id(of[2]), float(of[2]))) or objective(*of)
    )
    networks = Networks(task, settings, 0, CPU)
    for step in (0, 1, 2, 4, 5, 9):
        networks.update(step, lambda draw: (BATCH[0], torch.zeros(3, dtype=torch.int64)))
    assert [weight for _, weight in used] == pytest.approx([20, 16, 12, 4, 0, 0], abs=1e-5)
    assert len({place for place, _ in used}) == 1  # a recorded update reads it from the same memory


class Recorded:
    """Replaces a recording: the function is passed once, its inputs are always in the same memory, and every call calls it."""

    def __init__(self, function):
        self.function, self.inputs = function, None

    def __call__(self, inputs):
        if self.inputs is None:
            self.inputs = [tensor.clone() for tensor in inputs]
        torch._foreach_copy_(self.inputs, list(inputs))
        return self.function(self.inputs)


class Unrecordable(Recorded):
    """A recording that fails in its third call."""

    calls = 0

    def __call__(self, inputs):
        self.calls += 1
        if self.calls == 3:
            raise RecordingError("not permitted")
        return super().__call__(inputs)


@pytest.fixture
def fused_on_cpu(monkeypatch):
    """torch's fused Adam on the CPU, as on a GPU: it accepts a tensor as rate."""
    adam = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda *args, **how: adam(*args, **(how | {"fused": True})))


# Rates and factors are small multiples of powers of two, which float32 represents exactly.
@pytest.mark.parametrize(("stand_in", "mode"), [(Recorded, "graphs"), (Unrecordable, "none")])
@pytest.mark.parametrize(
    ("change", "factors"),
    [
        ({"lr_decay_start": "1", "lr_decay_end": "5"}, [1, 1, 0.75, 0.5, 0.25, 0, 0]),
        (WARMUP, [0.25, 0.5, 0.75, 1, 1, 1, 1]),
    ],
)
def test_a_recording_reads_the_rates_of_each_update(
    task, tiny_settings, monkeypatch, fused_on_cpu, stand_in, mode, change, factors
):
    rates = {"g_lr": str(2**-10), "d_lr": str(2**-9)}
    settings = settings_from_text(tiny_settings | rates | change)
    plain = Networks(task, settings, 0, CPU)
    monkeypatch.setattr(update, "choose_mode", lambda *args, **more: "graphs")
    monkeypatch.setattr(launch, "Replayed", stand_in)
    recorded = Networks(task, settings, 0, CPU)
    groups = [adam.param_groups[0] for _, _, adam in recorded._optimisers()]
    places = [group["lr"].data_ptr() for group in groups]
    compute = recorded.launch._compute

    def computes_without_setting(turns):
        before = [group["lr"]._version for group in groups]
        values = compute(turns)
        assert [group["lr"]._version for group in groups] == before  # a replay would set what the recording set
        return values

    monkeypatch.setattr(recorded.launch, "_compute", computes_without_setting)
    for step, factor in enumerate(factors):
        losses = [networks.update(step, lambda draw: BATCH) for networks in (plain, recorded)]
        assert torch.equal(*losses)
        assert [float(group["lr"]) for group in groups] == [factor * 2**-10, factor * 2**-9]
    assert [group["lr"].data_ptr() for group in groups] == places
    assert all(group["lr"].shape == () and group["lr"].dtype == torch.float32 for group in groups)
    assert recorded.launch.mode == mode
    for name in ("generator", "discriminators"):
        assert torch.equal(weights(getattr(plain, name)), weights(getattr(recorded, name)))


def test_without_a_decay_a_recording_keeps_plain_numbers(task, tiny_settings, monkeypatch, fused_on_cpu):
    monkeypatch.setattr(update, "choose_mode", lambda *args, **more: "graphs")
    networks = Networks(task, settings_from_text(tiny_settings), 0, CPU)
    assert all(isinstance(adam.param_groups[0]["lr"], float) for _, _, adam in networks._optimisers())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="recording needs a GPU")
def test_recorded_updates_with_a_decay_are_those_without_recording():
    task = ModelTask("gpu", 6, 0, 16, 16, ("a", "b", "c"))
    rng = torch.Generator().manual_seed(0)
    clips = torch.randint(0, 256, (8, 6, 16, 16, 3), dtype=torch.uint8, generator=rng).cuda()
    labels = torch.randint(0, 3, (8,), generator=rng).cuda()
    # The update is recorded at the full rate, in update 3; updates from 12 on must change nothing.
    end = WARM_UP + 9
    decay = {"lr_decay_start": str(WARM_UP), "lr_decay_end": str(end)}
    common = {"ch": "8", "d_ch": "8", "batch_size": "8", "spatial_frames": "3", "precision": "float32"}
    lengths = {}
    for mode in ("none", "graphs"):
        networks = Networks(task, settings_from_text({**common, **decay, "compile": mode}), 0, torch.device("cuda"))
        steps = []
        for step in range(end + 2):
            sides = (networks.generator, networks.discriminators)
            before = [weights(side) for side in sides]
            networks.update(step, lambda draw: (clips, labels))
            after = [weights(side) for side in sides]
            steps.append([float((a - b).norm()) for a, b in zip(after, before, strict=True)])
            if step >= end:
                assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))
        assert networks.launch.take_note() == ""
        assert networks.launch.mode == mode
        lengths[mode] = np.array(steps)
    np.testing.assert_allclose(lengths["graphs"], lengths["none"], rtol=0.2)
    assert (lengths["graphs"][end - 1] < 0.5 * lengths["graphs"][WARM_UP]).all()
