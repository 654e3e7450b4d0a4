"""Metrics during training: the same values as `evaluate` on the same samples, and no result."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import vidbench
from vidbench.cli import cli
from vidbench.errors import InputError
from vidbench.jobs import training_curve
from vidbench.jobs.train import TrainOptions, train_model
from vidbench.jobs.training_curve import CurveOptions, TrainingCurve
from vidbench.progress import Progress
from vidbench.scoring.seeds import sample_seeds
from vidbench.tasks import load_task

TINY = {
    "ch": "4", "g_multipliers": "1", "d_ch": "4", "d_multipliers": "1", "latent_dim": "6", "embedding_dim": "5",
    "spatial_frames": "2", "batch_size": "2", "standing_batches": "1", "loader_threads": "1",
}  # fmt: skip


def curve(task, metrics=(), num_samples=60):
    options = CurveOptions(every=1, metrics=metrics, num_samples=num_samples)
    return TrainingCurve(load_task(str(task)), options, data=None, device="cpu", progress=Progress(enabled=False))


def test_a_point_is_what_evaluate_says_of_these_samples(small_task, plugin, monkeypatch):
    import slow_plugin

    monkeypatch.setattr(training_curve, "CURVE_SEED", 0)
    result = vidbench.evaluate("slow_plugin:load", str(small_task), output="out", num_samples=60)
    point = curve(small_task)(slow_plugin.Slow())
    assert set(point) == {"fvd-shapes", "fid-shapes", "is-shapes"}
    for name, value in point.items():
        assert value == pytest.approx(result.metrics[name].value, rel=1e-6)
    assert list(curve(small_task, ("is-shapes",))(slow_plugin.Slow())) == ["is-shapes"]


def test_no_sample_of_a_curve_is_one_that_an_evaluation_scores(small_task, plugin):
    import slow_plugin

    class Noting(slow_plugin.Slow):
        def __init__(self):
            self.seeds = []

        def sample(self, request):
            self.seeds += request.seeds.tolist()
            return super().sample(request)

    measure, model = curve(small_task, ("is-shapes",)), Noting()
    first, second = measure(model), measure(model)
    assert first == second
    assert model.seeds[:60] == model.seeds[60:]
    official = sample_seeds(0, np.arange(60)).tolist()
    assert len(set(model.seeds)) == 60
    assert not set(model.seeds) & set(official)
    refused = CliRunner().invoke(cli, ["evaluate", "--model", "noise", "--seed", str(training_curve.CURVE_SEED)])
    assert refused.exit_code == 2
    assert "not in the range" in refused.output


@pytest.mark.parametrize(
    ("metrics", "num_samples", "words"),
    [(("psnr",), 60, "true frames"), (("fvd-shape",), 60, "fvd-shapes"), ((), 1, "2 or more")],
)
def test_what_cannot_be_measured_is_refused_before_the_training(small_task, metrics, num_samples, words):
    with pytest.raises(InputError, match=words):
        curve(small_task, metrics, num_samples)


def test_a_training_writes_its_points_and_no_result(small_task, plugin, capsys):
    output = plugin / "run"
    curve = CurveOptions(every=1, metrics=("is-shapes",), num_samples=20)
    options = TrainOptions(output=output, steps=2, settings=TINY, device="cpu", curve=curve)
    train_model("dvdgan", str(small_task), options, Progress())
    lines = [json.loads(line) for line in (output / "train.jsonl").read_text().splitlines()]
    points = [line for line in lines if line.get("event") == "metrics"]
    assert [point["step"] for point in points] == [1, 2]
    assert all(1 <= point["metrics"]["is-shapes"] <= 24 for point in points)
    assert "on 20 samples (no result): is-shapes" in capsys.readouterr().err
    assert not list(output.glob("**/result.json"))
