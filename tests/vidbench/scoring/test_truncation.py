"""The truncation sweep: in addition to the score, never instead of it."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import vidbench
import vidmetrics
from vidbench.cli.result_lines import result_lines
from vidbench.data.shapes.dataset import ShapesDataset
from vidbench.errors import InputError
from vidbench.scoring.seeds import sample_seeds
from vidbench.tasks import load_task
from vidbench.tasks.words import protocol_text

TRUNCATING = """
import numpy as np

class Truncating:
    offers_truncation = True
    asked = []
    def sample(self, request):
        self.asked.append(request.truncation)
        sigma = 1.0 if request.truncation is None else request.truncation
        clips = []
        for seed in request.seeds:
            noise = np.random.Generator(np.random.Philox(int(seed))).standard_normal((request.num_frames, 32, 32, 3))
            clips.append(np.clip(128 + 90 * sigma * noise, 0, 255))
        return np.stack(clips).astype(np.uint8)

def load(checkpoint, task, device):
    return Truncating()
"""


@pytest.fixture
def truncating(plugin):
    (plugin / "truncating_plugin.py").write_text(TRUNCATING)
    yield plugin
    # Its file is gone with the folder of this test.
    sys.modules.pop("truncating_plugin", None)


@pytest.fixture
def sweep_task(small_task):
    path = small_task.with_name("sweep.toml")
    path.write_text(
        small_task.read_text().replace('labels = "balanced"', 'labels = "balanced"\ntruncation_sweep = [0.5, 1]')
    )
    return path


def _headline(result):
    return {name: (metric.value, metric.interval) for name, metric in result.metrics.items()}


def test_the_sweep_is_measured_and_the_score_is_untouched(small_task, sweep_task, truncating, monkeypatch):
    plain = vidbench.evaluate("truncating_plugin:load", str(small_task), output="plain")
    assert plain.truncation == ()
    result = vidbench.evaluate("truncating_plugin:load", str(sweep_task), output="out")
    assert _headline(result) == _headline(plain)
    assert [record.sigma for record in result.truncation] == [0.5, 1.0]

    import truncating_plugin

    assert set(truncating_plugin.Truncating.asked) == {None, 0.5, 1.0}

    class Request:
        seeds = sample_seeds(0, np.arange(120))
        num_frames = 12
        truncation = 0.5

    network = vidmetrics.load_network("shapes")
    a = network(truncating_plugin.Truncating().sample(Request))["logits"].astype(np.float64)
    b = network(ShapesDataset("train", 96, 12, 32, 32).read(np.arange(96)))["logits"].astype(np.float64)
    expected = vidmetrics.frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    half, whole = (record.metrics["fvd-shapes"] for record in result.truncation)
    assert half.value == pytest.approx(expected, rel=1e-6)
    # At sigma 1 this model samples as without truncation, but the features are stored in separate shards.
    assert whole.value == result.metrics["fvd-shapes"].value
    assert len(list((truncating / "out" / "features").iterdir())) == 4  # with what the validity panel found

    text = "\n".join(result_lines(result))
    assert "sigma 0.5" in text
    page = (truncating / "out" / "report.html").read_text()
    assert 'id="truncation"' in page
    assert "sigma of the latents" in page

    import vidmetrics.networks.network as networks

    def refuse(self, clips):
        raise AssertionError("measured again")

    monkeypatch.setattr(networks.Network, "__call__", refuse)
    assert vidbench.evaluate("truncating_plugin:load", str(sweep_task), output="out").truncation == result.truncation


def test_a_model_without_truncation_has_no_sweep_and_the_report_says_why(few_samples, sweep_task, plugin):
    result = vidbench.evaluate("slow_plugin:load", str(sweep_task), output="out")
    assert result.truncation == ()
    page = (plugin / "out" / "report.html").read_text()
    assert (
        "The task has a sweep over sigma 0.5, 1; the model &#39;slow_plugin:load&#39; does not support truncation."
        in page
    )


def test_a_sweep_enters_the_fingerprint_only_where_there_is_one(small_task, sweep_task):
    # The fingerprint of version 1 of the task, from before sweeps existed.
    assert load_task("shapes-gen").task.fingerprint == (
        "2e8a4e291ad657217d0a3826cca21c6ab78341497c6ef431dd5a3b2493bc3168"
    )
    tasks = [load_task(str(path)).task for path in (small_task, sweep_task)]
    assert tasks[0].fingerprint != tasks[1].fingerprint
    assert "sigma 0.5, 1" in protocol_text(tasks[1])
    assert "sigma" not in protocol_text(tasks[0])


@pytest.mark.parametrize(
    ("sweep", "word"),
    [
        ("[0.0]", "truncation_sweep"),
        ("[1.5]", "truncation_sweep"),
        ("[0.5, 0.5]", "truncation_sweep"),
        ("[nan]", "the number nan, which is not finite"),
    ],
)
def test_impossible_sigmas_are_refused(sweep_task, sweep, word):
    sweep_task.write_text(sweep_task.read_text().replace("[0.5, 1]", sweep))
    with pytest.raises(InputError, match=word):
        load_task(str(sweep_task))
