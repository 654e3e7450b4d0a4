"""The registered model: loading, sampling, and refused requests."""

import dataclasses

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from dvdgan import checkpoint, model
from dvdgan.model import DVDGAN
from dvdgan.sampler import make_sampler
from dvdgan.settings_text import settings_from_text
from dvdgan.training.update import Networks
from vidbench.models import InputError, SampleRequest, file_sha256


def ask(task, seeds, labels, frames=None):
    labels = None if labels is None else np.array(labels)
    return SampleRequest(np.arange(len(seeds)), np.array(seeds, np.uint64), labels, None, frames or task.num_frames)


@pytest.fixture
def folder(tmp_path, request_for):
    # Matrix products of fewer than 16 columns sum in another order in the last rows of a batch, on a CPU.
    DVDGAN.train(request_for(tmp_path / "run", 3, ch="16"))
    return tmp_path / "run"


def test_samples_are_uint8_clips_that_depend_on_seed_and_label_alone(folder, task):
    model = DVDGAN.load(folder, task, "cpu")
    seeds, labels = [9, 2**63 + 5, 5, 0, 77, 78, 79, 80, 81, 82], [0, 1, 2, 0, 1, 2, 0, 1, 2, 0]
    together = model.sample(ask(task, seeds, labels))
    assert together.shape == (10, 5, 8, 8, 3)
    assert together.dtype == np.uint8
    for n in range(10):
        alone = model.sample(ask(task, seeds[n : n + 1], labels[n : n + 1]))[0]
        assert np.array_equal(alone, together[n])
    halves = [model.sample(ask(task, seeds[i : i + 5], labels[i : i + 5])) for i in (0, 5)]
    assert np.array_equal(np.concatenate(halves), together)
    other_label = model.sample(ask(task, seeds, [1, 2, 0, 1, 2, 0, 1, 2, 0, 1]))
    other_seed = model.sample(ask(task, [s + 2**40 for s in seeds], labels))
    assert (other_label != together).mean() > 0.1
    assert (other_seed != together).mean() > 0.1
    assert model.sample(ask(task, [], [])).shape == (0, 5, 8, 8, 3)


def test_the_stored_precision_changes_no_pixel_by_more_than_a_level(task, tiny_settings, tmp_path):
    settings, device = settings_from_text({**tiny_settings, "standing_batches": "8"}), torch.device("cpu")
    networks = Networks(task, settings, 1, device)
    sampler = make_sampler(networks.average, task, settings, 1, device)
    checkpoint.write_sampler(tmp_path / "g.safetensors", sampler, task, settings, {})
    loaded, stored = checkpoint.read_sampler(tmp_path / "g.safetensors", task, device)
    assert stored == settings
    z, labels = torch.randn(4, 6), torch.tensor([0, 1, 2, 0])
    with torch.no_grad():
        assert torch.equal(loaded(z, labels), sampler(z, labels))


def test_standing_statistics_are_those_of_the_batches(task, tiny_settings):
    settings = settings_from_text({**tiny_settings, "standing_batches": "3", "batch_size": "16"})
    networks, device = Networks(task, settings, 1, torch.device("cpu")), torch.device("cpu")
    a, b = (make_sampler(networks.average, task, settings, seed, device) for seed in (0, 1))
    first, other = a.head_norm, b.head_norm
    assert (first.standing_var > 0).all()
    assert not torch.equal(first.standing_mean, other.standing_mean)
    torch.testing.assert_close(first.standing_var, other.standing_var, rtol=1.0, atol=0.05)
    again = make_sampler(networks.average, task, settings, 0, device)
    assert torch.equal(again.head_norm.standing_var, first.standing_var)


def test_folder_and_file_mean_the_same_checkpoint(folder, task):
    by_folder, by_file = (DVDGAN.load(path, task, "cpu") for path in (folder, folder / "generator.safetensors"))
    assert by_folder.checkpoint_sha256 == by_file.checkpoint_sha256 == file_sha256(folder / "generator.safetensors")
    assert by_file.num_parameters == sum(
        tensor.numel() for name, tensor in load_file(folder / "generator.safetensors").items() if "standing" not in name
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"height": 16, "width": 16}, "8 pixels high"),
        ({"num_frames": 6}, "5 frames long"),
        ({"class_names": ("red", "blue")}, "trained on the 3 classes"),
        ({"class_names": ("red", "green", "blue")}, "trained on the 3 classes"),
        ({"context_frames": 1}, "generation task"),
    ],
)
def test_a_checkpoint_for_another_task_is_refused(folder, task, changes, words):
    with pytest.raises(InputError, match=words):
        DVDGAN.load(folder, dataclasses.replace(task, **changes), "cpu")


def test_a_checkpoint_of_another_model_is_refused(folder, task, tmp_path):
    foreign = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, foreign)
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes((folder / "generator.safetensors").read_bytes()[:-100])
    state = checkpoint.list_states(folder)[-1][1]
    missing = tmp_path / "none.safetensors"
    for path, words in (
        (foreign, "unknown"),
        (broken, "not a complete safetensors file"),
        (state, "dvdgan-training-2"),
        (missing, "no checkpoint"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            DVDGAN.load(path, task, "cpu")
        assert str(path) in str(caught.value)


def test_without_a_shipped_checkpoint_the_way_to_one_is_named(task):
    with pytest.raises(
        InputError, match=r"'tiny'.*vidbench train --model dvdgan --task tiny`.*--model dvdgan:CHECKPOINT"
    ):
        DVDGAN.load(None, task, "cpu")


def test_a_shipped_checkpoint_with_other_bytes_is_refused(folder, task, tmp_path, monkeypatch):
    (tmp_path / "tiny.safetensors").write_bytes((folder / "generator.safetensors").read_bytes())
    monkeypatch.setattr(model, "SHIPPED", tmp_path)
    monkeypatch.setitem(model.SHIPPED_SHA256, "tiny", "0" * 64)
    with pytest.raises(InputError, match=r"tiny\.safetensors is not the checkpoint that ships for task 'tiny'"):
        DVDGAN.load(None, task, "cpu")
    monkeypatch.setitem(model.SHIPPED_SHA256, "tiny", file_sha256(tmp_path / "tiny.safetensors"))
    assert DVDGAN.load(None, task, "cpu").checkpoint_sha256 == file_sha256(tmp_path / "tiny.safetensors")


@pytest.mark.parametrize(
    ("labels", "frames", "words"),
    [(None, None, "one label"), ([0, 3], None, "0 to 2"), ([0, -1], None, "0 to 2"), ([0, 1], 7, "5 frames and 7")],
)
def test_requests_that_do_not_fit_are_refused(folder, task, labels, frames, words):
    with pytest.raises(InputError, match=words):
        DVDGAN.load(folder, task, "cpu").sample(ask(task, [1, 2], labels, frames))


def test_a_task_without_classes_trains_and_samples(tmp_path, request_for, task):
    unlabelled = dataclasses.replace(task, class_names=())
    path = DVDGAN.train(request_for(tmp_path, 1, on=unlabelled))
    assert DVDGAN.load(path, unlabelled, "cpu").sample(ask(unlabelled, [1, 2], None)).shape == (2, 5, 8, 8, 3)
