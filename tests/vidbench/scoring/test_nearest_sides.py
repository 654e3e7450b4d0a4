"""Which real clips are nearest to the samples: recorded for generation, in the features that a run has anyway."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from vidbench.scoring import nearest_sides
from vidbench.scoring.features import FeatureStore
from vidbench.scoring.nearest_sides import nearest_records
from vidmetrics import METRICS

RNG = np.random.default_rng(0)
KEYS = RNG.permutation(np.arange(200, dtype=np.uint64) << np.uint64(50))


def _stores(folder, *sides):
    """Stores of a network of two outputs, of which the smaller one is the same for all clips."""
    stores = []
    for name, rows in zip(("samples", "reference", "held-out"), sides, strict=True):
        store = FeatureStore(folder / name, len(rows))
        for shard in range(store.num_shards):
            chosen = rows[store.indices(shard)].astype(np.float32)
            outputs = {"large": chosen, "small": np.zeros((len(chosen), 1), np.float32)}
            store.write(shard, outputs, KEYS[store.indices(shard)])
        stores.append({"network": store})
    return stores


def _run(context_frames=0, rows_per_clip=1):
    network = SimpleNamespace(outputs={"small": 1, "large": 4}, rows_per_clip=lambda frames: rows_per_clip)
    metrics = [
        SimpleNamespace(network="network", output=output, needs_reference=METRICS[id].needs_reference)
        for output, id in (("small", "fvd"), ("large", "fid"))
    ]
    clips = SimpleNamespace(context_frames=context_frames, num_frames=12)
    return SimpleNamespace(
        task=SimpleNamespace(given_frames=context_frames, clips=clips), networks={"network": network}, metrics=metrics
    )


def test_of_many_samples_those_of_the_least_keys_are_compared(tmp_path, monkeypatch):
    reference, held_out = RNG.normal(size=(200, 4)), RNG.normal(size=(150, 4))
    samples = np.concatenate([held_out[:100], reference[:100]])
    stores = _stores(tmp_path, samples, reference, held_out)
    record = nearest_records(_run(), *stores)["network"]
    assert (record.output, record.num_samples, record.found, record.found_in_reference) == ("large", 200, 200, 100)
    monkeypatch.setattr(nearest_sides, "MOST_SAMPLES", 10)
    record = nearest_records(_run(), *stores)["network"]
    # The first half of the samples are held-out clips, the second half reference clips.
    expected = int((np.argsort(KEYS)[:10] >= 100).sum())
    assert 0 < expected < 10
    assert (record.num_samples, record.found, record.found_in_reference) == (10, 10, expected)
    assert (record.num_reference, record.num_held_out) == (200, 150)


def test_predictions_rows_of_frames_and_a_missing_side_have_no_record(tmp_path):
    samples, reference, held_out = _stores(tmp_path, *(RNG.normal(size=(70, 4)) for _ in range(3)))
    assert nearest_records(_run(), samples, reference, held_out)
    assert nearest_records(_run(context_frames=5), samples, reference, held_out) == {}
    assert nearest_records(_run(rows_per_clip=12), samples, reference, held_out) == {}
    assert nearest_records(_run(), samples, {}, held_out) == {}
    assert nearest_records(_run(), samples, reference, None) == {}
