"""The floor as a distribution: recorded for embedded tasks, measured on request, and never a reason for another score."""

from __future__ import annotations

import dataclasses
import json
import statistics
from pathlib import Path

import numpy as np
import pytest

import vidbench
import vidmetrics
from tests.task_texts import task_text
from vidbench.data.shapes.dataset import ShapesDataset
from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.results.real_clips import floor_sets, floor_text, sets_words
from vidbench.results.schema import read_result
from vidbench.scoring import floor_sets as floors
from vidbench.scoring.features import FeatureStore
from vidbench.scoring.floor_sets import held_out_sets
from vidbench.scoring.run import open_run
from vidbench.scoring.run_options import RunOptions
from vidbench.tasks import load_task, task_names
from vidmetrics.catalog.definitions import METRICS
from vidmetrics.networks import default_weights, load_network
from vidmetrics.statistics.exchangeability import count_sides

ROOT = Path(__file__).resolve().parents[3]
EMBEDDED = [
    name
    for name in task_names()
    if load_task(name).task.data.embedded and load_task(name).task.evaluation.floor == "real"
]


@pytest.fixture(scope="module")
def network():
    return load_network("shapes", device="cpu")


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_embedded_task_has_a_recorded_floor_of_sixteen_sets(name, network):
    task = load_task(name).task
    recorded = floors.recorded_floor(task, {"shapes": network.weights_sha256})
    # Real clips are what frames are compared with, so they have no such score.
    of_frames = {id for id in task.evaluation.metrics if METRICS[id].needs_reference == "frames"}
    assert set(recorded.metrics) == set(task.evaluation.metrics) - of_frames
    assert all(len(set(values)) == 16 for values in recorded.metrics.values())
    assert recorded.command == "python tools/measure_floors.py"
    for result in (ROOT / "leaderboards" / "results").glob("*.json"):
        stored = read_result(result)
        if stored.task.name == name:
            # The first set is the floor that results have always had.
            for id, metric in stored.metrics.items():
                assert recorded.metrics[id][0] == pytest.approx(metric.floor, rel=1e-5)


def test_a_recorded_set_is_that_of_its_clips(network):
    task = load_task("shapes-gen").task
    recorded = floors.recorded_floor(task, {"shapes": network.weights_sha256})
    clips = ShapesDataset(recorded.split, 16 * recorded.num_samples, 12, 32, 32)
    logits = [network(clips.read(np.arange(start, start + 128)))["logits"] for start in range(5 * 1024, 6 * 1024, 128)]
    # Exactly, up to the last digits that another machine's network may have.
    score, _ = vidmetrics.inception_score(np.concatenate(logits), splits=1)
    assert recorded.metrics["is-shapes"][5] == pytest.approx(score, rel=1e-5)


def test_a_record_of_another_protocol_network_or_renderer_is_not_used(network, monkeypatch):
    task, weights = load_task("shapes-gen").task, {"shapes": network.weights_sha256}
    assert floors.recorded_sets(task, weights)["fvd-shapes"].num_sets == 16
    assert floors.recorded_sets(task, {"shapes": "0" * 64}) == {}
    assert floors.recorded_sets(task, {}) == {}
    other = task.model_copy(update={"evaluation": task.evaluation.model_copy(update={"seed": 1})})
    assert floors.recorded_sets(other, weights) == {}
    assert floors.recorded_sets(load_task("k600-gen").task, weights) == {}
    changed = dataclasses.replace(floors.SCENES["shapes"], version="moving-shapes-2")
    monkeypatch.setattr(floors, "SCENES", {"shapes": changed})
    assert floors.recorded_sets(task, weights) == {}


def test_sets_are_measured_on_request_disjoint_and_without_effect_on_the_score(tmp_path, monkeypatch, network):
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(task_text("small", num_clips=80, num_samples=64, metrics=("fvd-shapes", "is-shapes")))
    plain = vidbench.evaluate("noise", "small.toml", output="plain", device="cpu")
    several = vidbench.evaluate("noise", "small.toml", output="several", device="cpu", floor_sets=3)
    assert plain.bounds["real"].sets == {}
    assert several.metrics == plain.metrics
    assert several.bounds["real"].values == plain.bounds["real"].values
    assert set(several.bounds["real"].sets) == {"fvd-shapes", "is-shapes"}
    assert not several.bounds["noise"].sets
    sets = several.floor_sets_of("fvd-shapes")
    clips = ShapesDataset("test", 192, 12, 32, 32).read(np.arange(192))
    real = network(ShapesDataset("train", 80, 12, 32, 32).read(np.arange(80)))["logits"].astype(np.float64)
    expected = []
    for start in (0, 64, 128):
        rows = network(clips[start : start + 64])["logits"].astype(np.float64)
        expected.append(vidmetrics.frechet_distance(rows.mean(0), np.cov(rows.T), real.mean(0), np.cov(real.T)))
    assert sets.values == pytest.approx(expected, rel=1e-6)
    assert sets.values[0] == pytest.approx(several.metrics["fvd-shapes"].floor, rel=1e-9)
    assert (sets.num_sets, sets.mean) == (3, pytest.approx(np.mean(expected)))
    assert sets.deviation == pytest.approx(np.std(expected, ddof=1), rel=1e-6)
    # In the same features: which real clips are nearest to the samples.
    pools = [
        network(ShapesDataset(*side, 12, 32, 32).read(np.arange(side[1])))["logits"]
        for side in (("train", 80), ("test", 64))
    ]
    record = several.nearest["shapes"]
    assert several.nearest == plain.nearest
    assert (record.output, record.num_samples) == ("logits", 64)
    assert (record.num_reference, record.num_held_out) == (80, 64)
    made = np.concatenate(list(sample_features(tmp_path / "several")))
    counts = count_sides(made, [pools[0]], [pools[1]])
    assert (record.found, record.found_in_reference) == (counts.found, counts.found_in_reference)
    # A result keeps them, and shows them in its report.
    assert read_result(tmp_path / "several").bounds == several.bounds
    assert floor_text(None, sets) in (tmp_path / "several" / "report.html").read_text()


def test_a_split_without_room_gives_as_many_sets_as_it_has(tmp_path, monkeypatch):
    path = tmp_path / "small.toml"
    path.write_text(task_text("small", num_clips=30, num_samples=16, metrics=("fid-shapes",)))
    options = RunOptions(device="cpu", floor_sets=16)
    run = open_run(load_task(str(path)), options, ranks=Ranks(), progress=Progress(enabled=False), default_name="x")
    assert held_out_sets(run, 4).num_sets == 4
    open_split = floors.open_split
    monkeypatch.setattr(floors, "open_split", lambda *given: open_split(*given[:3], min(given[3], 40), *given[4:]))
    sets = held_out_sets(run, 16)
    assert (sets.num_sets, sets.num_clips, sets.clips(1)) == (2, 32, range(16, 32))
    # Where the split is too small for a second set, the one is the floor of every result.
    monkeypatch.setattr(floors, "open_split", lambda *given: open_split(*given[:3], min(given[3], 30), *given[4:]))
    assert held_out_sets(run, 16).dataset is run.evaluation


def sample_features(folder):
    """The logits of the samples of a run, from its shards."""
    stores = [FeatureStore(path, 64) for path in (folder / "features").iterdir() if path.is_dir()]
    (store,) = (store for store in stores if "logits" in next(store.shards()))
    return store.read("logits")


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(InputError, match="--floor-sets 0 is too small"):
        vidbench.evaluate("noise", "shapes-gen", floor_sets=0)
    with pytest.raises(InputError, match="give --floor-sets to `vidbench data statistics`"):
        vidbench.evaluate("noise", "shapes-gen", floor_sets=2, reference="absent.safetensors")


def test_words_say_how_well_a_deviation_is_known():
    values = [0.2, 0.3, 0.1, 0.25]
    sets = floor_sets(values)
    assert (sets.num_sets, sets.mean) == (4, pytest.approx(0.2125))
    assert sets.deviation == pytest.approx(statistics.stdev(values))
    assert floor_text(0.2, sets) == "0.212 ± 0.085"
    assert (floor_text(0.2, None), floor_text(None, None)) == ("0.200", "-")
    assert "known to about 41 %" in sets_words(sets)
    # 1 / sqrt(2 (n - 1)) is how much the deviation of n normal values scatters.
    scatter = np.std(np.random.default_rng(0).normal(size=(20_000, 16)).std(axis=1, ddof=1))
    assert f"about {100 * scatter:.0f} %" in sets_words(floor_sets(list(range(16))))
    assert (floor_sets([0.2]).deviation, floor_text(0.2, floor_sets([0.2]))) == (None, "0.200")
    assert "unknown" in sets_words(floor_sets([0.2]))


def test_recorded_files_are_of_the_shipped_weights():
    import hashlib

    digest = hashlib.sha256(default_weights("shapes").read_bytes()).hexdigest()
    for name in EMBEDDED:
        path = ROOT / "vidbench" / "scoring" / floors.recorded_name(name)
        assert json.loads(path.read_text())["networks"] == {"shapes": digest}
