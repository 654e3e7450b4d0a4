"""PSNR, SSIM and LPIPS in a prediction task, several samples per context, and repeated runs."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import vidbench
import vidmetrics
from tests.forked import run_ranks
from tests.task_texts import task_text
from vidbench.data.shapes.dataset import ShapesDataset
from vidbench.errors import InputError
from vidbench.jobs.sample import SampleOptions, sample_model
from vidbench.progress import Progress
from vidbench.scoring.repeats import over_runs
from vidbench.scoring.seeds import sample_seeds
from vidmetrics import Estimate, get_metric, psnr_frames, ssim_frames
from vidmetrics.conformance.seeded_weights import seeded_weights

# Three samples of each of 12 contexts, three times.
TASK = task_text(
    "small-pred",
    context_frames=4,
    num_clips=48,
    num_samples=36,
    labels="evaluation",
    metrics=("fvd-shapes", "psnr", "ssim", "psnr-best", "ssim-best"),
    more='samples_per_context = 3\nrepeats = 3\nceiling = "copy"\n',
)

# The last context frame plus noise whose strength differs between samples, so that the best of three is distinct; "exact"
# repeats the frame without noise.
PLUGIN = """
import numpy as np

class Noisy:
    def sample(self, request):
        clips = []
        for seed, context_THWC in zip(request.seeds, request.context_NTHWC):
            rng = np.random.Generator(np.random.Philox(int(seed)))
            noise = rng.normal(0, rng.uniform(5, 80), (request.num_frames, 32, 32, 3))
            clips.append(np.clip(context_THWC[-1:] + noise, 0, 255))
        return np.stack(clips).astype(np.uint8)

def load(checkpoint, task, device):
    return Noisy()
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """The task file and the model in a folder that is the current one."""
    (tmp_path / "noisy_plugin.py").write_text(PLUGIN)
    (tmp_path / "task.toml").write_text(TASK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    # A module of an earlier test would be known by a file that is gone.
    sys.modules.pop("noisy_plugin", None)
    yield tmp_path / "task.toml"
    sys.modules.pop("noisy_plugin", None)


def predictions() -> tuple[np.ndarray, np.ndarray]:
    """True and predicted frames of all 108 samples, straight from the model: uint8 ``[3, 12, 3, 8, 32, 32, 3]``."""
    import noisy_plugin

    truth = ShapesDataset("test", 12, 12, 32, 32).read(np.arange(12))
    whole = np.tile(np.repeat(truth, 3, axis=0), (3, 1, 1, 1, 1))

    class Request:
        seeds = sample_seeds(0, np.arange(108))
        context_NTHWC = whole[:, :4]
        num_frames = 8

    shape = (3, 12, 3, 8, 32, 32, 3)
    return whole[:, 4:].reshape(shape), noisy_plugin.Noisy().sample(Request).reshape(shape)


def test_values_equal_a_direct_computation(own):
    result = vidbench.evaluate("noisy_plugin:load", str(own), output="out", device="cpu")
    true, predicted = predictions()
    for name, function in (("psnr", psnr_frames), ("ssim", ssim_frames)):
        flat = function(true.reshape(-1, *true.shape[3:]), predicted.reshape(-1, *true.shape[3:]))
        scores_RCK = flat.mean(axis=1).reshape(3, 12, 3)
        for id, of_context in ((name, scores_RCK.mean(axis=2)), (f"{name}-best", scores_RCK.max(axis=2))):
            found, runs = result.metrics[id], of_context.mean(axis=1)
            assert found.runs == pytest.approx(tuple(runs), rel=1e-12)
            assert found.value == pytest.approx(runs.mean(), rel=1e-12)
            half = 4.302652729911275 * runs.std(ddof=1) / 3**0.5  # Student's t, 2 degrees of freedom, 97.5 %
            assert found.interval == pytest.approx((runs.mean() - half, runs.mean() + half), rel=1e-9)
            assert (found.num_samples, found.num_reference, found.network) == (36, 12, "")
            assert found.floor is None
            assert found.spread == pytest.approx(runs.std(ddof=1), rel=1e-9)
    assert result.metrics["psnr-best"].value > result.metrics["psnr"].value + 1
    # Each run is a separate sample with its own distance.
    network = vidmetrics.load_network("shapes")
    real = network(ShapesDataset("train", 48, 12, 32, 32).read(np.arange(48)))["logits"].astype(float)
    truth = ShapesDataset("test", 12, 12, 32, 32).read(np.repeat(np.arange(12), 3))
    for run, value in enumerate(result.metrics["fvd-shapes"].runs):
        whole = np.concatenate([truth[:, :4], predicted[run].reshape(36, 8, 32, 32, 3)], axis=1)
        features = network(whole)["logits"].astype(float)
        expected = vidmetrics.frechet_distance(real.mean(0), np.cov(real.T), features.mean(0), np.cov(features.T))
        assert value == pytest.approx(expected, rel=1e-6)
    assert result.data.evaluation.num_clips == 12


def test_without_repeats_the_interval_is_over_contexts(own):
    own.write_text(TASK.replace("repeats = 3\n", ""))
    found = vidbench.evaluate("noisy_plugin:load", str(own), output="out", device="cpu").metrics["ssim-best"]
    true, predicted = (part[0] for part in predictions())
    scores = ssim_frames(true.reshape(36, 8, 32, 32, 3), predicted.reshape(36, 8, 32, 32, 3)).mean(axis=1)
    best = scores.reshape(12, 3).max(axis=1)
    half = 2.2009851600916384 * best.std(ddof=1) / 12**0.5  # 11 degrees of freedom
    assert found.interval == pytest.approx((best.mean() - half, min(1.0, best.mean() + half)), rel=1e-6)
    assert found.runs is None


def _values(result):
    return {
        id: (m.value, m.runs, m.interval, m.floor, m.ceiling) for id, m in result.metrics.items() if m.network == ""
    }


def test_batches_ranks_kills_and_files_change_nothing(own, monkeypatch):
    monkeypatch.setenv("VIDBENCH_HOME", str(own.parent / "home-a"))
    whole = vidbench.evaluate("noisy_plugin:load", str(own), output="out", device="cpu", batch_size=1000)
    monkeypatch.setenv("VIDBENCH_HOME", str(own.parent / "home-b"))
    other = vidbench.evaluate("noisy_plugin:load", str(own), output="other", device="cpu", batch_size=5)
    assert _values(whole) == _values(other)
    # A shard lost in a kill is computed again, and nothing else is.
    import noisy_plugin

    shards = sorted((own.parent / "other" / "features").glob("*/features-00000064+044.safetensors"))
    assert len(shards) == 3  # of the network, of the frames and of the validity panel
    shards[0].unlink()
    asked = []
    sample = noisy_plugin.Noisy.sample
    monkeypatch.setattr(noisy_plugin.Noisy, "sample", lambda s, r: (asked.extend(r.indices), sample(s, r))[1])
    assert _values(vidbench.evaluate("noisy_plugin:load", str(own), output="other", device="cpu")) == _values(whole)
    # The report reads some samples again for its pictures: the first sixteen, the nearest and farthest, two per class.
    assert asked[:44] == list(range(64, 108))
    assert set(range(16)) <= set(asked[44:])
    assert len(asked[44:]) <= 16 + 16 + 2 * 24
    # Scoring the output of `sample`, all three runs in one folder, gives the same.
    quiet = Progress(enabled=False)
    options = SampleOptions(output=Path("clips"), batch_size=50, device="cpu")
    sample_model("noisy_plugin:load", str(own), options, quiet)
    scored = vidbench.score(str(own), "clips", output="scored", device="cpu")
    assert _values(scored) == _values(whole)


def test_two_processes_give_the_same_values(own):
    command = ["-m", "vidbench", "evaluate", "--model", "noisy_plugin:load", "--task", str(own), "--device", "cpu"]
    environment = {"VIDBENCH_HOME": str(own.parent / "home-two")}
    for done in run_ranks([*command, "--output", "two"], 2, environment=environment):
        assert done.returncode == 0, done.stderr
    from vidbench.results.schema import read_result

    one = vidbench.evaluate("noisy_plugin:load", str(own), output="one", device="cpu")
    assert _values(read_result(own.parent / "two" / "result.json")) == _values(one)


def test_a_frame_without_error_has_no_mean_psnr(own):
    own.write_text(TASK.replace('"psnr", "ssim", "psnr-best", "ssim-best"', '"psnr", "ssim"'))
    with pytest.raises(
        InputError, match=r"'psnr' is infinite.*frame 0 of sample 0 equals.*remove 'psnr' from the task"
    ):
        vidbench.evaluate("real", str(own), output="out", device="cpu")
    assert not (own.parent / "out" / "result.json").exists()
    # As a ceiling it has no value, and the rest of the result is unaffected.
    own.write_text(own.read_text().replace('ceiling = "copy"', 'ceiling = "real"'))
    result = vidbench.evaluate("noisy_plugin:load", str(own), output="out", device="cpu")
    assert result.metrics["psnr"].ceiling is None
    assert result.metrics["psnr"].value > 0
    assert result.metrics["fvd-shapes"].ceiling > 0


def test_real_clips_are_scored_as_they_bound_the_others_and_follow_themselves(own):
    """Here the held-out clips are the reference set itself, so the real ones come from another split."""
    text = TASK.replace('"psnr", "ssim", "psnr-best", "ssim-best"', '"ssim", "ssim-best"')
    own.write_text(text.replace('reference_split = "train"', 'reference_split = "test"'))
    bounds = vidbench.evaluate("noisy_plugin:load", str(own), output="out", device="cpu").bounds
    assert set(bounds) == {"real", "copy", "static", "noise"}
    assert "split 'train'" in bounds["real"].what
    assert "ssim" not in bounds["real"].values
    assert bounds["copy"].values["ssim"] > bounds["noise"].values["ssim"]
    real = vidbench.evaluate("real", str(own), output="real", device="cpu").metrics
    assert real["ssim"].runs == real["ssim-best"].runs == (1.0, 1.0, 1.0)
    assert real["fvd-shapes"].runs == (bounds["real"].values["fvd-shapes"],) * 3
    assert "±" in (own.parent / "real" / "report.html").read_text()


def test_a_network_compares_frames(own, tmp_path, monkeypatch):
    """LPIPS: the mean and the lowest of two predictions, with a metric of features; its weights are in the result."""
    drawn = seeded_weights("lpips-alex", 0)
    (tmp_path / "home" / "weights").mkdir(parents=True)
    save_file(dict(drawn), tmp_path / "home" / "weights" / "lpips-alex.safetensors")
    monkeypatch.setenv("VIDBENCH_HOME", str(tmp_path / "home"))
    more = {
        "num_clips": 24,
        "num_samples": 6,
        "labels": "evaluation",
        "more": 'samples_per_context = 2\nceiling = "copy"\n',
    }
    own.write_text(task_text("lpips-pred", context_frames=10, metrics=("fvd-shapes", "lpips", "lpips-best"), **more))
    result = vidbench.evaluate("noisy_plugin:load", str(own), output="out", device="cpu")

    import noisy_plugin

    class Request:
        seeds = sample_seeds(0, np.arange(6))
        num_frames = 2

    whole = np.repeat(ShapesDataset("test", 3, 12, 32, 32).read(np.arange(3)), 2, axis=0)
    Request.context_NTHWC = whole[:, :10]
    network = vidmetrics.load_network("lpips-alex")
    scores = network.compare(whole[:, 10:], noisy_plugin.Noisy().sample(Request)).mean(axis=1).reshape(3, 2)
    found = result.metrics
    assert found["lpips"].value == pytest.approx(scores.mean(), rel=1e-12)
    assert found["lpips-best"].value == pytest.approx(scores.min(axis=1).mean(), rel=1e-12)
    assert found["lpips"].network == found["lpips-best"].network == "lpips-alex"
    assert not found["lpips"].higher_is_better
    assert result.bounds["copy"].values["lpips"] == found["lpips"].ceiling > 0
    assert result.networks["lpips-alex"].weights_sha256 == network.weights_sha256
    assert any("'lpips-alex' are not proven" in reason for reason in result.reasons)
    # Other weights are other scores, and none of them is taken from the cache.
    save_file(dict(seeded_weights("lpips-alex", 1)), tmp_path / "home" / "weights" / "lpips-alex.safetensors")
    other = vidbench.evaluate("noisy_plugin:load", str(own), output="other", device="cpu")
    assert other.metrics["lpips"].value != found["lpips"].value
    assert other.bounds["copy"].values["lpips"] != result.bounds["copy"].values["lpips"]


def test_an_interval_over_runs_ends_where_the_metric_does():
    def runs(id, *values):
        return over_runs(get_metric(id), [Estimate(value, (0.0, 9.0), 10, 20) for value in values])

    assert runs("fvd", 1.0) == (Estimate(1.0, (0.0, 9.0), 10, 20), None)
    found, values = runs("fvd", 0.1, 0.2, 0.9)
    assert found.value == pytest.approx(0.4)
    assert found.interval == pytest.approx((0.0, 0.4 + 4.302652729911275 * 0.43588989435 / 3**0.5))
    assert values == (0.1, 0.2, 0.9)
    assert runs("fvd-videogpt", 0.1, 0.2, 0.9)[0].interval[0] < 0
    assert runs("is", 1.1, 1.2, 2.9)[0].interval[0] == 1
    assert runs("ssim", 0.3, 0.9, 0.98)[0].interval[1] == 1
    assert runs("kvd", -0.1, 0.2, 0.3)[0].interval[0] < -0.1
    assert runs("fvd", 1.0, 2.0)[0].interval is None


def test_counts_that_do_not_fit_are_refused(own):
    with pytest.raises(InputError, match=r"--num-samples 40 is not a multiple of 3"):
        vidbench.evaluate("copy", str(own), output="out", num_samples=40, device="cpu")
    np.save(own.parent / "few.npy", np.zeros((36, 8, 32, 32, 3), np.uint8))
    with pytest.raises(InputError, match=r"There are 36 samples .* exactly 108 are required \(3 runs of 36\)"):
        vidbench.score(str(own), "few.npy", output="out", device="cpu")
