"""Reading, computing and storing in parallel gives the files of one after the other, and loses nothing that was finished."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest

from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.samples.clip_folder import MOST_READERS, ClipShape, open_clips
from vidbench.samples.exchange import SampleWriter
from vidbench.scoring.features import FeatureStore, extract
from vidbench.scoring.frame_comparison import FrameComparison
from vidbench.scoring.overlap import Overlap, overlap

HOWS = [Overlap(), Overlap(readers=3, in_flight=2, writers=2), Overlap(readers=0, in_flight=1, writers=0)]


class Indices:
    """Clips that are their own indices; one of them may be unreadable."""

    most_readers = MOST_READERS

    def __init__(self, unreadable=-1):
        self.unreadable, self.threads = unreadable, set()

    def read(self, indices):
        self.threads.add(threading.current_thread())
        if self.unreadable in indices:
            raise InputError(f"'{self.unreadable}.mp4' is damaged.")
        return np.asarray(indices, np.float32)


class Started:
    """A network on a GPU: what is started is computed when it is waited for."""

    name, overlaps = "started", True

    def __init__(self, infinite=()):
        self.infinite, self.waiting, self.most = infinite, 0, 0

    def begin(self, clips):
        self.waiting += 1
        self.most = max(self.most, self.waiting)

        def on_host():
            self.waiting -= 1
            values = np.asarray(clips)
            rows = np.tile(values[:, None], (1, 3))
            rows[np.isin(values, self.infinite)] = np.inf
            return {"logits": rows}

        return SimpleNamespace(on_host=on_host)


def run(folder, how, source=None, network=None, shards=(0, 1, 2, 4), batch_size=24):
    store = FeatureStore(folder, 300)
    advanced, before = [], set(threading.enumerate())
    try:
        extract(
            source or Indices(), [network or Started()], [store], shards, batch_size=batch_size, ranks=Ranks(0, 1),
            advance=advanced.append, title="Samples", how=how,
        )  # fmt: skip
    finally:
        # Of this run; a watch of another test's ranks may still be ending.
        assert not [thread for thread in set(threading.enumerate()) - before if thread.name.startswith("vidbench")]
    return store, sum(advanced)


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_files_are_the_same_whatever_is_done_in_parallel(tmp_path, how):
    network, source = Started(), Indices()
    store, advanced = run(tmp_path / "features", how, source, network)
    assert store.missing(range(5)) == [3]
    assert advanced == 64 * 3 + 44
    assert np.array_equal(np.concatenate(list(store.read("logits", range(192))))[:, 1], np.arange(192))
    assert network.most == how.in_flight + 1
    assert (threading.current_thread() in source.threads) == (how.readers == 0)
    plain, _ = run(tmp_path / "plain" / "features", Overlap())
    for shard in (0, 1, 2, 4):
        assert store.path(shard).read_bytes() == plain.path(shard).read_bytes()


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_what_was_read_before_an_unreadable_clip_is_kept(tmp_path, how):
    store = FeatureStore(tmp_path / "features", 300)
    with pytest.raises(InputError, match=r"'130\.mp4' is damaged"):
        run(tmp_path / "features", how, Indices(unreadable=130))
    assert store.missing(range(5)) == [2, 3, 4]


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_the_first_clip_without_finite_features_is_named(tmp_path, how):
    with pytest.raises(InputError, match="for clip 70 of the samples"):
        run(tmp_path / "features", how, network=Started(infinite=(100, 70, 260)))
    assert 1 in FeatureStore(tmp_path / "features", 300).missing(range(5))


def test_a_shard_that_cannot_be_stored_ends_the_run(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(FeatureStore, "write", full)
    for how in HOWS:
        with pytest.raises(OSError, match="No space left"):
            run(tmp_path / "features", how)


@pytest.mark.parametrize("stored", [3, 5])
@pytest.mark.parametrize("form", ["npy", "exchange"])
def test_clips_are_read_into_memory_of_the_reader(tmp_path, form, stored):
    clips = np.random.default_rng(stored).integers(0, 256, (150, stored, 4, 6, 3), dtype=np.uint8)
    path = tmp_path / "clips.npy"
    np.save(path, clips)
    if form == "exchange":
        path = tmp_path / "clips"
        with SampleWriter(path, num_frames=stored, height=4, width=6, shard_samples=40) as writer:
            writer.add(clips)

    class First(Started):
        def begin(self, clips_NTHWC):
            return super().begin(np.asarray(clips_NTHWC)[:, :, 0, 0, 0].astype(np.float32).sum(axis=1))

    source = open_clips(path, ClipShape(num_frames=3))
    assert source.direct.shape == (3, 4, 6, 3)
    for indices in (np.arange(30, 94), np.array([149, 0, 41, 40])):
        into = np.empty((len(indices), 3, 4, 6, 3), np.uint8)
        source.direct.read(indices, into)
        np.testing.assert_array_equal(into, clips[indices, :3])
        np.testing.assert_array_equal(source.read(indices), into)
    store = FeatureStore(tmp_path / "features", 150)
    extract(
        source, [First()], [store], [0, 1, 2], batch_size=24, ranks=Ranks(0, 1), advance=lambda *_: None,
        title="Samples", how=HOWS[1],
    )  # fmt: skip
    assert np.array_equal(np.concatenate(list(store.read("logits")))[:, 2], clips[:, :3, 0, 0, 0].sum(axis=1))


def test_threads_only_feed_a_gpu_and_never_call_a_model(monkeypatch):
    monkeypatch.setattr("vidbench.scoring.overlap.num_cores", lambda: 16)
    on_gpu, on_cpu = SimpleNamespace(overlaps=True), SimpleNamespace(overlaps=False)
    model = SimpleNamespace(most_readers=0)
    comparison = FrameComparison(SimpleNamespace(), 1, ("psnr",))
    for source, networks, ranks, expected in [
        (Indices(), [on_gpu], Ranks(0, 1), (8, 2, 2)),
        (Indices(), [on_cpu], Ranks(0, 1), (0, 0, 0)),
        (model, [on_gpu], Ranks(0, 1), (0, 2, 0)),
        (Indices(), [on_gpu, comparison], Ranks(0, 1), (0, 2, 0)),
        (Indices(), [on_gpu], Ranks(0, 16, 0, 16), (1, 2, 2)),
    ]:
        how = overlap(source, networks, ranks)
        assert (how.readers, how.in_flight, how.writers) == expected
