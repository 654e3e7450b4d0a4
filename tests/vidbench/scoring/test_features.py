"""NaN and infinity are reported with the first clip that caused them, wherever they come in."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import vidbench
from vidbench.distributed.ranks import Ranks
from vidbench.errors import InputError
from vidbench.scoring.features import FeatureStore, extract


class Indices:
    """Clips that are their own indices."""

    def read(self, indices):
        return np.asarray(indices, np.float32)


class Failing:
    """A network that gives infinity for the clips 100 and 71."""

    name = "failing"

    def __call__(self, clips):
        logits = np.tile(clips[:, None], (1, 3))
        logits[(clips == 100) | (clips == 71), 1] = np.inf
        return {"logits": logits}


@pytest.mark.parametrize("batch_size", [7, 64])
def test_a_network_that_fails_is_named_with_the_first_clip_and_nothing_is_kept(tmp_path, batch_size):
    store = FeatureStore(tmp_path, 128)
    with pytest.raises(InputError, match=r"'failing' answers NaN or infinity in 'logits' for clip 71 of the samples;"):
        extract(Indices(), [Failing()], [store], [0, 1], batch_size, Ranks(0, 1), lambda *_: None, "Samples")
    assert store.missing([0, 1]) == [1]


class FailingOnFrames(Failing):
    """The same where each of 3 frames has a row of its own, and the first to fail is the last frame of clip 71."""

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
        extract(Indices(), [FailingOnFrames()], [store], [1], 7, Ranks(0, 1), lambda *_: None, "Reference clips")
    assert store.missing([1]) == [1]


def spoil(path, output, row, value):
    tensors = load_file(path)
    tensors[output][row, 2] = value
    save_file(tensors, path)


def only(paths):
    (path,) = paths
    return path


def test_a_damaged_shard_of_samples_names_the_clip(small_task, plugin):
    vidbench.evaluate("slow_plugin:load", str(small_task), output="out")
    spoil(only((plugin / "out").rglob("features-00000128+064.safetensors")), "logits", 9, np.nan)
    with pytest.raises(InputError, match="sample 137 hold NaN or infinity"):
        vidbench.evaluate("slow_plugin:load", str(small_task), output="out")


def test_a_damaged_shard_of_the_reference_names_the_clip(small_task, plugin, monkeypatch):
    home = plugin / "home"
    monkeypatch.setenv("VIDBENCH_HOME", str(home))
    vidbench.evaluate("slow_plugin:load", str(small_task), output="out")
    spoil(only(home.rglob("features-00000128+022.safetensors")), "pool", 3, np.inf)
    for moments in home.rglob("reference/*.safetensors"):
        moments.unlink()
    with pytest.raises(InputError, match="sample 131 hold NaN or infinity"):
        vidbench.evaluate("slow_plugin:load", str(small_task), output="out")
