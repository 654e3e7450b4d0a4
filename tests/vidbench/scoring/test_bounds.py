"""The bounds of a task: their clips, that real ones are disjoint from the reference set, and their cost."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import vidbench
import vidmetrics
from vidbench.cli.result_lines import result_lines
from vidbench.data.shapes.dataset import ShapesDataset
from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.models.interface import ModelTask, SampleRequest
from vidbench.models.trivial import StaticModel
from vidbench.progress import Progress
from vidbench.results.schema import read_result
from vidbench.scoring.bounds import disjoint_real, task_bounds
from vidbench.scoring.run import open_run
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import load_task
from vidbench.tasks.words import protocol_text
from vidmetrics.estimators.frechet import FrechetEstimator

ROOT = Path(__file__).resolve().parents[3]


def _open(task_file, **options):
    chosen = RunOptions(device="cpu", **options)
    quiet = Progress(enabled=False)
    return open_run(load_task(str(task_file)), chosen, ranks=Ranks(), progress=quiet, default_name="x")


def _predicting(text):
    text = text.replace("num_frames = 12", "num_frames = 16\ncontext_frames = 5").replace('"balanced"', '"none"')
    return text.replace('"is-shapes"', '"fvd-shapes"').replace('"fvd-shapes", "fid-shapes", ', "")


def _request(num_frames, context):
    return SampleRequest(np.array([3, 1]), np.array([7, 8], np.uint64), None, context, num_frames)


def test_static_holds_the_first_real_frame():
    clips = np.random.default_rng(0).integers(0, 256, (5, 6, 8, 8, 3), np.uint8)
    generation = StaticModel.load(None, ModelTask("g", 6, 0, 8, 8, ()), "cpu")
    with pytest.raises(InputError, match="'static' needs held-out clips from the harness"):
        generation.sample(_request(6, None))
    generation.bind(lambda indices: clips[indices])
    held = generation.sample(_request(6, None))
    assert held.shape == (2, 6, 8, 8, 3)
    for frame in range(6):
        np.testing.assert_array_equal(held[:, frame], clips[[3, 1], 0])
    prediction = StaticModel.load(None, ModelTask("p", 6, 2, 8, 8, ()), "cpu")
    np.testing.assert_array_equal(
        prediction.sample(_request(4, clips[[3, 1], :2])), np.repeat(clips[[3, 1], :1], 4, axis=1)
    )
    with pytest.raises(InputError, match="'static' has no weights"):
        StaticModel.load(Path("weights"), ModelTask("g", 6, 0, 8, 8, ()), "cpu")


def test_bounds_of_generation_and_of_prediction(small_task):
    assert [bound.name for bound in task_bounds(_open(small_task))] == ["real", "static", "noise"]
    small_task.write_text(_predicting(small_task.read_text()))
    assert [bound.name for bound in task_bounds(_open(small_task))] == ["real", "copy", "static", "noise"]


def test_real_clips_are_disjoint_from_the_reference_set(small_task):
    run = _open(small_task)
    dataset, split = disjoint_real(run)
    assert (dataset, split) == (run.evaluation, "test")
    assert not dataset.origins(120) & run.reference.origins(96)

    # If the reference set is the evaluation split, real clips come from the train split.
    text = small_task.read_text().replace('reference_split = "train"', 'reference_split = "test"')
    small_task.write_text(text)
    dataset, split = disjoint_real(_open(small_task))
    assert (split, dataset.num_clips) == ("train", 120)
    np.testing.assert_array_equal(
        dataset.read(np.arange(3)), ShapesDataset("train", 120, 12, 32, 32).read(np.arange(3))
    )

    assert "split 'train'" in protocol_text(load_task(str(small_task)).task)
    small_task.write_text(_predicting(text))
    assert "can score better than these" in task_bounds(_open(small_task))[0].what

    small_task.write_text(text.replace('train_split = "train"', 'train_split = "test"'))
    with pytest.raises(InputError, match=r"split 'test' shares 96 videos with the reference set"):
        disjoint_real(_open(small_task))


def test_a_result_without_a_real_bound_says_why(few_samples, plugin):
    text = few_samples.read_text().replace('reference_split = "train"', 'reference_split = "test"')
    few_samples.write_text(text.replace('train_split = "train"', 'train_split = "test"'))
    result = vidbench.evaluate("slow_plugin:load", str(few_samples), output="out")
    assert result.bounds["real"].values == {}
    assert "shares 31 videos" in result.bounds["real"].absent
    assert result.metrics["fvd-shapes"].floor is None
    assert result.metrics["fvd-shapes"].ceiling == result.bounds["noise"].values["fvd-shapes"]
    assert any("no 'real'" in line for line in result_lines(result))
    assert "shares 31 videos" in (plugin / "out" / "report.html").read_text()
    with pytest.raises(InputError, match="outside the reference set"):
        vidbench.evaluate("real", str(few_samples), output="real")


def test_values_equal_a_direct_computation_and_are_computed_once(small_task, plugin, monkeypatch):
    folded, folds = [], FrechetEstimator._folds
    monkeypatch.setattr(FrechetEstimator, "_folds", lambda *given: folded.append(given) or folds(*given))
    result = vidbench.evaluate("slow_plugin:load", str(small_task), output="out")
    # A bound has no interval, whose folds would take twenty times its own time.
    assert len(folded) == len([id for id in result.metrics if id in ("fvd-shapes", "fid-shapes")])
    network = vidmetrics.load_network("shapes")
    real = network(ShapesDataset("train", 96, 12, 32, 32).read(np.arange(96)))["pool"].astype(np.float64)
    held_out = ShapesDataset("test", 120, 12, 32, 32).read(np.arange(120))
    for name, clips in (("real", held_out), ("static", np.repeat(held_out[:, :1], 12, axis=1))):
        rows = network(clips)["pool"].astype(np.float64)
        expected = vidmetrics.frechet_distance(rows.mean(0), np.cov(rows.T), real.mean(0), np.cov(real.T))
        assert result.bounds[name].values["fid-shapes"] == pytest.approx(expected, rel=1e-6)
    assert result.metrics["fid-shapes"].floor == result.bounds["real"].values["fid-shapes"]

    def refuse(*arguments):
        raise AssertionError("a bound was measured again")

    monkeypatch.setattr("vidbench.scoring.bounds.estimate_value", refuse)
    other = vidbench.evaluate("slow_plugin:load", str(small_task), output="other", seed=3)
    assert other.bounds == result.bounds
    assert other.metrics["fvd-shapes"].value != result.metrics["fvd-shapes"].value


def test_the_terminal_ranks_a_model_among_its_bounds(few_samples, plugin):
    few_samples.write_text(_predicting(few_samples.read_text()))
    lines = result_lines(vidbench.evaluate("copy", str(few_samples), output="out"))
    places = next(line for line in lines if "fvd-shapes" in line)
    names = [part.split()[-2] for part in places.split(" < ")]
    assert sorted(names) == ["copy", "noise", "real", "static"]
    assert (names[0], names[-1]) == ("real", "noise")


def test_results_of_the_first_schema_are_still_read():
    # Written by `vidbench evaluate --model noise --task examples/tasks/weizmann.toml --data DATA` at that time.
    path = ROOT / "tests" / "golden" / "result_schema_1.json"
    assert json.loads(path.read_text())["schema_version"] == 1
    old = read_result(path)
    assert old.metrics
    assert (old.bounds, old.truncation, old.against_count) == ({}, (), {})
