"""Settings from text."""

import dataclasses
import json

import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from dvdgan import checkpoint
from dvdgan.config import Settings
from dvdgan.model import DVDGAN
from dvdgan.settings_text import describe_settings, resume_settings, settings_from_text, settings_from_values
from vidbench.models import InputError


def test_text_becomes_values_of_the_right_type():
    settings = settings_from_text({"ch": "16", "d_lr": "2e-4", "g_multipliers": "1, 3", "max_minutes": "7.5"})
    assert (settings.ch, settings.d_lr, settings.g_multipliers, settings.max_minutes) == (16, 2e-4, (1, 3), 7.5)
    assert settings_from_text({"max_minutes": "none"}).max_minutes is None


def test_the_paper_s_values_are_the_defaults():
    settings = Settings()
    assert (settings.g_lr, settings.d_lr, settings.d_steps, settings.spatial_frames, settings.phi) == (
        1e-4,
        5e-4,
        2,
        8,
        "2x2",
    )
    assert (settings.latent_dim, settings.embedding_dim, settings.upsampling) == (120, 120, "bilinear")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"batchsize": "4"}, "did you mean 'batch_size'"),
        ({"presets": "k600-12x64"}, "did you mean 'preset'"),
        ({"qqq": "4"}, "no setting 'qqq'"),
        ({"ch": "x"}, "whole number"),
        ({"ch": "1.5"}, "whole number"),
        ({"ch": "0"}, "at least 1"),
        ({"g_lr": "nan"}, "is 'nan'; give a finite number of at least 0"),
        ({"g_lr": "inf"}, "is 'inf'; give a finite number of at least 0"),
        ({"g_lr": "-1"}, "is -1; give a number of at least 0"),
        ({"beta2": "nan"}, "is nan; give a number below 1"),
        ({"batch_size": "0"}, "is 0; give a number of at least 2, or auto"),
        ({"batch_size": "many"}, "is 'many'; give a whole number, or auto"),
        ({"g_multipliers": "1,x"}, "is '1,x'; give whole numbers separated by commas"),
        ({"state_fraction": "nan"}, "is 'nan'; give a finite number of at least 0.01"),
        ({"max_minutes": "inf"}, "is 'inf'; give a finite number of at least 0"),
        ({"max_minutes": "some"}, "is 'some'; give a number"),
        ({"autotune": "maybe"}, "true or false"),
        ({"g_lr": "fast"}, "give a number"),
        ({"compile": "default"}, "choose one of auto, none, graphs, fused"),
        ({"compile": "reduce-overhead"}, "choose one of auto, none, graphs, fused"),
        ({"precision": "float16"}, "auto, float32, bfloat16"),
        ({"phi": "2"}, "identity, 2x2, 4x4, crop"),
        ({"d_multipliers": ""}, "separated by commas"),
        ({"d_multipliers": "1,0"}, "at least 1"),
        ({"ema_decay": "1"}, "below 1"),
        ({"autotune": "yes"}, "true or false"),
        ({"autotune": "1"}, "true or false"),
        ({"ch": "16.0"}, "a whole number"),
        ({"batch_size": "16.0"}, r"is '16\.0'; give a whole number, or auto"),
        ({"batch_size": "1"}, "is 1; give a number of at least 2, or auto"),
        ({"batch_size": "65537"}, "is 65537; give a number of at most 65,536, or auto"),
        ({"g_lr": "1e10"}, r"at most 1,000,000,000\.$"),
        ({"g_multipliers": "1,2.0"}, "whole numbers separated by commas"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(given, words):
    with pytest.raises(InputError, match=words) as caught:
        settings_from_text(given)
    assert str(caught.value).endswith((".", "?"))
    assert "\n" not in str(caught.value)


def test_settings_survive_json_and_foreign_ones_are_refused():
    settings = settings_from_text({"d_multipliers": "1,2,4", "max_minutes": "3"})
    assert settings_from_values(json.loads(json.dumps(settings.to_values())), "f") == settings
    with pytest.raises(InputError, match="another version of dvdgan"):
        settings_from_values(settings.to_values() | {"attention": True}, "f")
    values = settings.to_values()
    del values["ch"]
    with pytest.raises(InputError, match="setting 'ch'"):
        settings_from_values(values, "f")


def test_a_file_older_than_a_setting_that_decides_no_weight_still_loads():
    values = settings_from_text({"ch": "16"}).to_values()
    del values["autotune"]
    assert settings_from_values(values, "f") == settings_from_text({"ch": "16"})


@pytest.mark.parametrize("mode", ["default", "reduce-overhead"])
def test_a_mode_that_is_gone_is_refused_as_a_setting_and_costs_no_trained_weights(tmp_path, request_for, task, mode):
    with pytest.raises(InputError, match=f"'compile' is '{mode}'; choose one of auto, none, graphs, fused"):
        settings_from_text({"compile": mode})
    path = DVDGAN.train(request_for(tmp_path, 1))
    for file in (path, checkpoint.state_path(tmp_path, 1)):
        with safe_open(file, framework="pt") as opened:
            metadata = json.loads(opened.metadata()["dvdgan"])
        metadata["settings"]["compile"] = mode
        assert settings_from_values(metadata["settings"], "f").compile == "none"
        checkpoint.write_atomically(file, checkpoint.to_bytes(load_file(file), metadata))
    DVDGAN.load(path, task, "cpu")
    DVDGAN.train(request_for(tmp_path, 2))
    assert checkpoint.state_path(tmp_path, 2).is_file()


def test_a_resumed_run_keeps_what_decides_weights_and_takes_the_rest_from_the_call():
    stored = settings_from_text({"ch": "16", "max_minutes": "3"})
    resumed = resume_settings({"ch": "16", "log_every": "7"}, stored)
    assert resumed == dataclasses.replace(stored, log_every=7, max_minutes=None)
    with pytest.raises(InputError, match="ch=16 and cannot be resumed with ch=8"):
        resume_settings({"ch": "8"}, stored)


def test_every_setting_has_a_reason():
    lines = describe_settings().splitlines()
    assert len(lines) == len(dataclasses.fields(Settings))
    assert all(len(line.split(": ", 1)[1]) > 10 for line in lines)
