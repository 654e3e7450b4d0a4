"""Every shipped task from end to end on a miniature of its published layout, with DVD-GAN trained for a step.

The feature extractors are quick stand-ins of the same shapes, except in one test. The default suite has a task for each layout and
each kind of task; `VIDBENCH_ALL_REHEARSALS=1` runs all.
"""

from __future__ import annotations

import json
import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.vidbench.jobs.test_training_curve import TINY
from vidbench.cli import run_command
from vidbench.data.miniature.made_videos import VideoForm
from vidbench.errors import InputError
from vidbench.jobs import rehearse
from vidbench.jobs.rehearse import RehearseOptions, rehearse_task
from vidbench.jobs.train import _StepProgress
from vidbench.leaderboard.admission import objections
from vidbench.progress import Progress
from vidbench.results.schema import read_result
from vidbench.scoring.clip_sources import model_task
from vidbench.scoring.forecast import RehearsalFacts, StageTime, forecast
from vidbench.tasks import load_task, task_names
from vidbench.tasks.rehearsals import PREFIX, REASON, rehearsal_of
from vidbench.tasks.writing import task_toml
from vidmetrics.catalog.definitions import get_metric
from vidmetrics.catalog.network_cards import base_network, classes_of
from vidmetrics.networks.network import Network

ALWAYS = ("bair-pred", "k600-gen", "k600-pred", "shapes-gen", "shapes-pred", "ucf101-gen")
FORM = VideoForm(64, 48, 100, frames_per_second=10)
FEATURES = {"i3d-kinetics-600": ("pool", 1024), "i3d-kinetics-400": ("pool", 1024), "c3d-ucf101": ("fc7", 4096)}


class StandIn:
    """Random projections of the mean colours of a 4x4 grid, at the sizes of a network's outputs."""

    min_frames, preprocessing = 9, "none"

    def __init__(self, name: str) -> None:
        output, size = FEATURES[base_network(name)]
        self.outputs = {"logits": classes_of(name), output: size}

    def __call__(self, clips_NTHWC):
        small = torch.nn.functional.adaptive_avg_pool2d(clips_NTHWC.float().mean(1).permute(0, 3, 1, 2), 4).flatten(1)
        seeded = torch.Generator().manual_seed(0)
        return {name: small @ torch.randn(48, size, generator=seeded) / 64 for name, size in self.outputs.items()}


@pytest.fixture
def stand_ins(monkeypatch):
    """Quick networks in place of those that need weights."""
    from vidbench.scoring import run_plan

    load = run_plan.load_network

    def quick(name, device="cpu", precision="exact"):
        if base_network(name) not in FEATURES:
            return load(name, device=device, precision=precision)
        return Network(name, StandIn(name), device=device, precision=precision, weights_sha256="0" * 64, proven=False)

    monkeypatch.setattr(run_plan, "load_network", quick)
    monkeypatch.setattr(rehearse, "_write_seeded_weights", lambda *_: None)
    monkeypatch.setattr("vidbench.scoring.needs._absent_weights", lambda metrics: {})
    # A sheet of 32 rows takes longer than the training step before it.
    monkeypatch.setattr("dvdgan.training.sheet._ROWS", 2)
    monkeypatch.setattr("dvdgan.training.sheet._MOST_ROWS", 2)


def options(folder, num_samples: int, num_frames: int = FORM.num_frames) -> RehearseOptions:
    form = FORM._replace(num_frames=num_frames)
    return RehearseOptions(output=folder, num_samples=num_samples, steps=2, settings=TINY, device="cpu", form=form)


def model_for(name: str) -> str:
    return {"generate": "dvdgan", "predict": "dvdgan-fp"}.get(load_task(name).task.does.name, "noise")


@pytest.mark.parametrize("name", task_names())
def test_the_whole_path_of_a_shipped_task_works(stand_ins, tmp_path, capsys, name):
    if name not in ALWAYS and not os.environ.get("VIDBENCH_ALL_REHEARSALS"):
        pytest.skip("set VIDBENCH_ALL_REHEARSALS=1 to rehearse every task")
    task, home = load_task(name).task, os.environ["VIDBENCH_HOME"]
    least = max(4, *(get_metric(id).splits or 1 for id in task.evaluation.metrics))
    frames = max(FORM.num_frames, (task.clips.min_frames or 0) + 4)
    outcome = rehearse_task(model_for(name), name, options(tmp_path / "out", least, frames), Progress())
    assert os.environ["VIDBENCH_HOME"] == home
    assert list(outcome.result.metrics) == list(task.evaluation.metrics)
    assert outcome.result.task.name == f"rehearsal-{name}"
    assert not outcome.result.official
    assert outcome.result.reasons[0] == REASON
    assert objections(outcome.result) == ["it is a rehearsal, with made-up videos and random networks"]
    said = capsys.readouterr()
    assert said.out == ""
    assert all("Rehearsal: " in line for line in said.err.splitlines())
    assert (" is deprecated" in said.err) == (task.status == "deprecated")
    assert "rehearsal-" in (tmp_path / "out" / "evaluation" / "report.html").read_text()
    if not task.data.embedded:
        assert outcome.broken is not None
        # These have no list, only a count, or not even that.
        listed = not name.startswith(("bair", "cityscapes", "dmlab", "ffs", "minecraft", "sky"))
        assert outcome.num_missing >= listed
        # FaceForensics and the sets of TECO have no list at all, and what is missing of KTH is in the split of training.
        assert (outcome.result.data.coverage < 1) != name.startswith(("dmlab", "ffs", "kth", "minecraft"))
    whats = [line.what for line in outcome.forecast]
    assert {"Reference clips", "all together", "memory", "disk"} <= set(whats)
    assert ("Training" in whats) == (model_for(name) != "noise")
    stored = read_result(tmp_path / "out" / "evaluation" / "result.json")
    assert stored.reasons == outcome.result.reasons


def test_real_networks_with_random_weights_are_rehearsed_and_a_leaderboard_refuses_the_result(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(rehearse, "FORMS", {"kinetics-600": FORM})
    monkeypatch.setattr("vidbench.data.miniature.made_folders.FORMS", {"kinetics-600": FORM})
    monkeypatch.chdir(tmp_path)
    # A model that is not trained, and the task with the fewest clips.
    assert (
        run_command(
            [
                "rehearse",
                "--model",
                "copy",
                "--task",
                "k600-pred-vdm",
                "--num-samples",
                "2",
                "--device",
                "cpu",
                "--json",
            ]
        )
        == 0
    )
    document = json.loads(capsys.readouterr().out)
    assert document["rehearsal"] == REASON
    assert np.isfinite(list(document["metrics"].values())).all()
    folder = tmp_path / "rehearsals" / "k600-pred-vdm-copy"
    assert (folder / "REHEARSAL.txt").read_text().strip() == REASON
    assert (
        run_command(["leaderboard", "add", str(folder / "evaluation" / "result.json"), "--leaderboards", "boards"]) == 2
    )
    assert "it is a rehearsal" in capsys.readouterr().err


def test_a_folder_with_anything_else_is_left_alone(tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(InputError, match="is not empty and holds no rehearsal"):
        rehearse_task("noise", "shapes-gen", options(tmp_path, 10), Progress(enabled=False))
    assert (tmp_path / "data").is_dir()


@pytest.mark.parametrize(
    ("model", "task", "num_samples", "words"),
    [
        ("dvdgan", "k600-pred", 4, "generates whole clips only"),
        ("noise", "shapes-gen", 3, "an even number"),
        ("noise", "k600-gen", 4, "at least 10"),
    ],
)
def test_what_cannot_be_rehearsed_is_refused_before_anything_is_made(tmp_path, model, task, num_samples, words):
    with pytest.raises(InputError, match=words):
        rehearse_task(model, task, options(tmp_path / "out", num_samples), Progress(enabled=False))
    assert not (tmp_path / "out").exists()


def test_a_task_on_a_plain_folder_is_refused_before_anything_is_written_or_said(tmp_path, capsys):
    task = load_task("k600-gen").task
    text = task_toml(task).replace(f'dataset = "{task.data.dataset}"', 'dataset = "folder"')
    text = text.replace(f'name = "{task.name}"', 'name = "own"')
    (tmp_path / "task.toml").write_text(text)
    with pytest.raises(InputError, match="'folder' has no published layout"):
        rehearse_task("noise", str(tmp_path / "task.toml"), options(tmp_path / "out", 10), Progress())
    assert not (tmp_path / "out").exists()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", task_names())
def test_a_rehearsal_keeps_the_protocol_and_is_read_from_its_file(tmp_path, name):
    task = load_task(name).task
    small = rehearsal_of(task, 10)
    (tmp_path / "task.toml").write_text(task_toml(small))
    assert load_task(str(tmp_path / "task.toml")).task == small
    assert (small.clips, small.data, small.evaluation.metrics) == (task.clips, task.data, task.evaluation.metrics)
    assert not name.startswith(PREFIX)
    # The writer is not for rehearsals alone.
    (tmp_path / "task.toml").write_text(task_toml(task))
    assert load_task(str(tmp_path / "task.toml")).task == task


def test_the_forecast_multiplies_the_rates_by_the_real_counts():
    stages = (
        StageTime("Scanning", 10, 1.0),
        StageTime("Training", 2, 8.0),
        StageTime("Samples of dvdgan", 16, 16.0),
        StageTime("Reference clips", 16, 8.0),
        StageTime("Bound (real)", 16, 8.0),
        StageTime("Samples of dvdgan, sigma 0.2", 16, 16.0),
    )
    facts = RehearsalFacts(
        stages=stages, peak_memory=10**9, feature_bytes=1000.0, checkpoint_bytes=0, training_steps=900, video_frames=250
    )
    lines = {line.what: line for line in forecast(load_task("k600-gen").task, facts)}
    assert lines["Scanning"].amount == "12 hours"  # 392,622 + 30,000 videos
    assert lines["Training"].amount == "60 minutes"
    assert lines["Samples of dvdgan"].amount == "14 hours"
    assert lines["Reference clips"].basis.startswith("392,622 clips at 0.5 s")
    seconds = 42262.2 + 3600 + 50_000 + 196_311 + 25_000 + 50_000
    assert lines["all together"].amount == f"{seconds / 86400:.1f} days"
    assert lines["memory"].amount == "1.5 GB"
    assert lines["memory to train"].amount == f"{392_622 * 250 * 64 * 64 * 3 // 10**9:,} GB"
    assert lines["disk"].amount == "0.5 GB"  # 392,622 + 3 * 50,000 clips
    assert lines["data"].amount == "650 GB"


def test_a_step_of_fewer_clips_is_scaled_in_the_forecast():
    facts = RehearsalFacts(
        stages=[StageTime("Training", 2, 8.0)],
        peak_memory=1,
        feature_bytes=0.0,
        checkpoint_bytes=0,
        training_steps=900,
        video_frames=0,
        training_scale=8.0,
    )
    line = forecast(load_task("shapes-gen").task, facts)[0]
    assert (line.amount, line.basis) == ("8.0 hours", "900 steps at 32 s, 8 times what 2 of them took")


def test_the_settings_of_a_rehearsal_are_those_of_the_model(tmp_path):
    from dvdgan.config import Settings, resolve_auto
    from dvdgan.model import DVDGAN

    settings, scale = DVDGAN.rehearsal_settings("cpu")
    assert int(settings["batch_size"]) * scale == resolve_auto(Settings(), "cpu").batch_size
    assert DVDGAN.rehearsal_settings("cuda:0") == ({}, 1.0)
    task = model_task(load_task("k600-gen").task, ())
    DVDGAN.check_training(task, output=tmp_path / "out", steps=2, seed=0, device="cpu", settings=settings)
    assert DVDGAN.training_steps == 20_000


def test_a_dataset_without_a_published_layout_has_no_miniature(tmp_path):
    from vidbench.data.miniature.made_folders import make_folder

    task = SimpleNamespace(data=SimpleNamespace(dataset="folder"))
    with pytest.raises(InputError, match="'folder' has no published layout"):
        make_folder(task, tmp_path / "data", 2)


@pytest.mark.parametrize(
    ("first_call", "late", "seconds"), [(1, False, 3.0), (0, False, 3.0), (1, True, 4.0), (0, True, 4.0)]
)
def test_the_rate_of_training_is_without_the_first_step_and_what_follows_the_last(
    monkeypatch, first_call, late, seconds
):
    now = [0.0]
    monkeypatch.setattr(rehearse, "time", SimpleNamespace(monotonic=lambda: now[0]))
    shown = rehearse._RehearsalProgress(Progress(enabled=False), steps_end_late=late)
    steps = _StepProgress(shown)
    for done, at in ((0, 0.0), (1, 40.0), (2, 43.0), (3, 46.0), (4, 52.0)):
        now[0] = at
        if done >= first_call:
            steps(done, 4, "")
    now[0] = 90.0
    steps.close()
    assert shown.stages == [StageTime("Training", 3, 3 * seconds)]
