"""Settings that select variants (phi, k, discriminators, truncation), and files older than a setting."""

import dataclasses
import json

import numpy as np
import pytest
import torch
from safetensors import safe_open

from dvdgan import checkpoint, noise
from dvdgan.config import MODELS, Settings
from dvdgan.discriminators import TemporalDiscriminator, crop_windows
from dvdgan.generator import Generator
from dvdgan.layers import initialise, normalise_weights
from dvdgan.model import DVDGAN, DVDGANFP, SHIPPED
from dvdgan.presets import PRESETS, preset_values
from dvdgan.settings_text import resume_settings, settings_from_text, settings_from_values
from dvdgan.training.update import Networks
from vidbench.models import InputError, ModelTask, SampleRequest

CPU = torch.device("cpu")


def temporal(task, tiny_settings, **changes) -> TemporalDiscriminator:
    network = TemporalDiscriminator(task, settings_from_text({**tiny_settings, **changes}))
    initialise(network, torch.Generator().manual_seed(0))
    normalise_weights(network, torch.float32, 1e-4)
    return network


def test_the_factor_on_class_embeddings_is_what_it_says(task, tiny_settings):
    def frames(**changes):
        network = Generator(task, settings_from_text({**tiny_settings, **changes}))
        initialise(network, torch.Generator().manual_seed(0))
        normalise_weights(network, torch.float32, 1e-4)
        with torch.no_grad():
            return network(torch.ones(2, 6), torch.tensor([0, 1]))

    default, none = frames(), frames(embedding_scale="0")
    assert torch.equal(default, frames(embedding_scale=str(5**0.5)))  # embeddings have length 5
    apart = [(clips[0] - clips[1]).abs().mean() for clips in (none, frames(embedding_scale="0.5"), default)]
    assert apart[0] < 1e-6  # order of sums
    assert 1e-3 < 2 * apart[1] < apart[2]


@pytest.mark.parametrize(("phi", "side"), [("identity", 16), ("2x2", 8), ("4x4", 4)])
def test_phi_is_what_it_says(task, tiny_settings, phi, side):
    task = dataclasses.replace(task, height=16, width=16)
    network, seen = temporal(task, tiny_settings, phi=phi), []
    network.blocks3d.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    clips = torch.rand(2, 5, 3, 16, 16)
    with torch.no_grad():
        network(clips, torch.tensor([0, 1]))
    factor = 16 // side
    cells = clips.numpy().reshape(2, 5, 3, side, factor, side, factor).mean((4, 6)).swapaxes(1, 2)
    np.testing.assert_allclose(seen[0].numpy(), cells, rtol=1e-5)


def test_a_crop_is_one_window_per_clip_the_same_in_all_its_frames():
    clips = torch.rand(3, 4, 2, 8, 8)
    corners = torch.tensor([[0, 0], [4, 1], [2, 3]])
    windows = crop_windows(clips, corners, 4)
    for clip, window, (row, column) in zip(clips, windows, corners.tolist(), strict=True):
        assert torch.equal(window, clip[:, :, row : row + 4, column : column + 4])


def test_corners_cover_every_place_each_clip_its_own():
    corners = noise.crop_corners(3, 4000, 4)
    assert np.array_equal(corners, noise.crop_corners(3, 4000, 4))
    counts = np.zeros((5, 5))
    np.add.at(counts, tuple(corners.T), 1)
    assert counts == pytest.approx(np.full((5, 5), 160), rel=0.35)


def test_a_run_with_crops_is_reproducible_and_real_and_fake_clips_have_their_own(task, tiny_settings):
    settings = settings_from_text({**tiny_settings, "phi": "crop", "batch_size": "16"})
    batch = torch.randint(0, 256, (16, 5, 8, 8, 3), dtype=torch.uint8), torch.arange(16) % 3
    runs = []
    for _ in range(2):
        networks, seen = Networks(task, settings, 3, torch.device("cpu")), []
        networks.discriminators["temporal"].register_forward_pre_hook(
            lambda module, inputs, seen=seen: seen.append(inputs)
        )
        losses = networks.update(0, lambda draw: batch)
        runs.append((losses, [inputs[2] for inputs in seen]))
    (losses, corners), (again, same) = runs
    assert torch.equal(losses, again)
    assert all(torch.equal(a, b) for a, b in zip(corners, same, strict=True))
    assert [each.shape for each in corners] == [(32, 2), (32, 2), (16, 2)]
    halves = [*corners[0].chunk(2), *corners[1].chunk(2), corners[2]]
    assert len({tuple(half.flatten().tolist()) for half in halves}) == 5
    with pytest.raises(ValueError, match="corner"):
        networks.discriminators["temporal"](torch.zeros(1, 5, 3, 8, 8), torch.tensor([0]))


@pytest.mark.parametrize("name", ["spatial", "temporal"])
def test_one_discriminator_alone(tmp_path, request_for, task, name):
    path = DVDGAN.train(request_for(tmp_path, 2, discriminators=name))
    lines = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert {key for key in lines[1] if "loss" in key or "real" in key or "fake" in key} == {
        f"loss_{name}", "loss_generator", f"real_{name}", f"fake_{name}"
    }  # fmt: skip
    with safe_open(checkpoint.state_path(tmp_path, 2), framework="pt") as file:
        judges = {key.split("/")[-1].split(".")[0] for key in file.keys() if key.startswith("discriminators/")}  # noqa: SIM118
    assert judges == {name}
    assert DVDGAN.load(path, task, "cpu").num_parameters > 0


def test_k_can_be_every_number_of_frames(task, tiny_settings):
    task = dataclasses.replace(task, num_frames=12)
    batch = torch.randint(0, 256, (3, 12, 8, 8, 3), dtype=torch.uint8), torch.arange(3)
    for k in (1, 4, 10, 12):
        networks, seen = Networks(task, settings_from_text({**tiny_settings, "spatial_frames": str(k)}), 0, CPU), []
        networks.discriminators["spatial"].register_forward_pre_hook(
            lambda module, inputs, seen=seen: seen.append(inputs[0])
        )
        networks.update(0, lambda draw: batch)
        assert [frames.shape for frames in seen] == [(6, k, 3, 8, 8)] * 2 + [(3, k, 3, 8, 8)]


def test_without_pooling_of_time_every_frame_is_a_slice():
    task = ModelTask("t", 5, 0, 16, 16, ())
    for pooling, slices in ((True, 2), (False, 5)):
        network, seen = temporal(task, {"d_ch": "4", "d_multipliers": "1,2", "time_pooling": str(pooling)}), []
        network.blocks2d.register_forward_pre_hook(lambda module, inputs, seen=seen: seen.append(inputs[0]))
        with torch.no_grad():
            network(torch.rand(2, 5, 3, 16, 16), torch.zeros(2, dtype=torch.int64))
        assert seen[0].shape[0] == 2 * slices


@pytest.mark.parametrize("sigma", [0.25, 1.0])
def test_truncation_scales_the_latents_and_nothing_else(tmp_path, request_for, task, sigma):
    assert DVDGAN.offers_truncation
    model = DVDGAN.load(DVDGAN.train(request_for(tmp_path, 1)), task, "cpu")
    seen = []
    model._generator.register_forward_pre_hook(lambda module, inputs: seen.append(inputs))
    whole = SampleRequest(np.arange(3), np.arange(3, dtype=np.uint64), np.array([0, 1, 2]), None, 5)
    plain = model.sample(whole)
    narrow = model.sample(dataclasses.replace(whole, truncation=sigma))
    torch.testing.assert_close(seen[1][0], seen[0][0] * sigma)
    assert torch.equal(seen[1][1], seen[0][1])
    assert np.array_equal(narrow, plain) == (sigma == 1)
    with pytest.raises(InputError, match="above 0"):
        model.sample(dataclasses.replace(whole, truncation=0.0))


def read_shipped(name):
    """Read generator, settings, task and number of steps from a checkpoint of this repository."""
    path = SHIPPED / f"{name}.safetensors"
    metadata = checkpoint.read_metadata(path, checkpoint.SAMPLER)
    task = ModelTask(**(metadata["task"] | {"class_names": tuple(metadata["task"]["class_names"])}))
    return *checkpoint.read_sampler(path, task, CPU), task, metadata["origin"]["steps"]


def test_the_shipped_checkpoint_keeps_its_meaning_and_its_samples():
    generator, settings, task, steps = read_shipped("shapes-gen")
    assert (settings.architecture, settings.phi, settings.discriminators, settings.gru_steps) == (
        "v2",
        "2x2",
        "both",
        1,
    )
    assert (settings.lr_decay_end, steps) == (41_500, 41_326)  # of the last of three runs; the time limit ended it
    assert (settings.embedding_scale, settings.standing_batches) == (6, 256)
    assert sum(p.numel() for p in generator.parameters()) == 5_492_403
    request = SampleRequest(np.arange(2), np.array([1, 2**40], np.uint64), np.array([0, 7]), None, 12)
    made = DVDGAN(generator, settings, task, CPU, "").sample(request)
    # Means of thirds of the first clip's frames and of the second clip, recorded by these lines when it was committed
    # (torch 2.13.0, CPU).
    got = [*made[0].reshape(3, -1).mean(1), made[1].mean()]
    assert got == pytest.approx([47.3562, 47.7127, 47.8245, 78.9683], abs=0.01)


def test_the_shipped_checkpoint_for_prediction_keeps_its_meaning_and_its_samples():
    generator, settings, task, steps = read_shipped("shapes-pred")
    assert (settings.architecture, settings.phi, settings.discriminators) == ("v2", "2x2", "both")
    assert (settings.reconstruction, settings.reconstruction_end) == (300, 4807)
    assert (settings.lr_decay_end, steps) == (3846, 3846)  # of the second of two runs
    assert (settings.recurrence, settings.full_resolution, settings.tower_frames) == ("gru", True, "stacked")
    assert sum(p.numel() for p in generator.parameters()) == 5_166_862
    # Two bright squares that move to the right, two pixels per frame.
    given = np.full((2, 5, 32, 32, 3), 40, np.uint8)
    for frame in range(5):
        given[:, frame, 12:20, 4 + 2 * frame : 12 + 2 * frame] = 200
    request = SampleRequest(np.arange(2), np.array([1, 2**40], np.uint64), None, given, 11)
    made = DVDGANFP(generator, settings, task, CPU, "").sample(request)
    got = [made[0, 0].mean(), made[0, 5].mean(), made[0, 10].mean(), made[1].mean()]
    # Recorded by these lines when it was committed (torch 2.13.0, CPU).
    assert got == pytest.approx([48.6914, 48.9482, 47.5973, 49.2302], abs=0.01)
    # On a clip unlike its training clips: the square keeps moving, also around the edge, and the background stays. In the
    # first frame, where a repeated frame is only two pixels behind, little is won.
    for frame in range(11):
        true = np.full((32, 32, 3), 40.0)
        true[12:20, (14 + 2 * frame + np.arange(8)) % 32] = 200
        assert np.abs(made[0, frame] - true).mean() < (0.6 if frame else 0.7) * np.abs(given[0, 4] - true).mean()


def test_files_older_than_a_setting_mean_what_they_were_made_with():
    values = MODELS["dvdgan"].to_values()
    new = {
        "architecture",
        "gru_steps",
        "attention_keys",
        "attention_values",
        "tower_ch",
        "discriminators",
        "time_pooling",
    }
    old = {name: value for name, value in values.items() if name not in new} | {"phi": 1}
    assert settings_from_values(old, "f") == Settings(phi="identity")
    del old["phi"]
    with pytest.raises(InputError, match="setting 'phi'"):
        settings_from_values(old, "f")


def test_presets_are_bases_with_exceptions():
    settings = settings_from_text({"batch_size": "32", "preset": "ucf101-16x128"})
    assert (settings.ch, settings.batch_size, settings.ema_decay, settings.ema_start) == (48, 32, 0.9999, 20000)
    assert settings.g_multipliers == settings.d_multipliers == (1, 2, 4, 8, 16, 16)
    assert (settings.g_lr, settings.d_lr) == (1e-4, 5e-4)
    first = settings_from_text({"preset": "k600-12x64"}, MODELS["dvdgan-v1"])
    assert (first.architecture, first.ch * first.g_multipliers[-1], first.d_lr) == ("v1", 512, 2e-4)
    with pytest.raises(InputError, match="no preset 'k600'; choose one of k600-12x64"):
        settings_from_text({"preset": "k600"})
    with pytest.raises(InputError, match=f"no preset '{'a' * 100}'; choose"):
        settings_from_text({"preset": "a" * 5000})
    for name in PRESETS:
        assert set(preset_values(name, "v2")) <= {item.name for item in dataclasses.fields(Settings)}


def test_no_model_has_the_learning_rates_swapped():
    for name, d_lr in (("dvdgan", 5e-4), ("dvdgan-fp", 5e-4), ("dvdgan-v1", 2e-4)):
        assert (MODELS[name].g_lr, MODELS[name].d_lr) == (1e-4, d_lr)
        networks = Networks(
            ModelTask("t", 8, 0, 8, 8, ()), dataclasses.replace(MODELS[name], ch=4, d_ch=4, batch_size=2), 0, CPU
        )
        rates = {owner: adam.param_groups[0] for owner, _, adam in networks._optimisers()}
        assert (rates["adam_g"]["lr"], rates["adam_d"]["lr"]) == (1e-4, d_lr)
        assert all(group["betas"] == (0.0, 0.999) for group in rates.values())


def test_the_model_decides_the_architecture():
    with pytest.raises(InputError, match="choose the model, dvdgan-v1"):
        settings_from_text({"architecture": "v1"})
    with pytest.raises(InputError, match="started with the architecture v1 and this model has v2"):
        resume_settings({}, MODELS["dvdgan-v1"])


@pytest.mark.parametrize(
    ("model", "given", "changes"),
    [("dvdgan", 0, {"phi": "crop"}), ("dvdgan-v1", 0, {"phi": "4x4"}), ("dvdgan-fp", 2, {"phi": "identity"})],
)
def test_every_choice_runs_in_bfloat16_and_keeps_float32_weights(tiny_settings, model, given, changes):
    task = ModelTask("t", 6, given, 16, 16, ())
    settings = settings_from_text({**tiny_settings, **changes, "precision": "bfloat16"}, MODELS[model])
    networks = Networks(task, settings, 0, CPU)
    batch = torch.randint(0, 256, (3, 6, 16, 16, 3), dtype=torch.uint8), torch.zeros(3, dtype=torch.int64)
    for step in range(2):
        assert torch.isfinite(networks.update(step, lambda draw: batch)).all()
    assert all(p.dtype == torch.float32 and torch.isfinite(p).all() for p in networks.generator.parameters())
