"""What is declared about each setting is true, and everything that reads a declaration follows it."""

import dataclasses
import functools
import sys
from types import SimpleNamespace
from typing import Literal, get_args, get_origin

import pytest
import torch

from dvdgan import checkpoint
from dvdgan.config import MODELS, Settings, paper_scale, resolve_auto, settings_that_decide
from dvdgan.discriminators import build_discriminators
from dvdgan.generator import Generator
from dvdgan.layers import initialise, normalise_weights
from dvdgan.model import DVDGAN
from dvdgan.presets import preset_values
from dvdgan.setting import AUTO, IN_EVERY_FILE, facts_of, types_of, value_as_text
from dvdgan.settings_text import describe_settings, resume_settings, settings_from_text, settings_from_values
from dvdgan.training.starting import start_from
from dvdgan.training.update import Networks
from vidbench.models import InputError, ModelTask

CPU = torch.device("cpu")
NAMES = tuple(facts_of(Settings))
GENERATION = ModelTask("generation", 6, 0, 16, 16, ("a", "b", "c"))
PREDICTION = ModelTask("prediction", 6, 2, 16, 16, ("a", "b", "c"))
SMALL = {
    "ch": "4", "g_multipliers": "1,2", "d_ch": "4", "d_multipliers": "1,2", "tower_ch": "3", "latent_dim": "6",
    "embedding_dim": "5", "spatial_frames": "3", "batch_size": "4", "ema_start": "1", "gru_steps": "1",
    "state_fraction": "0.5", "standing_batches": "2", "log_every": "2", "loader_threads": "2", "sample_every": "100",
    "lr_decay_start": "0", "lr_decay_end": "9", "g_start": "0",
}  # fmt: skip
SPECIAL = {"lr_warmup": 4, "bn_eps": 0.1, "sn_eps": 0.5, "max_minutes": 60.0, "ema_decay": 0.5, "compile": "none", "batch_size": 8,
           "attention_keys": 0.5, "attention_values": 0.25, "tensorboard": True,
           "embedding_scale": 3.0, "precision": "bfloat16", "temporal_context": 1}  # fmt: skip
"""Other values that show an effect in a few updates of a small network, or none at all on a CPU."""


def small(model: str = "dvdgan") -> Settings:
    return settings_from_text(SMALL, MODELS[model])


MOVING = dataclasses.replace(small(), recurrence="tsru")
OF_PREDICTION = ("reconstruction", "reconstruction_end", "temporal_noise", "temporal_noise_end", "temporal_context")


def predicting() -> Settings:
    """With the terms whose ends are settings too."""
    return dataclasses.replace(small("dvdgan-fp"), reconstruction=1.0, temporal_noise=0.1)


def other_value(name: str, value: object) -> object:
    """Another value that the setting can have."""
    kind = types_of(Settings)[name]
    if name in SPECIAL:
        return SPECIAL[name]
    if get_origin(kind) is Literal:
        choices = get_args(kind)
        return choices[(choices.index(value) + 1) % len(choices)]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value / 2 or 0.5
    if isinstance(value, tuple):
        return (*value[:-1], value[-1] + 1)
    assert value is None or name == "start"
    return "elsewhere.safetensors" if name == "start" else 3


def changed(settings: Settings, name: str) -> Settings:
    return dataclasses.replace(settings, **{name: other_value(name, getattr(settings, name))})


# Declarations against the code that they describe.


def output(network, weights, task, name):
    """Output of a network with given weights on fixed inputs; None if they do not fit."""
    shapes = {key: tensor.shape for key, tensor in network.state_dict().items()}
    if shapes != {key: tensor.shape for key, tensor in weights.items()}:
        return None
    network.load_state_dict(weights)
    normalise_weights(network, torch.float32, 1e-4)
    rng = torch.Generator().manual_seed(1)
    clips = torch.rand(4, 6, 3, 16, 16, generator=rng) * 2 - 1
    z, labels = torch.randn(4, 6, generator=rng), torch.tensor([0, 1, 2, 0])
    with torch.no_grad():
        if name == "spatial":
            return network(clips[:, :3], labels)
        if name == "temporal":
            return network(clips, labels, torch.tensor([[0, 0], [1, 8], [4, 4], [8, 2]]))
        return network(z, labels, clips[:, : task.context_frames] if task.context_frames else None)


@functools.cache
def weights_and_outputs(build, task, settings):
    """Initial weights of each network of some settings, and its output with them; None if they do not fit."""
    found = {}
    for name, network in build(task, settings).items():
        initialise(network, torch.Generator().manual_seed(0))
        if name == "generator":  # a new attention layer is the identity
            with torch.no_grad():
                for key, parameter in network.named_parameters():
                    if key.endswith("gamma"):
                        parameter.fill_(1)
        weights = {key: tensor.clone() for key, tensor in network.state_dict().items()}
        found[name] = weights, output(network, weights, task, name)
    return found


def same_function(build, task, base, settings) -> bool:
    """Whether networks of two settings compute the same function with the same weights."""
    ours, theirs = weights_and_outputs(build, task, base), build(task, settings)
    if set(ours) != set(theirs):
        return False
    for name, (weights, expected) in ours.items():
        result = output(theirs[name], weights, task, name)
        if expected is None or result is None or not torch.equal(expected, result):
            return False
    return True


def generator_of(task, settings):
    return {"generator": Generator(task, settings)}


def discriminators_of(task, settings):
    return dict(build_discriminators(task, settings).items())


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_decides_the_networks_that_it_declares(name):
    decides = facts_of(Settings)[name].decides
    found = set()
    if not all(
        same_function(generator_of, GENERATION, base, changed(base, name))
        for base in (small("dvdgan"), small("dvdgan-v1"), MOVING)
    ):
        found.add("generator")
    elif not same_function(generator_of, PREDICTION, small(), changed(small(), name)):
        found.add("tower")
    if not same_function(discriminators_of, GENERATION, small(), changed(small(), name)):
        found.add("discriminators")
    assert found == set(decides) - {"updates", "nothing"}


def state_after_two_updates(task, settings) -> dict[str, torch.Tensor]:
    networks = Networks(task, settings, 0, CPU)
    rng = torch.Generator().manual_seed(2)
    clips = torch.randint(0, 256, (16, 6, 16, 16, 3), dtype=torch.uint8, generator=rng)
    labels = torch.randint(0, 3, (16,), generator=rng)
    for step in range(2):
        networks.update(step, lambda draw: (clips[: settings.batch_size], labels[: settings.batch_size]))
    return networks.tensors()


def equal(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    return set(one) == set(two) and all(torch.equal(one[name], two[name]) for name in one)


@pytest.fixture(scope="module")
def unchanged():
    torch.set_num_threads(1)
    return {
        "dvdgan": state_after_two_updates(GENERATION, small()),
        "dvdgan-fp": state_after_two_updates(PREDICTION, predicting()),
    }


# Settings that decide networks are tested above. `start` is read by the loop around the updates, see training/test_starting.py.
@pytest.mark.parametrize("name", [name for name in settings_that_decide("updates", "nothing") if name != "start"])
def test_a_setting_decides_updates_unless_it_is_declared_to_decide_nothing(name, unchanged):
    model, task, base = ("dvdgan", GENERATION, small())
    if name in OF_PREDICTION:
        model, task, base = ("dvdgan-fp", PREDICTION, predicting())
    after = state_after_two_updates(task, changed(base, name))
    assert equal(after, unchanged[model]) == (facts_of(Settings)[name].decides == ("nothing",))


@pytest.fixture(scope="module")
def folder_of_the_unchanged_run(tmp_path_factory):
    return tmp_path_factory.mktemp("unchanged")


@pytest.mark.parametrize("name", settings_that_decide("nothing"))
def test_a_setting_that_decides_nothing_leaves_a_run_as_it_is(
    name, tmp_path, folder_of_the_unchanged_run, request_for, task, monkeypatch
):
    writer = SimpleNamespace(add_scalar=lambda *args: None, close=lambda: None)
    module = SimpleNamespace(SummaryWriter=lambda folder: writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    one = folder_of_the_unchanged_run / "one"
    if not one.exists():
        DVDGAN.train(request_for(one, 3))
    base = settings_from_text(request_for(tmp_path, 3).settings)
    text = value_as_text(getattr(changed(base, name), name))
    DVDGAN.train(request_for(tmp_path / "two", 3, **{name: text}))
    one, two = (checkpoint.read_state(checkpoint.state_path(each, 3), task) for each in (one, tmp_path / "two"))
    assert one.settings != two.settings  # every setting is recorded
    assert equal(one.tensors()[0], two.tensors()[0])


# Consumers follow a declaration.


@pytest.fixture
def declare(monkeypatch):
    """A function that changes facts of a setting for the duration of a test."""

    def change(name, **facts):
        field = Settings.__dataclass_fields__[name]
        monkeypatch.setattr(field, "metadata", {"facts": dataclasses.replace(field.metadata["facts"], **facts)})

    return change


def refused(function, *arguments) -> str:
    """Message of the refusal; empty if the call is not refused."""
    try:
        function(*arguments)
    except InputError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_run_may_change_what_is_declared_to_decide_nothing(name, declare):
    stored = small()
    given = {name: value_as_text(getattr(changed(stored, name), name))}
    for decides in (("nothing",), ("updates",), ("generator", "discriminators")):
        declare(name, decides=decides)
        said = refused(resume_settings, given, stored, small())
        if name == "architecture":  # the model's own
            assert "leave it out and choose the model" in said
        elif decides == ("nothing",):
            assert said == ""
            resumed = resume_settings(given, stored, small())
            assert getattr(resumed, name) == getattr(changed(stored, name), name)
        else:
            assert f"was started with {name}=" in said
            assert given[name] in said


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Output folder and networks of a run for generation and of one for prediction."""
    runs = {}
    for task in (GENERATION, PREDICTION):
        folder, settings = tmp_path_factory.mktemp(task.name), small()
        networks = Networks(task, settings, 0, CPU)
        checkpoint.write_state(folder, 0, networks.tensors(), task, settings, 0)
        checkpoint.write_sampler(folder / checkpoint.SAMPLER_FILE, networks.generator, task, settings, {})
        runs[task] = folder, networks
    return runs


@pytest.mark.parametrize("name", [name for name in NAMES if name != "start"])
@pytest.mark.parametrize("kind", ["state", "sampler"])
@pytest.mark.parametrize("task", [GENERATION, PREDICTION], ids=lambda task: task.name)
def test_a_run_starts_only_from_weights_with_its_meaning(name, kind, task, finished, declare):
    folder, networks = finished[task]
    start = checkpoint.state_path(folder, 0) if kind == "state" else folder / checkpoint.SAMPLER_FILE
    settings = dataclasses.replace(changed(small(), name), start=str(start))
    parts = {"generator"} | ({"tower"} if task.context_frames else set())
    parts |= {"discriminators"} if kind == "state" else set()
    declared = set(facts_of(Settings)[name].decides)
    for decides in (declared, {"updates"}, {"nothing"}, {"generator"}, {"tower"}, {"discriminators"}):
        declare(name, decides=tuple(decides))
        said = refused(start_from, networks, settings, task)
        assert (f"was trained with {name}=" in said) == bool(parts & decides), decides
        assert bool(said) == bool(parts & decides)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_older_than_a_setting_means_what_is_declared(name, declare):
    values = small().to_values()
    del values[name]
    declare(name, absent=IN_EVERY_FILE, decides=("updates",))
    assert refused(settings_from_values, values, "f") == (
        f"f was written by another version of dvdgan (setting '{name}'); train it again."
    )
    declare(name, decides=("nothing",))
    default = getattr(Settings, name)
    read = {"lr_decay_start": {"lr_decay_end": None}, "lr_decay_end": {"lr_decay_start": None}}.get(name, {})
    assert getattr(settings_from_values(values | read, "f"), name) == default
    meant = other_value(name, getattr(small(), name))
    declare(name, absent=meant, decides=("updates",))
    assert getattr(settings_from_values(values, "f"), name) == meant


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_sets_what_is_declared_for_the_paper_s_scale(name, declare):
    assert set(paper_scale()) == {"batch_size", "ema_decay", "ema_start"}
    value = other_value(name, getattr(small(), name))
    declare(name, paper=value)
    assert preset_values("k600-12x64", "v2")[name] == value
    declare(name, paper=None)
    assert name not in paper_scale()


def test_former_spellings_and_auto_follow_their_declaration(declare):
    declare("upsampling", former={"smooth": "bilinear"})
    assert settings_from_values(small().to_values() | {"upsampling": "smooth"}, "f") == small()
    declare("g_lr", auto={"cuda": 0.25, "cpu": 0.5})
    automatic = settings_from_text({"g_lr": "auto"})
    assert automatic.g_lr == AUTO
    assert resolve_auto(automatic, "cpu").g_lr == 0.5
    assert resolve_auto(automatic, "mps").g_lr == 0.25
    assert resume_settings({"g_lr": " auto "}, dataclasses.replace(small(), g_lr=0.125)).g_lr == 0.125
    assert "g_lr=0.0001: " in describe_settings()
    declare("batch_size", auto=None)
    assert (
        refused(settings_from_text, {"batch_size": "auto"}, small())
        == "Setting 'batch_size' is 'auto'; give a whole number."
    )


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("ch", "16", "a whole number"), ("ch", 1.5, "a whole number"), ("autotune", 1, "true or false"),
        ("g_lr", "fast", "a number"), ("phi", 3, "choose one of identity"), ("max_minutes", float("inf"), "a finite number"),
        ("g_multipliers", (1, "2"), "whole numbers separated by commas"), ("ch", None, "a whole number"),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_refused_wherever_it_comes_from(name, value, wanted):
    assert wanted in refused(lambda: Settings(**{name: value}))
    stored = list(value) if isinstance(value, tuple) else value
    assert refused(settings_from_values, small().to_values() | {name: stored}, "f").startswith("f was written by")
