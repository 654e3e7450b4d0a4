"""The validity panel of a run: what is planted is flagged, what is honest is not, and no batch, rank or rerun changes it."""

from __future__ import annotations

import numpy as np
import pytest

import vidbench
from tests.task_texts import prediction_text, task_text
from vidbench.data.shapes.dataset import ShapesDataset, render
from vidbench.results.schema import read_result
from vidbench.scoring import panel as panel_module
from vidbench.validity.checks import CHECKS, panel_lines

N = 96
"""Samples; four of each class."""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """One cache for all tests of this file, and the two tasks."""
    folder = tmp_path_factory.mktemp("panel")
    gen = task_text("small-gen", num_clips=192, num_samples=N, metrics=("fvd-shapes",))
    (folder / "gen.toml").write_text(gen, encoding="utf-8")
    (folder / "pred.toml").write_text(prediction_text("small-pred", 40, 40), encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def _shared_cache(home, monkeypatch):
    _prepare(home, monkeypatch)


def _prepare(home, patch):
    patch.setenv("VIDBENCH_HOME", str(home / "cache"))
    patch.chdir(home)
    # The pictures of a report take longer than everything that is tested here.
    patch.setattr("vidbench.report.pictures.animated_webp", lambda *_, **__: b"RIFF")


@pytest.fixture(scope="module")
def fresh():
    """Clips of the test split that no task shows."""
    return render("test", np.arange(2400, 2400 + N), 12, 32, 32)[0]


def _score(home, name, clips, task="gen"):
    np.save(home / f"{name}.npy", clips)
    result = vidbench.score(task=str(home / f"{task}.toml"), samples=home / f"{name}.npy", output=home / name)
    assert [record.check for record in result.validity] == list(CHECKS)
    assert read_result(home / name / "result.json") == result
    return {record.check: record for record in result.validity}


@pytest.fixture(scope="module")
def honest(home, fresh):
    """The records of the fresh clips, scored once for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        _prepare(home, patch)
        return _score(home, "fresh", fresh)


def _flagged(records):
    return [check for check, record in records.items() if record.flagged]


def test_fresh_clips_are_not_flagged(honest):
    records = honest
    assert _flagged(records) == []
    assert [check for check, record in records.items() if record.absent is None] == [
        *("train-distance", "copies", "repeats", "label-agreement"),
        *(["second-network"] if panel_module.network_card("shapes").second else []),
        "noise",
    ]
    (line,) = panel_lines(records.values())
    assert ", none flagged" in line


def test_reference_clips_are_flagged_by_their_bytes_and_degraded_ones_by_their_distance(home):
    train = render("train", np.arange(N), 12, 32, 32)[0]
    assert _flagged(_score(home, "train", train)) == ["train-distance", "copies"]
    noise = np.random.default_rng(0).normal(0, 2, train.shape)
    noisy = np.clip(np.rint(train + noise), 0, 255).astype(np.uint8)
    assert _flagged(_score(home, "train-noisy", noisy)) == ["train-distance"]


def test_held_out_clips_handed_in_are_flagged(home):
    records = _score(home, "held-out", ShapesDataset("test", N, 12, 32, 32).read(np.arange(N)))
    assert _flagged(records) == ["copies"]
    assert f"{N} are one of the {N} different held-out clips" in records["copies"].sentence


def test_clips_shuffled_across_labels_are_flagged(home, fresh):
    records = _score(home, "shuffled", fresh[np.random.default_rng(0).permutation(N)])
    assert _flagged(records) == ["label-agreement"]
    assert records["label-agreement"].against > 0.9


def test_few_clips_shown_often_are_flagged(home, fresh):
    records = _score(home, "repeated", np.tile(fresh[:24], (4, 1, 1, 1, 1)))
    assert "repeats" in _flagged(records)
    assert records["repeats"].value == 0.75


def test_true_futures_are_flagged_and_copies_of_the_last_frame_are_not(home):
    clips = ShapesDataset("test", 40, 16, 32, 32).read(np.arange(40))
    records = _score(home, "futures", clips[:, 5:], "pred")
    assert _flagged(records) == ["copies", "true-futures"]
    assert "100.0% are equal to them" in records["true-futures"].sentence
    last = _score(home, "last", np.repeat(clips[:, 4:5], 11, axis=1), "pred")
    assert _flagged(last) == []
    assert last["true-futures"].value == 0
    assert last["train-distance"].absent.startswith("Predictions share")


def test_the_panel_is_the_same_in_any_batches_and_costs_nothing_twice(home, fresh, honest):
    first = honest
    shards = {path: path.stat().st_mtime_ns for path in (home / "fresh" / "features").rglob("*.safetensors")}
    assert shards
    assert _score(home, "fresh", fresh) == first
    assert {path: path.stat().st_mtime_ns for path in shards} == shards
    other = vidbench.score(
        task=str(home / "gen.toml"), samples=home / "fresh.npy", output=home / "batches", batch_size=7
    )
    for record in other.validity:
        assert record.flagged == first[record.check].flagged
        if record.value is not None:
            assert record.value == pytest.approx(first[record.check].value, rel=1e-3, abs=1e-6)


def test_very_few_samples_are_not_judged_by_distances(home, honest):
    result = vidbench.score(task=str(home / "gen.toml"), samples=home / "fresh.npy", first=4, output=home / "few")
    absent = {record.check for record in result.validity if record.absent}
    assert {"train-distance", "noise"} <= absent
    assert not any(record.flagged for record in result.validity)
