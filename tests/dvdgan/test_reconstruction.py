"""The reconstruction term of prediction: its value, its gradient, and that nothing changes without it."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from dvdgan import checkpoint
from dvdgan.config import MODELS
from dvdgan.losses import generator_objective, reconstruction_loss
from dvdgan.model import DVDGAN, DVDGANFP
from dvdgan.settings_text import settings_from_text, settings_from_values
from dvdgan.studies.curve import draw_curves
from dvdgan.training import update
from dvdgan.training.update import Networks
from vidbench.models import InputError, ModelTask


@pytest.fixture
def task() -> ModelTask:
    return ModelTask("tiny-pred", 6, 2, 8, 8, ())


def first_update(task, settings, **more):
    """Make one update of a batch of 4; returns networks, logged values by name, and the frames of the generator step with
    their gradient."""
    networks = Networks(task, settings_from_text({**settings, "batch_size": "4", **more}), 0, torch.device("cpu"))
    made, slopes = [], []

    def keep(module, inputs, out):
        if out.requires_grad:  # the discriminator steps have no graph
            made.append(out.detach())
            out.register_hook(slopes.append)

    networks.generator.register_forward_hook(keep)
    values = networks.update(0, lambda draw: (clips_of(task), torch.zeros(4, dtype=torch.int64)))
    named = dict(zip(networks.loss_names, values.tolist(), strict=True))
    return networks, named, torch.cat(made), torch.cat(slopes)


def clips_of(task):
    shape = (4, task.num_frames, task.height, task.width, 3)
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))


@pytest.mark.parametrize("parts", ["1", "2"])
def test_value_and_gradient_are_those_of_the_definition_on_predicted_frames_alone(task, tiny_settings, parts):
    weight = 20.0
    _, plain, made, slopes = first_update(task, tiny_settings, accumulate=parts)
    _, held, same, steeper = first_update(task, tiny_settings, accumulate=parts, reconstruction=str(weight))
    assert torch.equal(made, same)  # the first fakes precede the first optimiser step
    future = clips_of(task).numpy()[:, 2:].transpose(0, 1, 4, 2, 3).astype(np.float64) / 127.5 - 1
    apart = made.numpy().astype(np.float64) - future
    assert held["loss_reconstruction"] == pytest.approx(np.abs(apart).mean(), rel=1e-5)
    # Each clip has an equal weight in the mean, for any number of micro-batches.
    np.testing.assert_allclose((steeper - slopes).numpy(), weight * np.sign(apart) / apart.size, rtol=1e-3, atol=1e-7)
    # The adversarial loss is logged separately, and the discriminators do not learn from the term.
    assert {name: value for name, value in held.items() if name != "loss_reconstruction"} == plain


def test_the_mean_is_taken_in_float32():
    predicted = torch.full((1, 4, 3, 64, 64), 0.5, dtype=torch.bfloat16, requires_grad=True)
    real = torch.linspace(-1, 1, predicted.numel()).view_as(predicted)
    loss = reconstruction_loss(predicted, real)
    assert loss.dtype == torch.float32
    assert loss.item() == pytest.approx(0.625, rel=1e-4)  # the mean of |0.5 - x| over [-1, 1]
    assert generator_objective(torch.tensor(-3.0), loss, 20.0).item() == pytest.approx(9.5, rel=1e-4)
    # On meta tensors, reading a value, which a recorded update cannot do, fails.
    meta = torch.empty(1, 2, 3, 4, 4, device="meta")
    assert generator_objective(meta.sum(), reconstruction_loss(meta, meta), 20.0).shape == ()


def test_in_bfloat16_it_is_held_to_the_levels_as_they_are(task, tiny_settings):
    _, held, made, slopes = first_update(task, tiny_settings, precision="bfloat16", reconstruction="20")
    assert made.dtype == slopes.dtype == torch.bfloat16
    future = clips_of(task).numpy()[:, 2:].transpose(0, 1, 4, 2, 3) / 127.5 - 1
    assert held["loss_reconstruction"] == pytest.approx(np.abs(made.float().numpy() - future).mean(), rel=1e-5)


def test_without_a_weight_it_is_not_even_computed(task, tiny_settings, monkeypatch):
    assert all(settings.reconstruction == 0 for settings in MODELS.values())
    assert settings_from_text({"preset": "k600-pred-16x64"}).reconstruction == 0
    monkeypatch.setattr(update, "reconstruction_loss", None)
    monkeypatch.setattr(update, "generator_objective", None)
    _, values, _, _ = first_update(task, tiny_settings)
    assert "loss_reconstruction" not in values
    _, _, _, slopes = first_update(task, tiny_settings, reconstruction="0")
    assert torch.isfinite(slopes).all()
    with pytest.raises(TypeError):
        first_update(task, tiny_settings, reconstruction="1")


def test_it_pulls_predictions_towards_the_future(task, tiny_settings):
    batch = clips_of(task) // 8 + 200, torch.zeros(4, dtype=torch.int64)  # bright: far from an untrained generator
    curves = []
    for weight in ("1e-9", "2000"):  # with constant discriminators, which pull elsewhere
        settings = {**tiny_settings, "batch_size": "4", "g_lr": "4e-3", "d_lr": "0", "d_steps": "1"}
        networks = Networks(task, settings_from_text({**settings, "reconstruction": weight}), 0, torch.device("cpu"))
        place = networks.loss_names.index("loss_reconstruction")
        curves.append([float(networks.update(step, lambda draw: batch)[place]) for step in range(25)])
    without, held = curves
    assert without[0] == held[0]
    assert held[-1] < 0.75 * held[0] < held[0] < without[-1]


def test_it_is_logged_and_a_resumed_run_must_keep_it(tmp_path, request_for, task):
    with_it, whole = ({"reconstruction": "20"}, tmp_path / "whole")
    DVDGANFP.train(request_for(tmp_path / "a", 2, **with_it))
    lines = [json.loads(line) for line in (tmp_path / "a" / "train.jsonl").read_text().splitlines()]
    assert lines[0]["settings"]["reconstruction"] == 20
    assert 0.05 < lines[1]["loss_reconstruction"] < 2
    assert list(lines[1])[:4] == ["step", "loss_spatial", "loss_temporal", "loss_generator"]
    for other in ("0", "10"):
        with pytest.raises(InputError, match=r"reconstruction=20\.0 and cannot be resumed with reconstruction="):
            DVDGANFP.train(request_for(tmp_path / "a", 4, reconstruction=other))
    DVDGANFP.train(request_for(tmp_path / "a", 4))
    DVDGANFP.train(request_for(whole, 4, **with_it))
    states = [checkpoint.state_path(folder, 4).read_bytes() for folder in (tmp_path / "a", whole)]
    assert states[0] == states[1]


def test_generation_has_no_future_to_be_held_to(tmp_path, request_for, task):
    generation = dataclasses.replace(task, name="tiny-gen", context_frames=0)
    with pytest.raises(InputError, match=r"reconstruction=20 .* 'tiny-gen' has no context frames") as caught:
        DVDGAN.train(request_for(tmp_path / "no", 1, on=generation, reconstruction="20"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "no").exists()
    for wrong in ("-1", "nan", "inf"):
        with pytest.raises(InputError, match=r"'reconstruction' is .* at least 0"):
            settings_from_text({"reconstruction": wrong})


def test_files_older_than_the_setting_had_none_of_it():
    values = settings_from_text({"ch": "16"}).to_values()
    del values["reconstruction"]
    assert settings_from_values(values, "f").reconstruction == 0


def test_the_curves_show_it(monkeypatch):
    pytest.importorskip("matplotlib", reason="curves need matplotlib (vidbench[plots])")
    from matplotlib.axes import Axes

    labels, plot = [], Axes.plot
    monkeypatch.setattr(Axes, "plot", lambda axis, *a, **k: labels.append(k.get("label")) or plot(axis, *a, **k))
    losses = {"loss_generator": [(1, 1.0), (2, 2.0)], "loss_reconstruction": [(1, 0.5), (2, 0.25)]}
    assert draw_curves(losses, {}, "t").startswith(b"\x89PNG")
    assert labels == ["G", "reconstruction, unweighted"]
