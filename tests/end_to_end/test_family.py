"""Metrics beyond Fréchet distances in the main job, which need reference features."""

from __future__ import annotations

import numpy as np
import pytest

import vidbench
import vidmetrics
from vidbench.data.shapes.dataset import ShapesDataset
from vidbench.errors import InputError
from vidbench.scoring.features import FeatureStore
from vidbench.scoring.reference import RealSide, estimate
from vidbench.scoring.seeds import sample_seeds
from vidmetrics import get_metric
from vidmetrics.statistics.clip_keys import place_keys

IDS = ["kvd-shapes", "fvd-inf-shapes", "precision-shapes", "recall-shapes", "density-shapes", "coverage-shapes"]


def test_values_are_those_of_a_direct_computation(small_task, plugin):
    small_task.write_text(small_task.read_text().replace('"fvd-shapes", "fid-shapes", "is-shapes"', str(IDS)[1:-1]))
    small_task.write_text(small_task.read_text().replace("num_samples = 120", "num_samples = 250"))
    result = vidbench.evaluate("slow_plugin:load", str(small_task), output="out")

    import slow_plugin

    class Request:
        seeds = sample_seeds(0, np.arange(250))
        labels = np.arange(250) % 24
        num_frames = 12

    generated = slow_plugin.Slow().sample(Request)
    real = ShapesDataset("train", 96, 12, 32, 32).read(np.arange(96))
    for id in IDS:
        found, expected = result.metrics[id], vidmetrics.measure(id, real, generated, labels=Request.labels)
        assert found.value == pytest.approx(expected.value, rel=1e-5, abs=1e-9), id
        assert found.interval == pytest.approx(expected.interval, rel=1e-4, abs=1e-9), id
        assert (found.num_samples, found.num_reference) == (250, 96)
        better = found.floor > found.ceiling if found.higher_is_better else found.floor < found.ceiling
        assert better or found.floor == found.ceiling, id


def test_frame_metrics_are_refused_where_nothing_is_predicted(small_task, plugin):
    small_task.write_text(small_task.read_text().replace('"fid-shapes"', '"psnr"'))
    with pytest.raises(
        InputError, match=r"'psnr' compares each predicted frame.*has no context frames to predict from"
    ):
        vidbench.evaluate("slow_plugin:load", str(small_task), output="out")


class _Frames:
    """A network with one row per frame, with the attributes that `RealSide` uses."""

    outputs = {"pool": 3}  # noqa: RUF012

    def rows_per_clip(self, num_frames):
        return num_frames


def test_rows_of_frames_are_grouped_by_clip(tmp_path):
    rng = np.random.default_rng(0)
    real, samples = rng.normal(size=(70 * 4, 3)), rng.normal(size=(66 * 4, 3))
    stores = []
    for name, rows in (("real", real), ("samples", samples)):
        store = FeatureStore(tmp_path / name, len(rows) // 4)
        for shard in range(store.num_shards):
            clips = rows.reshape(-1, 4, 3)[store.indices(shard)]
            store.write(shard, {"pool": clips.reshape(-1, 3).astype(np.float32)}, place_keys(len(clips)))
        stores.append(store)
    side = RealSide(tmp_path, stores[0], _Frames(), 4)
    found = estimate(get_metric("fid"), stores[1], side)
    a, b = real.astype(np.float32).astype(float), samples.astype(np.float32).astype(float)
    expected = vidmetrics.frechet_distance(a.mean(0), np.cov(a.T), b.mean(0), np.cov(b.T))
    assert found.value == pytest.approx(expected, rel=1e-9)
    assert (found.num_samples, found.num_reference) == (66, 70)
