"""The main job, end to end: the score depends only on task and model, not on batches, ranks or interruptions."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import time
from contextlib import contextmanager

import jsonschema
import numpy as np
import pytest

import vidbench
import vidmetrics
from tests.forked import run_python, run_ranks, start_python
from vidbench.data.shapes.dataset import ShapesDataset
from vidbench.errors import InputError
from vidbench.results.schema import json_schema, read_result
from vidbench.scoring.seeds import sample_seeds


def _values(result):
    return {name: (m.value, m.interval, m.floor, m.ceiling) for name, m in result.metrics.items()}


def _assert_close(a, b):
    for name in a:
        np.testing.assert_allclose(
            np.hstack([np.ravel(x) for x in a[name]]),
            np.hstack([np.ravel(x) for x in b[name]]),
            rtol=1e-6,
            err_msg=name,
        )


def _comparable(path):
    """Return a result without its execution record."""
    document = json.loads(path.read_text())
    del document["execution"]
    return document


def _command(*arguments):
    return ["-m", "vidbench", *map(str, arguments)]


@pytest.fixture(scope="module")
def evaluated_once(tmp_path_factory, small_files):
    """A folder with the small task, a model and its result in ``out``, which tests read and do not change."""
    folder = tmp_path_factory.mktemp("evaluated")
    small_files(folder)
    with _entered(folder):
        vidbench.evaluate("slow_plugin:load", "small.toml", output="out")
    return folder


@contextmanager
def _entered(folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VIDBENCH_HOME", str(folder / "home"))
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        sys.modules.pop("slow_plugin", None)
        yield
        sys.modules.pop("slow_plugin", None)


@pytest.fixture
def evaluated(evaluated_once):
    """That folder as current folder, with its caches."""
    with _entered(evaluated_once):
        yield evaluated_once


def test_the_values_equal_a_direct_computation(evaluated):
    result = read_result(evaluated / "out" / "result.json")

    import slow_plugin

    class Request:
        seeds = sample_seeds(0, np.arange(120))
        labels = np.arange(120) % 24
        num_frames = 12

    network = vidmetrics.load_network("shapes")
    generated = network(slow_plugin.Slow().sample(Request))
    real = network(ShapesDataset("train", 96, 12, 32, 32).read(np.arange(96)))
    for metric, output in (("fvd-shapes", "logits"), ("fid-shapes", "pool")):
        a, b = real[output].astype(np.float64), generated[output].astype(np.float64)
        expected = vidmetrics.frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
        assert result.metrics[metric].value == pytest.approx(expected, rel=1e-6)
        assert (result.metrics[metric].num_samples, result.metrics[metric].num_reference) == (120, 96)
    assert result.metrics["is-shapes"].value == pytest.approx(
        vidmetrics.inception_score(generated["logits"], splits=1)[0], rel=1e-6
    )
    assert not result.official
    assert "user's own" in result.reasons[0]


def test_the_score_does_not_depend_on_the_batch_size(few_samples, plugin):
    results = []
    for batch_size in (1, 7, 1000):
        # A separate cache for each, so that nothing is reused.
        os.environ["VIDBENCH_HOME"] = str(plugin / f"home-{batch_size}")
        result = vidbench.evaluate(
            "slow_plugin:load", str(few_samples), output=f"out-{batch_size}", batch_size=batch_size
        )
        results.append(_values(result))
    for other in results[1:]:
        _assert_close(results[0], other)


def test_two_processes_give_the_same_result_file(small_task, plugin):
    arguments = ("evaluate", "--model", "slow_plugin:load", "--task", small_task, "--device", "cpu", "--json")
    vidbench.evaluate("slow_plugin:load", str(small_task), output="one", device="cpu")
    environment = {"VIDBENCH_HOME": str(plugin / "home-two")}
    two, other = run_ranks(_command(*arguments, "--output", "two"), 2, environment=environment)
    assert (two.returncode, other.returncode) == (0, 0), two.stderr + other.stderr
    assert other.stdout == ""
    assert json.loads(two.stdout)["execution"]["num_processes"] == 2
    a, b = (_comparable(plugin / name / "result.json") for name in ("one", "two"))
    _assert_close(
        *({k: (m["value"], m["interval"], m["floor"], m["ceiling"]) for k, m in d["metrics"].items()} for d in (a, b))
    )
    for document in (a, b):
        del document["metrics"]
    assert a == b
    # stdout has exactly one document, from the main rank.
    assert json.loads(two.stdout)["schema_version"] == 3


def test_a_run_killed_again_and_again_gives_the_same_result_file(small_task, plugin):
    arguments = _command("evaluate", "--model", "slow_plugin:load", "--task", small_task, "--batch-size", "8")
    environment = {"VIDBENCH_HOME": str(plugin / "home-killed"), "SLOW_SECONDS": "0.15"}
    survived = 0
    for round_number in range(2):
        process = start_python([*arguments, "--output", "killed"], environment=environment)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            if len(list((plugin / "killed").rglob("features-*.safetensors"))) > round_number:
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (plugin / "killed" / "result.json").exists() or round_number == 1
        survived = len(list((plugin / "killed").rglob("features-*.safetensors")))
    assert survived > 0, "no shard outlived a kill, so nothing was resumed"
    done = run_python([*arguments, "--output", "killed"], environment=environment)
    assert done.returncode == 0, done.stderr
    vidbench.evaluate("slow_plugin:load", str(small_task), output="calm", batch_size=8)
    assert _comparable(plugin / "killed" / "result.json") == _comparable(plugin / "calm" / "result.json")


def test_a_finished_run_is_not_measured_again(evaluated, monkeypatch):
    first = read_result(evaluated / "out" / "result.json")
    import vidmetrics.networks.network as networks

    def refuse(self, clips):
        raise AssertionError("measured again")

    monkeypatch.setattr(networks.Network, "__call__", refuse)
    again = vidbench.evaluate("slow_plugin:load", "small.toml", output="out")
    assert _values(again) == _values(first)
    assert read_result(evaluated / "out" / "result.json") == again


def test_another_seed_or_count_is_unofficial_and_not_taken_from_the_cache(evaluated):
    first = read_result(evaluated / "out" / "result.json")
    shutil.copytree(evaluated / "out", evaluated / "other")
    other = vidbench.evaluate("slow_plugin:load", "small.toml", output="other", seed=1)
    fewer = vidbench.evaluate("slow_plugin:load", "small.toml", output="other", num_samples=60)
    assert len({r.metrics["fvd-shapes"].value for r in (first, other, fewer)}) == 3
    assert any("seed is 1" in reason for reason in other.reasons)
    assert any("60 samples were scored" in reason for reason in fewer.reasons)


def test_scoring_the_written_samples_gives_the_same_values(evaluated):
    command = _command("sample", "--model", "slow_plugin:load", "--task", "small.toml", "--output", "clips")
    assert run_python(command).returncode == 0
    scored = vidbench.score("small.toml", "clips", output="scored")
    assert _values(scored) == _values(read_result(evaluated / "out" / "result.json"))
    assert scored.model.name == "samples"
    assert scored.model.samples_sha256


def test_prediction_also_scores_the_context_frames(plugin, small_task):
    text = small_task.read_text()
    text = text.replace("num_frames = 12", "num_frames = 16\ncontext_frames = 5").replace('"balanced"', '"none"')
    small_task.write_text(text.replace('labels = "none"', 'labels = "none"\nceiling = "copy"'))
    copied = vidbench.evaluate("copy", str(small_task), output="copy")
    real = ShapesDataset("test", 120, 16, 32, 32).read(np.arange(120))
    whole = np.concatenate([real[:, :5], np.repeat(real[:, 4:5], 11, axis=1)], axis=1)
    network = vidmetrics.load_network("shapes")
    a = network(ShapesDataset("train", 96, 16, 32, 32).read(np.arange(96)))["logits"].astype(np.float64)
    b = network(whole)["logits"].astype(np.float64)
    expected = vidmetrics.frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    assert copied.metrics["fvd-shapes"].value == pytest.approx(expected, rel=1e-6)
    assert copied.metrics["fvd-shapes"].ceiling == copied.metrics["fvd-shapes"].value
    assert copied.metrics["fvd-shapes"].floor < copied.metrics["fvd-shapes"].value


def test_a_shipped_task_unchanged_is_official_and_fits_the_published_schema(tmp_path):
    result = vidbench.evaluate("noise", "shapes-gen", output=tmp_path / "out", batch_size=64)
    assert result.official
    assert result.reasons == ()
    document = json.loads((tmp_path / "out" / "result.json").read_text())
    jsonschema.validate(document, json_schema())
    page = (tmp_path / "out" / "report.html").read_text()
    assert "data:image/webp;base64," in page
    # With the colon, because the four letters also occur by chance in two million characters of base64.
    assert not re.search("https?:", page), "the report must not ask anything of the network"
    # Noise is the worst case for compression.
    assert len(page) < 3_000_000
    for metric in result.metrics.values():
        # Noise is the ceiling, so it scores exactly that; the floor of real clips is much better.
        assert metric.value == metric.ceiling
        assert (metric.floor > metric.value) == metric.higher_is_better


@pytest.mark.parametrize("name", ["wrong_shape", "wrong_dtype"])
def test_a_model_with_a_wrong_answer_is_refused(small_task, plugin, name):
    with pytest.raises(InputError, match=r"requires a numpy uint8 array \[32, 12, 32, 32, 3\]"):
        vidbench.evaluate(f"slow_plugin:{name}", str(small_task), output="out")
    assert not (plugin / "out" / "result.json").exists()
    assert not list((plugin / "out").rglob("*")) if (plugin / "out").exists() else True
