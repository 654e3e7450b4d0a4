"""Keys of measured clips: in shards, of the clips that samples continue, and with the labels of a task."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from vidbench.data.shapes.dataset import ShapesDataset
from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.models.trivial import CopyModel, NoiseModel
from vidbench.scoring.clip_sources import DatasetSource, ModelSource, model_task
from vidbench.scoring.features import FeatureStore, extract, missing_shards
from vidbench.scoring.keyed_clips import GivenClips, keys_of
from vidbench.scoring.overlap import Overlap
from vidbench.scoring.run_keys import run_keys
from vidbench.tasks import load_task
from vidmetrics.sealed import DamagedFileError, sealed_fields, sealed_tensors
from vidmetrics.statistics.clip_keys import clip_keys, drawn_groups

HELD_OUT = ShapesDataset("test", 70, 12, 32, 32)


class Means:
    """A network of one feature."""

    name = "means"

    def __call__(self, clips):
        return {"mean": np.asarray(clips, np.float32).reshape(len(clips), -1).mean(axis=1, keepdims=True)}


@pytest.mark.parametrize(("batch_size", "how"), [(64, Overlap()), (7, Overlap()), (7, Overlap(2, 2, 2))])
def test_a_shard_has_the_keys_of_its_clips(tmp_path, batch_size, how):
    store = FeatureStore(tmp_path, 70)
    alone = {"ranks": Ranks(0, 1), "advance": lambda *_: None, "title": "Samples", "how": how}
    extract(DatasetSource(HELD_OUT), [Means()], [store], [0, 1], batch_size=batch_size, **alone)
    expected = clip_keys(HELD_OUT.read(np.arange(70)))
    assert (store.keys() == expected).all()
    for clips in (range(3, 9), range(60, 70), range(64, 66), range(5, 5)):
        assert (store.keys(clips) == expected[clips.start : clips.stop]).all()
    assert store.missing([0, 1]) == []


def test_a_shard_without_keys_is_computed_again(tmp_path, capsys):
    store, rows = FeatureStore(tmp_path, 3), {"mean": np.zeros((3, 1), np.float32)}
    store.write(0, rows, np.arange(3, dtype=np.uint64))
    whole = sealed_fields(store.path(0))
    for keys in (None, "00", "zz" * 24, whole["keys"][:-16], 7):
        fields = {name: field for name, field in {**whole, "keys": keys}.items() if field is not None}
        store.path(0).write_bytes(sealed_tensors(rows, fields))
        assert missing_shards([store], "Samples") == [0]
        assert "it has no keys of its clips" in capsys.readouterr().err
        with pytest.raises(InputError, match="was damaged during this run: it has no keys of its clips"):
            store.keys()
    with pytest.raises(ValueError, match="2 keys for 3 clips"):
        store.write(0, rows, np.arange(2, dtype=np.uint64))
    for content in (b"", b"x" * 40, sealed_tensors(rows, {})[:30]):
        store.path(0).write_bytes(content)
        with pytest.raises(InputError, match="was damaged during this run"):
            store.keys()
    with pytest.raises(DamagedFileError, match="cannot be read"):
        sealed_fields(tmp_path / "nothing")


def test_samples_have_the_keys_of_the_clips_that_they_continue():
    task, indices = load_task("shapes-pred").task, np.array([4, 0, 9])
    expected = clip_keys(HELD_OUT.read(indices))
    for kind in (CopyModel, NoiseModel):
        source = ModelSource(kind.load(None, model_task(task, ()), "cpu"), {"name": "any"}, task, HELD_OUT, seed=0)
        assert (keys_of(source, source.read(indices), indices)() == expected).all()
    # Without context frames they are those of the samples, which differ.
    task = load_task("shapes-gen").task
    source = ModelSource(
        NoiseModel.load(None, model_task(task, HELD_OUT.class_names), "cpu"), {"name": "any"}, task, HELD_OUT, seed=0
    )
    clips = source.read(indices)
    assert (keys_of(source, clips, indices)() == clip_keys(clips)).all()


def test_a_held_out_clip_is_read_once_for_frames_and_key():
    reads = []
    dataset = SimpleNamespace(read=lambda indices: reads.append(indices.tolist()) or HELD_OUT.read(indices))
    contexts = GivenClips(dataset, 5)
    for indices in (np.array([1, 2]), np.array([3])):
        assert (contexts.frames(indices) == HELD_OUT.read(indices)[:, :5]).all()
        assert (contexts.keys(indices) == clip_keys(HELD_OUT.read(indices))).all()
    assert reads == [[1, 2], [3]]
    assert (contexts.keys(np.array([1])) == clip_keys(HELD_OUT.read(np.array([1])))).all()


def test_a_run_adds_the_labels_and_contexts_of_its_task():
    keys = np.random.default_rng(0).integers(0, 1 << 63, 96).astype(np.uint64)
    store = SimpleNamespace(num_clips=96, keys=lambda clips: keys if clips is None else keys[clips.start : clips.stop])

    def of(labels, evaluation, per_context=1, clips=None):
        task = SimpleNamespace(evaluation=SimpleNamespace(labels=labels, samples_per_context=per_context))
        return run_keys(SimpleNamespace(task=task, evaluation=evaluation), store, clips)

    named = SimpleNamespace(class_names=("a", "b", "c"), labels=np.arange(96) // 32)
    assert (of("balanced", named).strata == np.arange(96) % 3).all()
    assert (of("balanced", named, clips=range(10, 20)).strata == np.arange(10, 20) % 3).all()
    assert (of("balanced", named, clips=range(10, 20)).keys == keys[10:20]).all()
    assert (of("evaluation", named).strata == np.arange(96) // 32).all()
    few = SimpleNamespace(class_names=("a",), labels=np.arange(50))
    for unlabelled in (
        of("none", named),
        of("evaluation", SimpleNamespace(class_names=(), labels=None)),
        of("evaluation", few),
    ):
        assert unlabelled.strata is None
    assert of("none", named, 4).samples_per_key == 4
    found = of("balanced", named)
    groups = drawn_groups(found.keys, 4, 1, found.strata)
    assert all((np.bincount(groups[found.strata == label]) == 8).all() for label in range(3))
