"""Reference moments are computed once and read from then on."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from vidbench.scoring.features import FeatureStore
from vidbench.scoring.reference import RealSide, reference_moments
from vidmetrics.catalog.definitions import get_metric
from vidmetrics.statistics.clip_keys import place_keys

ROWS = np.random.default_rng(0).normal(size=(70, 3)).astype(np.float32)
NETWORK = SimpleNamespace(outputs={"logits": 3}, rows_per_clip=lambda num_frames: 1)


def test_moments_are_read_from_the_second_time_on(tmp_path, capsys):
    store = FeatureStore(tmp_path / "features", 70)
    for shard, rows in ((0, ROWS[:64]), (1, ROWS[64:])):
        store.write(shard, {"logits": rows}, place_keys(len(rows)))
    first = reference_moments(tmp_path, store, NETWORK, "logits", 12)
    assert first.count == 70
    np.testing.assert_allclose(first.covariance, np.cov(ROWS.astype(np.float64).T), rtol=1e-9)
    for shard in range(2):
        store.path(shard).unlink()
    again = reference_moments(tmp_path, store, NETWORK, "logits", 12)
    assert again.to_tensors().keys() == first.to_tensors().keys()
    for name, tensor in first.to_tensors().items():
        np.testing.assert_array_equal(again.to_tensors()[name], tensor, strict=True)
    assert capsys.readouterr().err == ""


def test_all_metrics_of_an_output_share_its_moments(tmp_path):
    store = FeatureStore(tmp_path / "features", 64)
    store.write(0, {"logits": ROWS[:64]}, place_keys(64))
    side = RealSide(tmp_path, store, NETWORK, 12)
    moments = side.for_metric(get_metric("fvd"))
    assert moments.count == 64
    assert side.for_metric(get_metric("fvd-styleganv")) is moments


def test_a_damaged_file_is_computed_again_aloud(tmp_path, capsys):
    store = FeatureStore(tmp_path / "features", 64)
    store.write(0, {"logits": ROWS[:64]}, place_keys(64))
    first = reference_moments(tmp_path, store, NETWORK, "logits", 12)
    (file,) = (tmp_path / "reference").iterdir()
    content = bytearray(file.read_bytes())
    content[-5] ^= 1
    file.write_bytes(content)
    again = reference_moments(tmp_path, store, NETWORK, "logits", 12)
    np.testing.assert_array_equal(again.mean, first.mean)
    assert "damaged" in capsys.readouterr().err
    reference_moments(tmp_path, store, NETWORK, "logits", 12)
    assert capsys.readouterr().err == ""
