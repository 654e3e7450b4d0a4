"""Filling of feature stores; NaN and infinity are reported with the first clip that caused them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest

import vidbench
from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.progress import Progress
from vidbench.scoring.assemble import network_record
from vidbench.scoring.features import SHARD_SIZE, FeatureStore, extract, feature_key, fill_stores
from vidmetrics.sealed import sealed_tensors, unsealed_tensors

ALONE = {"ranks": Ranks(0, 1), "advance": lambda *_: None}


class Indices:
    """Clips that are their own indices."""

    def read(self, indices):
        return np.asarray(indices, np.float32)


class Failing:
    """A network that returns infinity for clips 100 and 71."""

    name = "failing"

    def __call__(self, clips):
        logits = np.tile(clips[:, None], (1, 3))
        logits[(clips == 100) | (clips == 71), 1] = np.inf
        return {"logits": logits}


@pytest.mark.parametrize("batch_size", [7, 64])
def test_a_network_that_fails_is_named_with_the_first_clip_and_nothing_is_kept(tmp_path, batch_size):
    store = FeatureStore(tmp_path, 128)
    with pytest.raises(InputError, match=r"'failing' returned NaN or infinity in 'logits' for clip 71 of the samples;"):
        extract(Indices(), [Failing()], [store], [0, 1], batch_size=batch_size, title="Samples", **ALONE)
    assert store.missing([0, 1]) == [1]


class FailingOnFrames(Failing):
    """The same with one row for each of 3 frames; the first to fail is the last frame of clip 71."""

    def __call__(self, clips):
        pool = np.zeros((len(clips), 3, 4))
        pool[clips == 71, 2, 1] = np.nan
        return {
            "pool": pool.reshape(-1, 4),
            "logits": np.tile(np.where(clips == 100, np.inf, 0)[:, None, None], (1, 3, 2)).reshape(-1, 2),
        }


def test_a_network_that_fails_on_a_frame_is_named_with_clip_and_frame(tmp_path):
    store = FeatureStore(tmp_path, 128)
    with pytest.raises(InputError, match=r"in 'pool' for clip 71, frame 2, of the reference clips;"):
        extract(Indices(), [FailingOnFrames()], [store], [1], batch_size=7, title="Reference clips", **ALONE)
    assert store.missing([1]) == [1]


class Counting:
    """A network that multiplies its clips by a factor and records its batch sizes."""

    def __init__(self, name, factor):
        self.name, self.factor, self.batches = name, factor, []
        self.weights_sha256, self.preprocessing, self.precision = name, "none", "exact"

    def __call__(self, clips):
        self.batches.append(len(clips))
        return {"logits": self.factor * clips[:, None]}


class Named(Indices):
    identity: ClassVar = {"source": "indices"}


def fill(root, networks, num_clips, ranks=ALONE["ranks"], batch_size=10):
    return fill_stores(
        Named(),
        networks,
        num_clips,
        root=root,
        batch_size=batch_size,
        ranks=ranks,
        progress=Progress(),
        title="Clips",
    )


def test_filling_computes_each_missing_shard_once_for_all_networks(tmp_path, capsys):
    networks = [Counting("one", 1), Counting("two", 2)]
    stores = fill(tmp_path, networks, 150)
    for network in networks:
        np.testing.assert_array_equal(
            np.concatenate(list(stores[network.name].read("logits"))), network.factor * np.arange(150)[:, None]
        )
        assert sum(network.batches) == 150
        assert max(network.batches) == 10
    # A shard that is lost is computed again, and the others are not.
    stores["two"].path(1).unlink()
    fill(tmp_path, networks, 150)
    assert [sum(network.batches) for network in networks] == [150 + SHARD_SIZE] * 2
    assert "measured before" not in capsys.readouterr().err
    fill(tmp_path, networks, 150)
    assert [sum(network.batches) for network in networks] == [150 + SHARD_SIZE] * 2
    assert "Clips: 150 clips were measured before" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["bit", "cut", "empty", "other"])
def test_a_damaged_shard_is_computed_again_aloud(tmp_path, capsys, damage):
    network = Counting("one", 1)
    (store,) = fill(tmp_path, [network], 150).values()
    path = store.path(1)
    content = path.read_bytes()
    changed = {
        "bit": content[:-1] + bytes([content[-1] ^ 64]),
        "cut": content[:-4],
        "empty": b"",
        "other": store.path(0).read_bytes(),
    }[damage]
    path.write_bytes(changed)
    with pytest.raises(InputError, match="damaged during this run"):
        list(store.read("logits"))
    capsys.readouterr()
    fill(tmp_path, [network], 150)
    assert "Warning: Clips: A feature shard is damaged" in capsys.readouterr().err
    assert sum(network.batches) == 150 + SHARD_SIZE
    assert path.read_bytes() == content


def test_ranks_that_fill_one_store_divide_its_shards(tmp_path, monkeypatch):
    monkeypatch.setattr("vidbench.distributed.shared_folder.VISIBLE_SECONDS", 0.0)
    first = Counting("one", 1)
    with pytest.raises(InputError, match="1 finished feature shards are not visible"):
        fill(tmp_path, [first], 150, Ranks(0, 2))
    # Shards of 64, 64 and 22 clips: the first rank computes the first and the third.
    assert sum(first.batches) == 64 + 22
    second = Counting("one", 1)
    (store,) = fill(tmp_path, [second], 150, Ranks(0, 1)).values()
    assert sum(second.batches) == 64
    np.testing.assert_array_equal(np.concatenate(list(store.read("logits"))), np.arange(150)[:, None])


def spoil(path, output, row, value):
    """Change a value in a shard, and seal it again."""
    tensors, fields = unsealed_tensors(path.read_bytes())
    changed = {name: tensor.copy() for name, tensor in tensors.items()}
    changed[output][row, 2] = value
    path.write_bytes(sealed_tensors(changed, fields))


def only(paths, output):
    """Return the only shard that has an output of the network; that of the validity panel has others."""
    (path,) = (path for path in paths if output in unsealed_tensors(path.read_bytes())[0])
    return path


def test_a_damaged_shard_of_samples_names_the_clip(small_task, plugin):
    vidbench.evaluate("slow_plugin:load", str(small_task), output="out")
    spoil(only((plugin / "out").rglob("features-00000064+056.safetensors"), "logits"), "logits", 9, np.nan)
    with pytest.raises(InputError, match="sample 73 contain NaN or infinity"):
        vidbench.evaluate("slow_plugin:load", str(small_task), output="out")


def test_a_damaged_shard_of_the_reference_names_the_clip(small_task, plugin, monkeypatch):
    home = plugin / "home"
    monkeypatch.setenv("VIDBENCH_HOME", str(home))
    vidbench.evaluate("slow_plugin:load", str(small_task), output="out")
    spoil(only(home.rglob("features-00000064+032.safetensors"), "pool"), "pool", 3, np.inf)
    for moments in home.rglob("reference/*.safetensors"):
        moments.unlink()
    with pytest.raises(InputError, match="sample 67 contain NaN or infinity"):
        vidbench.evaluate("slow_plugin:load", str(small_task), output="out")


def test_key_and_record_name_another_implementation_and_the_plain_one_keeps_its_key():
    class Network:
        name, weights_sha256, preprocessing, precision, proven = "i3d", "0" * 64, "p", "exact", False

    class Quicker(Network):
        implementation = "fp16x2-2"

    class Source:
        identity: ClassVar = {"clips": 1}

    plain, quicker = Network(), Quicker()
    assert feature_key(Source(), plain) != feature_key(Source(), quicker)
    assert (network_record(plain).implementation, network_record(quicker).implementation) == ("plain", "fp16x2-2")
    plain.implementation = "plain"
    assert feature_key(Source(), plain) == feature_key(Source(), Network())


def test_features_of_a_model_that_cannot_be_known_are_not_reused(tmp_path, capsys):
    network = Counting("one", 1)
    (store,) = fill(tmp_path, [network], 150).values()
    assert store.doubt() is None
    store.mark("a module of the model changed")
    assert store.doubt() == "a module of the model changed"
    capsys.readouterr()
    fill(tmp_path, [network], 150)
    told = " ".join(capsys.readouterr().err.split())
    assert "are not reused, because a module of the model changed; they will be computed again" in told
    assert sum(network.batches) == 300
    assert store.doubt() is None


class ClipByClip:
    """A network whose features of a clip do not depend on its batch; counts the clips of each call."""

    name, weights_sha256, preprocessing, precision, clip_by_clip = "each", "0" * 64, "none", "exact", True

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, clips):
        self.calls.append(len(clips))
        return {"logits": clips.reshape(len(clips), -1)[:, :4].astype(np.float32)}


def test_progress_moves_by_clip_and_the_cost_is_told_after_the_first_batch(tmp_path):
    network, store = ClipByClip(), FeatureStore(tmp_path / "store", 40)
    moved: list[int] = []
    tried: list[float] = []
    options = {**ALONE, "advance": lambda count, note="": moved.append(count)}
    extract(Indices(), [network], [store], [0], batch_size=16, title="Samples", tried=tried.append, **options)
    assert moved == network.calls == [1] * 40
    assert len(tried) == 1
    np.testing.assert_array_equal(
        np.concatenate(list(store.read("logits"))), Indices().read(np.arange(40)).reshape(40, -1)[:, :4]
    )


class Rows:
    """Two rows per clip that name clip and row."""

    name = "rows"

    def __call__(self, clips):
        return {"pool": np.stack([np.repeat(clips, 2), np.tile([0, 1], len(clips))], axis=1).astype(np.float32)}


@pytest.mark.parametrize(
    "clips", [range(0, 150, 7), range(5, 149, 100), range(63, 66), range(64, 64, 3), range(3, 140, 64)]
)
def test_one_of_several_clips_is_read_across_shards(tmp_path, clips):
    store = FeatureStore(tmp_path, 150)
    extract(Indices(), [Rows()], [store], range(store.num_shards), batch_size=64, title="Samples", **ALONE)
    rows = np.concatenate([np.empty((0, 2)), *store.read("pool", clips)])
    np.testing.assert_array_equal(rows, [[clip, row] for clip in clips for row in (0, 1)] or np.empty((0, 2)))
    np.testing.assert_array_equal(store.keys(clips), store.keys()[list(clips)])
