"""`--model`: registered names, checkpoints, callables, and what is said about a wrong one."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from vidbench.errors import InputError
from vidbench.models.choice import choose_model, model_names, offers_training
from vidbench.models.interface import ModelTask, SampleRequest
from vidbench.models.trivial import CopyModel, NoiseModel, RealModel

TASK = ModelTask("t", num_frames=4, context_frames=0, height=8, width=8, class_names=("a", "b"))


def test_the_shipped_models_are_registered():
    assert {"real", "copy", "noise", "dvdgan"} <= set(model_names())


def test_name_and_checkpoint():
    choice = choose_model("dvdgan:some/folder")
    assert (choice.name, choice.checkpoint) == ("dvdgan", Path("some/folder"))
    assert choose_model("dvdgan").checkpoint is None


def test_a_typo_suggests_the_right_model():
    with pytest.raises(InputError, match="did you mean 'dvdgan'"):
        choose_model("dvd-gan")


def test_a_checkpoint_of_a_mistyped_model_is_not_taken_for_a_module():
    with pytest.raises(InputError, match="did you mean 'dvdgan'"):
        choose_model("dvdgam:checkpoint")


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    (tmp_path / "my_plugin.py").write_text(
        "import numpy as np\n"
        "class Grey:\n"
        "    def sample(self, r):\n"
        "        return np.full((len(r.seeds), r.num_frames, 8, 8, 3), 7, np.uint8)\n"
        "def load(checkpoint, task, device):\n"
        "    return Grey()\n"
        "def broken(checkpoint, task, device):\n"
        "    return 3\n"
        "not_callable = 1\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("my_plugin", None)


def test_a_callable_of_a_module_in_the_current_folder(plugin):
    model = choose_model("my_plugin:load").load(TASK, "cpu")
    request = SampleRequest(np.arange(2), np.arange(2, dtype=np.uint64), None, None, 4)
    assert model.sample(request).shape == (2, 4, 8, 8, 3)


def test_code_of_a_plugin_is_part_of_its_identity(plugin):
    before = choose_model("my_plugin:load").code_sha256
    with (plugin / "my_plugin.py").open("a") as file:
        file.write("# changed\n")
    assert choose_model("my_plugin:load").code_sha256 != before


def test_a_python_file_is_taken_for_its_module(plugin):
    assert choose_model("my_plugin.py:load").name == "my_plugin:load"
    (plugin / "below").mkdir()
    (plugin / "below" / "in_a_folder.py").write_text((plugin / "my_plugin.py").read_text())
    assert choose_model("below/in_a_folder.py:load").name == "below.in_a_folder:load"
    for text, expected in (
        ("my_plugin.py", "give for example 'my_plugin.py:load'"),
        ("absent.py:load", "The file 'absent.py' of --model does not exist"),
        (f"{plugin}/my_plugin.py:load", "go to its folder and give 'my_plugin:load'"),
    ):
        with pytest.raises(InputError, match=expected):
            choose_model(text)


@pytest.mark.parametrize("arguments", ["", "checkpoint", "*, checkpoint, task, device", "a, b, c, d"])
def test_a_loader_of_other_arguments_is_refused_before_data(plugin, arguments):
    with (plugin / "my_plugin.py").open("a") as file:
        file.write(f"def other({arguments}):\n    return Grey()\n")
    with pytest.raises(InputError, match=r"'my_plugin:other' cannot be called with \(checkpoint, task, device\)"):
        choose_model("my_plugin:other").check_sampling(TASK)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("my_plugin:absent", "no callable 'absent'"), ("my_plugin:not_callable", "no callable 'not_callable'")],
)
def test_a_missing_callable_is_named(plugin, text, expected):
    with pytest.raises(InputError, match=expected):
        choose_model(text)


def test_an_answer_that_is_no_model_is_refused(plugin):
    with pytest.raises(InputError, match=r"no sample\(request\) method"):
        choose_model("my_plugin:broken").load(TASK, "cpu")


def test_who_offers_training():
    assert offers_training(choose_model("dvdgan").factory)
    assert not offers_training(NoiseModel)
    assert not offers_training(lambda checkpoint, task, device: None)


def test_noise_is_uniform_and_independent_of_the_batch():
    seeds = np.arange(10, 14, dtype=np.uint64)
    model = NoiseModel.load(None, TASK, "cpu")
    whole = model.sample(SampleRequest(np.arange(4), seeds, None, None, 4))
    alone = model.sample(SampleRequest(np.array([2]), seeds[2:3], None, None, 4))
    np.testing.assert_array_equal(whole[2:3], alone)
    assert abs(whole.mean() - 127.5) < 3
    assert whole.min() <= 2
    assert whole.max() >= 253


def test_copy_repeats_the_last_given_frame():
    task = ModelTask("p", num_frames=5, context_frames=2, height=1, width=1, class_names=())
    context = np.array([[1, 2], [3, 4]], np.uint8).reshape(2, 2, 1, 1, 1).repeat(3, axis=4)
    samples = CopyModel.load(None, task, "cpu").sample(
        SampleRequest(np.arange(2), np.arange(2, dtype=np.uint64), None, context, 3)
    )
    assert samples[:, :, 0, 0, 0].tolist() == [[2, 2, 2], [4, 4, 4]]


def test_copy_refuses_a_task_without_given_frames():
    with pytest.raises(InputError, match="use 'noise'"):
        CopyModel.load(None, TASK, "cpu")


def test_real_answers_what_followed_the_given_frames():
    task = ModelTask("p", num_frames=5, context_frames=2, height=1, width=1, class_names=())
    model = RealModel.load(None, task, "cpu")
    clips = np.arange(2 * 5 * 3, dtype=np.uint8).reshape(2, 5, 1, 1, 3)
    model.bind(lambda indices: clips[indices])
    request = SampleRequest(np.array([1]), np.zeros(1, np.uint64), None, clips[1:, :2], 3)
    np.testing.assert_array_equal(model.sample(request), clips[1:, 2:])


@pytest.mark.parametrize("model", [NoiseModel, RealModel])
def test_models_without_weights_refuse_a_checkpoint(model):
    with pytest.raises(InputError, match="no weights"):
        model.load(Path("x"), TASK, "cpu")
