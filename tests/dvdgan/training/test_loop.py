"""The training loop: exact resume, output files, refused requests, and that it learns."""

import dataclasses
import json
import subprocess
import sys
import types

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from dvdgan import checkpoint
from dvdgan.fast.graphs import RecordingError
from dvdgan.model import DVDGAN
from dvdgan.sampler import make_sampler
from dvdgan.settings_text import settings_from_text
from dvdgan.training import launch, update
from dvdgan.training.update import Networks
from vidbench.models import InputError, SampleRequest, file_sha256


def test_a_resumed_run_equals_an_unbroken_one(tmp_path, request_for):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    path = DVDGAN.train(request_for(whole, 4))
    DVDGAN.train(request_for(parts, 2))
    again = DVDGAN.train(request_for(parts, 4))
    state = checkpoint.state_path(whole, 4)
    assert state.read_bytes() == checkpoint.state_path(parts, 4).read_bytes()
    assert path.read_bytes() == again.read_bytes()
    tensors = load_file(state)
    assert not torch.equal(tensors["generator/head.weight"], tensors["average/head.weight"])
    earlier = load_file(checkpoint.state_path(whole, 2))
    assert all(not torch.equal(tensors[name], earlier[name]) for name in ("generator/head.u", "average/head.weight"))
    assert float(tensors["adam_d/step/spatial.head.linear.weight"]) == 8


def test_the_output_files_of_a_run(tmp_path, request_for):
    seen, sampled = [], {}

    def progress(done, total, text):
        seen.append((done, total, text))
        if (path := tmp_path / "generator.safetensors").exists():
            sampled[done] = checkpoint.read_metadata(path, checkpoint.SAMPLER)["origin"]["steps"]

    request = dataclasses.replace(request_for(tmp_path, 5, checkpoint_every="1", sample_every="4"), progress=progress)
    DVDGAN.train(request)
    assert sampled == {4: 4, 5: 4}  # the sheet's generator can be scored before the end
    assert [item[:2] for item in seen] == [(i, 5) for i in range(1, 6)]
    assert "clips/s" in seen[-1][2]
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "generator.safetensors",
        "samples-00000004.png",
        "samples-00000005.png",
        "state-00000004.safetensors",
        "state-00000005.safetensors",
        "train.jsonl",
    ]
    lines = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert lines[0]["event"] == "start"
    assert lines[0]["settings"]["ch"] == 4
    assert lines[0]["seed"] == 3
    assert [line["step"] for line in lines[1:-1]] == [1, 2, 3, 4, 5]
    assert {"loss_spatial", "loss_temporal", "loss_generator", "real_spatial", "clips_per_s"} <= set(lines[1])
    assert lines[-1]["checkpoint_sha256"] == file_sha256(tmp_path / "generator.safetensors")
    with Image.open(tmp_path / "samples-00000005.png") as sheet:
        assert sheet.size == (5 * 10, 9 * 10)


def test_real_clips_are_fresh_in_every_discriminator_step(tmp_path, request_for, task):
    request = request_for(tmp_path, 3)
    DVDGAN.train(request)
    assert sorted(request.clips.drawn) == list(range(6))


def test_the_time_limit_stops_cleanly_and_the_next_call_resumes(tmp_path, request_for, task):
    path = DVDGAN.train(request_for(tmp_path, 4, max_minutes="0"))
    assert [step for step, _ in checkpoint.list_states(tmp_path)] == [1]
    assert DVDGAN.load(path, task, "cpu").num_parameters > 0
    DVDGAN.train(request_for(tmp_path, 4))
    whole = tmp_path / "whole"
    DVDGAN.train(request_for(whole, 4))
    assert checkpoint.state_path(tmp_path, 4).read_bytes() == checkpoint.state_path(whole, 4).read_bytes()


def test_other_settings_or_another_seed_are_refused_on_resume(tmp_path, request_for):
    DVDGAN.train(request_for(tmp_path, 2))
    with pytest.raises(InputError, match=r"d_lr=0\.0005 and cannot be resumed with d_lr=0\.001"):
        DVDGAN.train(request_for(tmp_path, 4, d_lr="1e-3"))
    with pytest.raises(InputError, match="seed 3 and cannot be resumed with seed 4"):
        DVDGAN.train(request_for(tmp_path, 4, seed=4))
    with pytest.raises(InputError, match="1 steps were requested and this run has made 2"):
        DVDGAN.train(request_for(tmp_path, 1))


@pytest.mark.parametrize(
    "damage",
    [
        "bit of the seed",
        "bit of the format",
        "bit of its key",
        "bit of the header's key",
        "bit of a weight",
        "cut",
        "empty",
    ],
)
def test_a_damaged_state_gives_way_to_the_one_before_it(tmp_path, request_for, damage):
    DVDGAN.train(request_for(tmp_path, 3))
    newest = checkpoint.state_path(tmp_path, 3)
    content = newest.read_bytes()
    places = {
        "bit of the seed": content.index(b"seed") + 8,
        "bit of the format": content.index(b"dvdgan-training") + 9,
        "bit of its key": content.index(b"format") + 2,
        "bit of the header's key": content.index(b'"dvdgan"') + 3,
    }
    place = places.get(damage, len(content) - 6)
    flipped = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
    newest.write_bytes({"cut": content[:-9], "empty": b""}.get(damage, flipped))
    said = []
    task = request_for(tmp_path, 3).task
    found = checkpoint.find_training(tmp_path, task, said.append)
    assert found.step == 2
    assert len(said) == 1
    assert "state-00000003" in said[0]
    assert "resumes from" in said[0]
    checkpoint.state_path(tmp_path, 2).write_bytes(b"")
    with pytest.raises(InputError, match=r"state-00000003.*not a complete"):
        checkpoint.find_training(tmp_path, task)


def test_a_state_that_is_written_before_a_damaged_one_leaves_a_sound_one_in_reserve(tmp_path, request_for):
    DVDGAN.train(request_for(tmp_path, 4))
    assert [step for step, _ in checkpoint.list_states(tmp_path)] == [2, 4]
    task = request_for(tmp_path, 4).task
    metadata = checkpoint.read_metadata(checkpoint.state_path(tmp_path, 4), checkpoint.STATE)
    settings = checkpoint.read_state(checkpoint.state_path(tmp_path, 4), task).settings
    checkpoint.state_path(tmp_path, 6).write_bytes(b"")
    checkpoint.state_path(tmp_path, 7).write_bytes(b"")
    tensors = load_file(checkpoint.state_path(tmp_path, 4))
    checkpoint.write_state(tmp_path, 5, tensors, task, settings, metadata["seed"])
    assert [step for step, _ in checkpoint.list_states(tmp_path)] == [4, 5]


def test_a_loss_that_is_not_finite_stops_with_the_step_and_the_last_good_state(tmp_path, request_for):
    DVDGAN.train(request_for(tmp_path, 2))
    tensors = load_file(checkpoint.state_path(tmp_path, 2))
    tensors["discriminators/spatial.head.linear.bias"].fill_(float("nan"))
    metadata = checkpoint.read_metadata(checkpoint.state_path(tmp_path, 2), checkpoint.STATE)
    checkpoint.write_atomically(checkpoint.state_path(tmp_path, 2), checkpoint.to_bytes(tensors, metadata))
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(InputError, match=r"not finite at step 3 .*state-00000002\.safetensors"):
        DVDGAN.train(request_for(tmp_path, 8))
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_clips_of_the_wrong_shape_are_refused(tmp_path, request_for, task):
    request = request_for(tmp_path, 2)
    request.clips.task = dataclasses.replace(task, num_frames=4)
    with pytest.raises(InputError, match=r"instead of uint8 \[3, 5, 8, 8, 3\]"):
        DVDGAN.train(request)
    assert list(tmp_path.iterdir()) == []


def test_bfloat16_runs_and_stays_finite(task, tiny_settings):
    networks = Networks(task, settings_from_text({**tiny_settings, "precision": "bfloat16"}), 0, torch.device("cpu"))
    clips = torch.randint(0, 256, (3, 5, 8, 8, 3), dtype=torch.uint8)
    for step in range(2):
        losses = networks.update(step, lambda draw: (clips, torch.tensor([0, 1, 2])))
    assert torch.isfinite(losses).all()
    assert networks.generator.head.effective.dtype == torch.bfloat16
    assert all(p.dtype == torch.float32 and torch.isfinite(p).all() for p in networks.generator.parameters())


def test_the_average_is_a_copy_before_its_start_and_decays_after(task, tiny_settings):
    settings = settings_from_text({**tiny_settings, "ema_start": "1", "ema_decay": "0.75"})
    networks = Networks(task, settings, 0, torch.device("cpu"))
    batch = torch.randint(0, 256, (3, 5, 8, 8, 3), dtype=torch.uint8), torch.tensor([0, 1, 2])
    networks.update(0, lambda draw: batch)
    first = networks.generator.head.weight.detach().clone()
    assert torch.equal(networks.average["head.weight"], first)
    networks.update(1, lambda draw: batch)
    expected = 0.75 * first + 0.25 * networks.generator.head.weight.detach()
    torch.testing.assert_close(networks.average["head.weight"], expected)


def test_it_learns_the_colour_of_each_class(task, tiny_settings):
    colours = np.array([[200, 40, 60], [50, 70, 210]])
    clips = np.broadcast_to(colours[:, None, None, None], (2, 5, 8, 8, 3)).astype(np.uint8)
    batch = torch.from_numpy(clips.repeat(4, axis=0)), torch.tensor([0] * 4 + [1] * 4)
    settings = settings_from_text(
        {**tiny_settings, "batch_size": "8", "g_lr": "4e-3", "d_lr": "4e-3", "ema_decay": "0.8"}
    )
    pair = dataclasses.replace(task, class_names=("red", "blue"))
    networks = Networks(pair, settings, 0, torch.device("cpu"))

    def distance() -> float:
        sampler = make_sampler(networks.average, pair, settings, 0, torch.device("cpu"))
        with torch.no_grad():
            made = sampler(torch.randn(8, 6, generator=torch.Generator().manual_seed(0)), batch[1])
        return (made - (batch[0].permute(0, 1, 4, 2, 3) / 127.5 - 1)).abs().mean().item()

    before = distance()
    for step in range(60):
        networks.update(step, lambda draw: batch)
    assert distance() < 0.5 * before


def test_importing_loads_no_torch():
    code = "import sys, dvdgan, dvdgan.model, dvdgan.config, dvdgan.settings_text; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("failing_call", [1, 2])
def test_where_recording_fails_the_log_says_so_and_the_run_is_the_one_without(
    tmp_path, request_for, monkeypatch, failing_call
):
    class Broken:
        """Replaces a recording; fails in its first or second call."""

        def __init__(self, function):
            self.function, self.inputs, self.calls = function, None, 0

        def __call__(self, inputs):
            self.calls += 1
            if self.calls == failing_call:
                raise RecordingError("no recording here\nand more lines")
            return self.function(inputs)

    adam = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda *args, **how: adam(*args, **(how | {"fused": True})))
    plain = DVDGAN.train(request_for(tmp_path / "plain", 2))
    monkeypatch.setattr(update, "choose_mode", lambda *args, **more: "graphs")
    monkeypatch.setattr(launch, "Replayed", Broken)
    said = []
    request = dataclasses.replace(request_for(tmp_path / "recorded", 2), say=said.append)
    path = DVDGAN.train(request)
    assert said == ["compile=graphs failed (RecordingError: no recording here); training continues without it."]
    notes = [json.loads(line) for line in (path.parent / "train.jsonl").read_text().splitlines()]
    assert [line["note"] for line in notes if line.get("event") == "note"] == said
    assert [line["step"] for line in notes if line.get("event") == "note"] == [failing_call]
    states = [load_file(checkpoint.state_path(folder.parent, 2)) for folder in (plain, path)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_losses_beyond_the_bound_for_some_log_lines_stop_the_run(tmp_path, request_for):
    with pytest.raises(
        InputError,
        match=r"divergence_bound=0\.001, in 3 log lines in a row, from step 1 to 6 .*; no earlier state is left",
    ):
        DVDGAN.train(request_for(tmp_path / "a", 8, divergence_bound="0.001"))
    DVDGAN.train(request_for(tmp_path / "b", 2))
    with pytest.raises(InputError, match=r"from step 3 to 6 .*last good state is .*state-00000002\.safetensors"):
        DVDGAN.train(request_for(tmp_path / "b", 8, divergence_bound="0.001", divergence_looks="2"))


def test_the_batch_that_auto_selects_is_shown_and_recorded(tmp_path, request_for):
    said = []
    request = dataclasses.replace(request_for(tmp_path, 1, batch_size="auto"), say=said.append)
    DVDGAN.train(request)
    assert said == ["batch_size=auto is 8 clips on cpu"]
    header = json.loads((tmp_path / "train.jsonl").read_text().splitlines()[0])
    assert header["settings"]["batch_size"] == 8
    DVDGAN.train(request_for(tmp_path, 2, batch_size="auto"))
    assert checkpoint.find_training(tmp_path, request.task).settings.batch_size == 8


def test_metrics_are_measured_at_their_steps_and_on_the_averaged_generator(tmp_path, request_for, task):
    asked = []

    def measure(model):
        asked.append(model.sample(ask(task)))
        return {"fvd-shapes": 1.5 + len(asked)}

    request = dataclasses.replace(request_for(tmp_path, 5), measure_every=2, measure=measure)
    path = DVDGAN.train(request)
    lines = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    points = [(line["step"], line["metrics"]) for line in lines if line.get("event") == "metrics"]
    assert points == [(2, {"fvd-shapes": 2.5}), (4, {"fvd-shapes": 3.5}), (5, {"fvd-shapes": 4.5})]
    loaded = DVDGAN.load(path, task, "cpu").sample(ask(task))
    assert np.array_equal(asked[-1], loaded)
    assert not np.array_equal(asked[0], loaded)


def ask(task):
    seeds = np.arange(3, dtype=np.uint64)
    return SampleRequest(np.arange(3), seeds, np.arange(3), None, task.num_frames)


def test_tensorboard_is_refused_in_a_sentence_where_it_is_not_installed(tmp_path, request_for, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"install vidbench\[tensorboard\]"):
        DVDGAN.train(request_for(tmp_path / "t", 1, tensorboard="true"))
    assert not (tmp_path / "t").exists()


def test_tensorboard_gets_losses_and_metrics(tmp_path, request_for, monkeypatch):
    written = []

    class Writer:
        def __init__(self, folder):
            assert folder == str(tmp_path / "tensorboard")

        def add_scalar(self, name, value, step):
            written.append((name, step))

        def close(self):
            written.append("closed")

    module = types.ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    request = dataclasses.replace(
        request_for(tmp_path, 2, tensorboard="true"), measure_every=2, measure=lambda model: {"fvd-shapes": 2.0}
    )
    DVDGAN.train(request)
    assert {("loss_spatial", 2), ("loss_generator", 2), ("fvd-shapes", 2)} <= set(written)
    assert ("step", 2) not in written
    assert written[-1] == "closed"
