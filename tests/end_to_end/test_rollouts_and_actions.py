"""Rollouts, scored in windows against time, and actions along with the context frames: from a task to its result and its report."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

import vidbench
import vidmetrics
from tests.end_to_end.test_task_plans import FUTURES
from vidbench.data import open_evaluation, open_reference
from vidbench.data.miniature.made_folders import make_folder
from vidbench.data.miniature.made_videos import VideoForm
from vidbench.data.scan.scan import scan_folder
from vidbench.data.shapes.dataset import ShapesDataset
from vidbench.errors import InputError
from vidbench.exports import open_export
from vidbench.jobs.export import ExportOptions, export_task
from vidbench.jobs.sample import SampleOptions, sample_model
from vidbench.models import ActionModel, RolloutModel, VideoModel
from vidbench.progress import Progress
from vidbench.scoring.other_actions import other_clips
from vidbench.tasks import Task, load_task
from vidbench.tasks.writing import task_toml

QUIET = Progress(enabled=False)
MOVING = "keep_moving:KeepMoving"


@pytest.fixture
def example(monkeypatch):
    """The folder of the example is the current one, as its docstring says."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "examples" / "rollout_and_act"))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    sys.modules.pop("keep_moving", None)


def clips_of(samples: Path) -> np.ndarray:
    return np.concatenate([np.load(path) for path in sorted(samples.glob("samples-*.npy"))])


def test_a_rollout_is_scored_in_windows_as_its_frames_alone_would_be(example, tmp_path):
    result = vidbench.evaluate(MOVING, "shapes-rollout", output=tmp_path / "out", device="cpu")
    assert result.official
    task = load_task("shapes-rollout").task
    sample_model(MOVING, task.name, SampleOptions(output=tmp_path / "samples", batch_size=7), QUIET)
    predicted = clips_of(tmp_path / "samples")
    truth = open_evaluation(task, None).read(np.arange(48))
    real = open_reference(task, None).read(np.arange(96))
    network = vidmetrics.load_network("shapes")
    for number, (frames, psnr) in enumerate(
        zip(result.against_time["fvd-shapes"].windows, result.against_time["psnr"].windows, strict=True)
    ):
        first = 4 + 8 * number
        assert (frames.first_frame, frames.num_frames, psnr.first_frame) == (first, 8, first)
        # Oracles: numpy's own mean and covariance of the features of these frames, and the mean of the scores of these frames.
        features = [
            network(np.ascontiguousarray(clips))["logits"].astype(np.float64)
            for clips in (real[:, first : first + 8], predicted[:, first - 4 : first + 4])
        ]
        moments = [(each.mean(axis=0), np.cov(each, rowvar=False)) for each in features]
        assert frames.value == pytest.approx(vidmetrics.frechet_distance(*moments[0], *moments[1]), rel=1e-6)
        scores = vidmetrics.psnr_frames(truth[:, first : first + 8], predicted[:, first - 4 : first + 4])
        assert psnr.value == pytest.approx(scores.mean(), rel=1e-12)
        assert set(frames.bounds) == {"real", "copy", "noise"}
        assert set(psnr.bounds) == {"copy", "noise"}
        assert psnr.interval[0] < psnr.value < psnr.interval[1]
        copied = np.repeat(truth[:, 3:4], 8, axis=1)
        assert psnr.bounds["copy"] == pytest.approx(vidmetrics.psnr_frames(truth[:, first : first + 8], copied).mean())
    # A model that knows the direction for a while and then drifts away.
    assert result.against_time["psnr"].windows[0].value > result.metrics["psnr"].value
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Score against time" in page
    assert page.count("frames 4 to 11: ") == 2
    assert json.loads((tmp_path / "out" / "result.json").read_text())["against_time"]["psnr"]["absent"] is None
    # What an interrupted run left is kept, and what is missing is computed again.
    shutil.rmtree(sorted((tmp_path / "out" / "features").iterdir())[2])
    resumed = vidbench.evaluate(MOVING, "shapes-rollout", output=tmp_path / "out", device="cpu")
    assert (resumed.against_time, resumed.metrics) == (result.against_time, result.metrics)
    # The same frames, handed in as files, have the same score and the same curves.
    again = vidbench.score("shapes-rollout", tmp_path / "samples", output=tmp_path / "scored", device="cpu")
    assert again.against_time == result.against_time
    assert again.official


def test_actions_reach_the_model_and_those_of_other_clips_cost_it_its_score(example, tmp_path, capsys):
    from vidbench.cli import run_command

    arguments = [
        "evaluate",
        "--model",
        MOVING,
        "--task",
        "shapes-act",
        "--output",
        str(tmp_path / "out"),
        "--device",
        "cpu",
    ]
    assert run_command(arguments) == 0
    said = capsys.readouterr().out
    assert "with the actions of other clips (never the score" in said
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert result["official"]
    psnr, other = result["metrics"]["psnr"], result["other_actions"]["psnr"]
    assert psnr["value"] > psnr["ceiling"] > other["value"]  # it shifts the wrong way with other actions
    assert "With the actions of other clips" in (tmp_path / "out" / "report.html").read_text()
    export_task("shapes-act", ExportOptions(output=tmp_path / "export"), QUIET)
    export = open_export(tmp_path / "export")
    task = load_task("shapes-act").task
    whole = open_evaluation(task, None)
    (request,) = export.batches(48)
    np.testing.assert_array_equal(request.actions_NKA, whole.actions(np.arange(48)))
    assert request.actions_NKA.shape == (48, 15, 3)
    np.testing.assert_array_equal(request.context_NTHWC, whole.read(np.arange(48))[:, :1])
    (tmp_path / "export" / "actions.npy").write_bytes(
        (tmp_path / "export" / "actions.npy").read_bytes()[:-4] + b"\0\0\0\0"
    )
    with pytest.raises(InputError, match=r"actions.npy' differ from the exported ones"):
        next(open_export(tmp_path / "export").batches())
    (tmp_path / "export" / "actions.npy").unlink()
    with pytest.raises(InputError, match=r"actions.npy' are missing"):
        next(open_export(tmp_path / "export").batches())


def test_every_clip_hands_its_actions_to_exactly_one_other():
    for clips, per_context, repeats in ((7, 1, 1), (5, 3, 2), (2, 2, 1)):
        count = clips * per_context
        of = other_clips(count, per_context, repeats)
        for run in range(repeats):
            of_run = of[run * count : (run + 1) * count] - run * count
            assert sorted(of_run.tolist()) == list(range(count))
            assert (of_run // per_context != np.arange(count) // per_context).all()
            np.testing.assert_array_equal(
                of_run.reshape(clips, per_context) % per_context, [np.arange(per_context)] * clips
            )
    assert other_clips(1, 1, 1).tolist() == [0]


class _Silent(RolloutModel):
    @classmethod
    def load(cls, checkpoint, task, device):
        return cls()

    def rollout(self, request):
        return iter(())


class _TooMany(_Silent):
    def rollout(self, request):
        yield np.zeros((len(request.seeds), 5, 32, 32, 3), np.uint8)
        for _ in range(10):
            yield np.zeros((len(request.seeds), 5, 32, 32, 3), np.uint8)


class _OtherSize(_Silent):
    def rollout(self, request):
        yield np.zeros((len(request.seeds), 5, 16, 16, 3), np.uint8)


class _AtOnce(_Silent):
    def rollout(self, request):
        return np.zeros((len(request.seeds), request.num_frames, 32, 32, 3), np.uint8)


class _OneBuffer(_Silent):
    def rollout(self, request):
        buffer = np.empty((len(request.seeds), 3, 32, 32, 3), np.uint8)
        for first in range(0, request.num_frames, 3):
            buffer[:] = first
            yield buffer[:, : request.num_frames - first]


class _Sampler(VideoModel):
    @classmethod
    def load(cls, checkpoint, task, device):
        return cls()

    def sample(self, request):
        raise AssertionError("never called")


class _Actor(ActionModel, _Sampler):
    def act(self, request):
        raise AssertionError("never called")


@pytest.mark.parametrize(
    ("model", "task", "words"),
    [
        ("_Silent", "shapes-rollout", "yielded 0 frames, and the task 'shapes-rollout' has 32 to predict: yield more"),
        ("_TooMany", "shapes-rollout", "yielded 35 frames, and the task 'shapes-rollout' has 32 to predict: stop"),
        ("_OtherSize", "shapes-rollout", r"yielded uint8 \[2, 5, 16, 16, 3\] after 0 frames"),
        ("_AtOnce", "shapes-rollout", r"returned uint8 \[2, 32, 32, 32, 3\] from rollout\(request\), which is a generator"),
        ("_Sampler", "shapes-rollout", "is for tasks of the kind 'generate' or 'predict' and the task 'shapes-rollout' is of"),
        ("_Silent", "shapes-pred", "is for tasks of the kind 'rollout' and the task 'shapes-pred' is of the kind 'predict'"),
        ("_Actor", "shapes-rollout", "the kind 'generate' or 'predict' or 'act' and"),
        ("_Silent", "shapes-act", "kind 'act': choose a model of that kind"),
    ],
)  # fmt: skip
def test_a_model_that_yields_something_else_or_is_of_another_kind_is_refused(tmp_path, model, task, words):
    options = SampleOptions(output=tmp_path / "samples", num_samples=2, device="cpu")
    with pytest.raises(InputError, match=words) as caught:
        sample_model(f"{__name__}:{model}", task, options, QUIET)
    assert "\n" not in str(caught.value)


def test_a_buffer_that_is_used_again_and_chunks_of_any_length_are_the_frames(tmp_path):
    options = SampleOptions(output=tmp_path / "samples", num_samples=2, device="cpu")
    sample_model(f"{__name__}:_OneBuffer", "shapes-rollout", options, QUIET)
    frames = clips_of(tmp_path / "samples")
    expected = np.arange(32) // 3 * 3
    np.testing.assert_array_equal(frames, np.broadcast_to(expected[None, :, None, None, None], frames.shape))


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("shapes-rollout", "window_frames = 8\n", "needs evaluation.window_frames"),
        ("shapes-act", "actions = true\n", "needs data.actions = true"),
    ],
)
def test_a_kind_needs_what_it_is_about(tmp_path, name, key, words):
    text = task_toml(load_task(name).task)
    assert key in text
    (tmp_path / "task.toml").write_text(text.replace(key, ""))
    with pytest.raises(InputError, match=words):
        load_task(str(tmp_path / "task.toml"))


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("shapes-rollout", "window_frames = 8", "window_frames = 7", "divides the number of predicted frames"),
        ("shapes-rollout", "window_frames = 8", "window_frames = 32", "at least 2 windows"),
        ("shapes-gen", "[evaluation]", "[evaluation]\nwindow_frames = 4", "needs context frames"),
        ("shapes-pred", "[data]", "[data]\nactions = true", "needs kind 'act' or 'rollout'"),
        ("shapes-act", 'dataset = "shapes"', 'dataset = "shapes-crossing"', "'shapes-crossing' has none"),
        ("bair-act-ivideogpt", "[clips]", "[clips]\nstride = 2", "clips.stride 1"),
    ],
)  # fmt: skip
def test_what_no_future_can_have_is_refused(tmp_path, name, old, new, words):
    text = task_toml(load_task(name).task).replace("stride = 1\n", "")
    assert old in text
    (tmp_path / "task.toml").write_text(text.replace(old, new))
    with pytest.raises(InputError, match=words):
        load_task(str(tmp_path / "task.toml"))


def miniature(name: str) -> Task:
    """A shipped task with few frames and clips, and the embedded network in place of I3D: layout, kind and actions stay."""
    task = load_task(name).task
    bair = task.data.dataset.startswith("bair")
    clips = {} if bair else {"num_frames": 20, "context_frames": 4, "height": 32, "width": 32}
    counts = {"num_samples": 4, "samples_per_context": 2 if bair else 1, "metrics": ("fvd-shapes", "psnr")}
    windows = {} if bair else {"window_frames": 8}
    return task.model_copy(
        update={
            "name": f"small-{name}",
            "clips": task.clips.model_copy(update=clips),
            "reference": task.reference.model_copy(update={"num_clips": 2 if bair else 4}),
            "evaluation": task.evaluation.model_copy(update={**counts, **windows}),
        }
    )


@pytest.mark.parametrize("name", FUTURES)
def test_a_miniature_of_the_published_layout_is_scanned_and_evaluated(tmp_path, name):
    task = miniature(name)
    (tmp_path / "task.toml").write_text(task_toml(task))
    made = make_folder(task, tmp_path / "data", 4, VideoForm(32, 32, 20))
    outcome = scan_folder(made.root, task, (), tmp_path / "scan", workers=1, progress=QUIET)
    assert {problem.problem for problem in outcome.problems} <= {"unreadable", "truncated"}
    assert len(outcome.problems) == 1
    made.broken.unlink()
    scan_folder(made.root, task, (), tmp_path / "scan", workers=1, progress=QUIET)
    result = vidbench.evaluate(
        "noise", str(tmp_path / "task.toml"), data=made.root, output=tmp_path / "out", device="cpu"
    )
    assert list(result.metrics) == ["fvd-shapes", "psnr"]
    assert set(result.bounds) == {"real", "copy", "noise"}
    assert [len(curve.windows) for curve in result.against_time.values()] == ([] if name.startswith("bair") else [2, 2])
    assert result.other_actions == {}  # a bound looks at no action


def test_a_shape_without_actions_is_the_same_future_for_every_action():
    # The control means something only if the actions of clips differ.
    actions = ShapesDataset("test", 12, 16, 32, 32).actions(np.arange(12))
    assert len(np.unique(actions[:, 0], axis=0)) == 12
