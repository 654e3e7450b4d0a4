"""Several processes compute the updates of one; accumulation does what its setting says."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional

from dvdgan import checkpoint
from dvdgan.layers import batch_norms
from dvdgan.model import DVDGAN, DVDGANFP
from dvdgan.parallel import World
from dvdgan.settings_text import settings_from_text
from dvdgan.training.update import Networks
from tests.forked import run_ranks
from vidbench.models import InputError, ModelTask

# A process of a group: trains like the fixture, and compares synchronised with plain normalisation.
PROCESS = """
import importlib.util, json, sys
from pathlib import Path
import torch
from dvdgan.fast import gradient_exchange
from dvdgan.fast.batch_norm import norm_relu
from dvdgan.fast.fused import fusing
from dvdgan.model import DVDGAN, DVDGANFP
from dvdgan.parallel import World
from dvdgan.settings_text import settings_from_text
from dvdgan.training import launch
from dvdgan.training.update import Networks
from vidbench.distributed.ranks import process_group
from vidbench.models import ModelTask, TrainRequest

spec = importlib.util.spec_from_file_location("fixtures", sys.argv[1])
fixtures = importlib.util.module_from_spec(spec)
spec.loader.exec_module(fixtures)
torch.set_num_threads(1)
task = ModelTask("tiny", 5, 0, 8, 8, ("red", "blue", "green"))
pred = ModelTask("tiny-pred", 5, 2, 8, 8, ())
with process_group() as ranks:
    output = Path(sys.argv[2])
    here = {"rank": ranks.rank, "world_size": ranks.world_size}
    for steps in (1, 2):  # the second call resumes from what the first process wrote
        DVDGAN.train(TrainRequest(
            task, fixtures.ColourClips(task), output, steps, 3, "cpu", json.loads(sys.argv[3]), **here
        ))
    held = json.loads(sys.argv[3]) | json.loads(sys.argv[4])
    DVDGANFP.train(TrainRequest(pred, fixtures.ColourClips(pred), output / "pred", 1, 3, "cpu", held, **here))
    world = World(torch.device("cpu"), ranks.rank, ranks.world_size)
    rng = torch.Generator().manual_seed(0)
    mine = slice(2 * ranks.rank, 2 * ranks.rank + 2)
    # Far from 0, and further in the second process.
    x = torch.randn(4, 2, 3, 4, 4, generator=rng) * 3 + torch.tensor([100.0, 101, 104, 105]).view(4, 1, 1, 1, 1)
    scale, shift = torch.rand(2, 4, 3, generator=rng)
    weight, inputs = torch.randn(x.shape, generator=rng), (x, scale, shift)
    whole = [tensor.clone().requires_grad_() for tensor in inputs]
    expected = norm_relu(*whole, 1e-5, None)
    (expected[0] * weight).sum().backward()
    for fused in (False, True):
        part = [tensor[mine].clone().requires_grad_() for tensor in inputs]
        with fusing(fused):
            normal = norm_relu(*part, 1e-5, world)
        (normal[0] * weight[mine]).sum().backward()
        torch.testing.assert_close(normal, (expected[0][mine], *expected[1:]), rtol=1e-4, atol=1e-4)
        for mine_alone, all_clips in zip(part, whole, strict=True):
            torch.testing.assert_close(mine_alone.grad, all_clips.grad[mine], rtol=1e-3, atol=1e-4)

    # What GPUs record: fused layers, and gradients that are sent during the backward pass.
    # At larger rates Adam, whose beta 1 is 0, magnifies the order of sums.
    settings = settings_from_text({**json.loads(sys.argv[3]), "accumulate": "1", "g_lr": "1e-5", "d_lr": "1e-5"})
    clips = torch.randint(0, 256, (8, 5, 8, 8, 3), dtype=torch.uint8, generator=rng)
    labels = torch.arange(8) % 3
    launch.Replayed = lambda function: function
    sent, start = [], world.start_adding_up
    world.start_adding_up = lambda tensor: sent.append(tensor.numel()) or start(tensor)

    def one_update(company, mode):
        networks = Networks(task, settings, 0, torch.device("cpu"), company)
        networks.launch.mode = mode
        rows = networks.rows
        values = networks.update(0, lambda draw: (clips[rows], labels[rows])).detach().clone()
        if company is not None:
            company.average([values])
        found = (networks.generator, networks.discriminators)
        return values, [p.grad for network in found for p in network.parameters() if p.grad is not None]

    alone_values, alone_gradients = one_update(None, "none")
    for mode, gradient_exchange.LARGE in (("fused", 2**20), ("none", 200), ("fused", 0)):
        del sent[:]
        values, gradients = one_update(world, mode)
        torch.testing.assert_close(values, alone_values, rtol=1e-3, atol=1e-4)
        assert (len(sent) > 0) == (gradient_exchange.LARGE < 1000) and all(count >= gradient_exchange.LARGE for count in sent)
        for ours, theirs in zip(gradients, alone_gradients, strict=True):
            assert (ours - theirs).norm() < 5e-3 * theirs.norm() + 1e-4
    assert world.agree(7 + ranks.rank) == 7 and not world.all_agree(ranks.rank)
"""

# A process with a GPU: the losses of recorded updates of all processes are those of one, kernel by kernel.
PROCESS_WITH_GPU = """
import os, sys
import torch
from dvdgan.fast import gradient_exchange
from dvdgan.fast.graphs import WARM_UP
from dvdgan.parallel import World
from dvdgan.settings_text import settings_from_text
from dvdgan.training.update import Networks
from vidbench.models import ModelTask

rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
world = World(device, rank, size)
task = ModelTask("gpus", 6, 0, 16, 16, ("a", "b", "c"))
rng = torch.Generator().manual_seed(0)
clips = torch.randint(0, 256, (8, 6, 16, 16, 3), dtype=torch.uint8, generator=rng)
labels = torch.randint(0, 3, (8,), generator=rng)
# At larger rates Adam, whose beta 1 is 0, magnifies the order of sums.
given = {"ch": "8", "d_ch": "8", "batch_size": "8", "spatial_frames": "3", "g_lr": "1e-5", "d_lr": "1e-5"}

def losses(company, mode):
    networks = Networks(task, settings_from_text({**given, "compile": mode}), 0, device, company)
    batch = clips[networks.rows].to(device), labels[networks.rows].to(device)
    values = torch.stack([networks.update(step, lambda draw: batch) for step in range(WARM_UP + 5)])
    company.average([values])
    assert (networks.launch.mode, networks.launch.take_note()) == (mode, "")
    return values

expected = losses(World(device), "none")
for mode, gradient_exchange.LARGE in (("graphs", 2**20), ("graphs", 0), ("fused", 0)):
    torch.testing.assert_close(losses(world, mode), expected, rtol=0.05, atol=0.1)
"""

SETTINGS = {
    "batch_size": "8", "accumulate": "2", "checkpoint_every": "1", "log_every": "1",
    "augment": "colour+translation+cutout",
}  # fmt: skip
HELD = {
    "reconstruction": "20", "recurrence": "tsru", "warp_edges": "ring", "full_resolution": "true", "tower_frames": "stacked",
    "temporal_noise": "0.2",
}  # fmt: skip


def test_two_processes_train_as_one(tmp_path, request_for, tiny_settings):
    DVDGAN.train(request_for(tmp_path / "one", 2, **SETTINGS))
    pred = ModelTask("tiny-pred", 5, 2, 8, 8, ())
    DVDGANFP.train(request_for(tmp_path / "one" / "pred", 1, on=pred, **SETTINGS, **HELD))
    script = tmp_path / "process.py"
    script.write_text(PROCESS, encoding="utf-8")
    fixtures, settings = Path(__file__).with_name("conftest.py"), json.dumps({**tiny_settings, **SETTINGS})
    for ended in run_ranks([script, fixtures, tmp_path / "two", settings, json.dumps(HELD)], 2):
        assert ended.returncode == 0, ended.stderr[:6000]

    one, two = (load_file(checkpoint.state_path(tmp_path / name, 2)) for name in ("one", "two"))
    assert set(one) == set(two)
    # With beta1 = 0 the first moment is the gradient. Adam takes only its sign in the first steps, so weights whose
    # gradient is nothing but rounding (a bias before a BatchNorm) go either way, and are not compared.
    compared = 0
    for name in one:
        if "/exp_avg/" in name:
            assert (one[name] - two[name]).norm() < 5e-3 * one[name].norm() + 1e-4, name
            weight = f"{'generator' if name.startswith('adam_g') else 'discriminators'}/{name.split('/', 2)[2]}"
            clear = one[name].abs() > 1e-3 * one[name].abs().max() + 1e-4
            compared += int(clear.sum())
            torch.testing.assert_close(two[weight][clear], one[weight][clear], rtol=1e-3, atol=2e-5)
    assert compared > 0.8 * sum(tensor.numel() for name, tensor in one.items() if "/exp_avg/" in name)
    logs = [
        [json.loads(line) for line in (tmp_path / name / "train.jsonl").read_text().splitlines()]
        for name in ("one", "two")
    ]
    losses = [{line["step"]: line for line in log if "loss_spatial" in line} for log in logs]
    for step in (1, 2):
        for key in ("loss_spatial", "loss_temporal", "loss_generator", "fake_spatial"):
            assert losses[1][step][key] == pytest.approx(losses[0][step][key], rel=1e-3, abs=1e-4)
    # Only the first process writes: each line once.
    assert [line.get("event") for line in logs[1]] == ["start", None, "stop", "resume", None, "stop"]
    assert logs[1][0]["processes"] == 2

    # The reconstruction term: its value, and in the gradients.
    one, two = (load_file(checkpoint.state_path(tmp_path / name / "pred", 1)) for name in ("one", "two"))
    for name in one:
        if name.startswith("adam_g/exp_avg/"):
            assert (one[name] - two[name]).norm() < 5e-3 * one[name].norm() + 1e-4, name
    lines = [(tmp_path / name / "pred" / "train.jsonl").read_text().splitlines()[1] for name in ("one", "two")]
    values = [json.loads(line)["loss_reconstruction"] for line in lines]
    assert values[1] == pytest.approx(values[0], rel=1e-3)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_two_gpus_record_the_updates_of_one(tmp_path):
    script = tmp_path / "process.py"
    script.write_text(PROCESS_WITH_GPU, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-6000:]


def test_rows_are_those_of_one_batch_and_parts_are_the_same_for_any_number_of_processes():
    alone = World(torch.device("cpu"))
    parts = alone.rows(12, 3)
    assert np.array_equal(np.concatenate(parts), np.arange(12))
    both = [copy.copy(alone) for _ in range(2)]
    for rank, world in enumerate(both):
        world.size, world.rank = 2, rank
    for part, first, second in zip(parts, both[0].rows(12, 3), both[1].rows(12, 3), strict=True):
        assert np.array_equal(np.concatenate([first, second]), part)


@pytest.mark.parametrize(("batch", "parts", "size"), [(6, 1, 4), (8, 3, 1), (8, 8, 1), (12, 4, 2)])
def test_a_batch_that_does_not_divide_is_refused(batch, parts, size):
    world = World(torch.device("cpu"))
    world.size = size
    if (batch, parts, size) == (12, 4, 2):
        with pytest.raises(InputError, match="multiple of 8"):
            world.rows(batch, parts)
        return
    with pytest.raises(InputError, match=f"batch of {batch} clips does not divide among {size} processes"):
        world.rows(batch, parts)


def first_update(task, settings, mode="batch"):
    """Networks after one update on a fixed batch of 8, and the logged values."""
    networks = Networks(task, settings_from_text(settings), 0, torch.device("cpu"))
    for norm in batch_norms(networks.generator):
        norm.mode = mode
    clips = np.random.default_rng(0).integers(0, 256, (8, 5, 8, 8, 3), np.uint8)
    batch = torch.from_numpy(clips), torch.arange(8) % 3
    return networks, networks.update(0, lambda draw: batch)


def gradients(networks):
    return torch.cat([p.grad.flatten() for p in networks.generator.parameters()])


def test_accumulation_is_one_big_batch_but_for_batchnorm(task, tiny_settings):
    # With stored statistics clips do not affect each other, and parts of a batch add up to the batch.
    settings = {**tiny_settings, "batch_size": "8"}
    whole, values = first_update(task, settings, "standing")
    parts, again = first_update(task, {**settings, "accumulate": "4"}, "standing")
    torch.testing.assert_close(again, values, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(gradients(parts), gradients(whole), rtol=1e-3, atol=1e-5)
    # Spectral norm iterates as often as for one batch.
    one, several = ({n: t for n, t in made.tensors().items() if n.endswith(".u")} for made in (whole, parts))
    assert len(one) > 20
    for name, tensor in one.items():
        torch.testing.assert_close(several[name], tensor, rtol=1e-3, atol=1e-4, msg=lambda text, n=name: f"{n}: {text}")
    # With the statistics of the batch they do.
    whole, values = first_update(task, settings)
    parts, again = first_update(task, {**settings, "accumulate": "4"})
    assert (again - values).abs().max() > 1e-3
    assert functional.cosine_similarity(gradients(whole), gradients(parts), dim=0) < 0.9999


def test_an_exchange_that_fails_is_a_sentence_with_its_reason(monkeypatch):
    def fail(*given, **more):
        raise RuntimeError("Connection closed by peer\nand a long trace")

    monkeypatch.setattr(torch.distributed, "all_reduce", fail)
    world = World(torch.device("cpu"))
    world.size = 2
    with pytest.raises(
        InputError, match=r"processes of this run failed \(Connection closed by peer\): check"
    ) as caught:
        world.any(True)
    assert isinstance(caught.value.__cause__, RuntimeError)
