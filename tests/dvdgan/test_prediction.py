"""Prediction: the tower over context frames, which network sees which frames, and the registered model."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from dvdgan import checkpoint
from dvdgan.conditioning import ContextTower
from dvdgan.generator import Generator, from_uint8
from dvdgan.layers import initialise, normalise_weights, use_plain_weights
from dvdgan.model import DVDGAN, DVDGANFP
from dvdgan.sampler import make_sampler
from dvdgan.settings_text import settings_from_text
from dvdgan.training.update import Networks
from vidbench.models import InputError, ModelTask, SampleRequest

CODES = {"latent_dim": "8", "embedding_dim": "8"}


@pytest.fixture
def task() -> ModelTask:
    return ModelTask("tiny-pred", 6, 2, 16, 16, ())


def ask(task, seeds, context, labels=None, **more):
    return SampleRequest(
        np.arange(len(seeds)), np.array(seeds, np.uint64), labels, context, task.predicted_frames, **more
    )


def contexts(task, count, seed=0):
    shape = (count, task.context_frames, task.height, task.width, 3)
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def test_the_tower_is_its_definition_frame_by_frame_with_shared_weights():
    tower = ContextTower(3, widths=(4, 6), states=(5, 7))
    initialise(tower, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for mix in tower.mixes:
            mix.bias.uniform_(-0.2, 0.2)
    use_plain_weights(tower)
    context = torch.rand(2, 3, 3, 16, 16) * 2 - 1
    conv = lambda layer, h: functional.conv2d(h, layer.weight, layer.bias, padding=layer.weight.shape[-1] // 2)  # noqa: E731
    pool = lambda h: functional.avg_pool2d(h, 2)  # noqa: E731
    expected = []
    for clip in context:
        stacked = ([], [])
        for frame in clip:
            x = frame[None]
            for depth, block in enumerate(tower.blocks):
                h = conv(block.conv2, conv(block.conv1, x if depth == 0 else x.clamp_min(0)).clamp_min(0))
                x = pool(h) + pool(conv(block.shortcut, x))
                stacked[depth].append(x)
        expected.append([conv(mix, torch.cat(x, 1)).clamp_min(0) for mix, x in zip(tower.mixes, stacked, strict=True)])
    coarse, fine = tower(context)
    assert coarse.shape == (2, 7, 4, 4)
    assert fine.shape == (2, 5, 8, 8)
    torch.testing.assert_close(fine, torch.cat([each[0] for each in expected]), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(coarse, torch.cat([each[1] for each in expected]), rtol=1e-4, atol=1e-5)


def test_a_tower_over_stacked_frames_that_keeps_the_resolution_first_is_one_over_a_single_image():
    stacked, image = (
        ContextTower(3, (4, 6), (5, 7), stacked=True, whole=True),
        ContextTower(1, (4, 6), (5, 7), whole=True),
    )
    assert stacked.blocks[0].conv1.weight.shape == (4, 9, 3, 3)
    image.blocks[0] = stacked.blocks[0]  # the others have the same shapes
    initialise(stacked, torch.Generator().manual_seed(0))
    image.load_state_dict(stacked.state_dict())
    for tower in (stacked, image):
        use_plain_weights(tower)
    context = torch.rand(2, 3, 3, 16, 16)
    coarse, fine = stacked(context)
    assert coarse.shape == (2, 7, 8, 8)
    assert fine.shape == (2, 5, 16, 16)
    for mine, other in zip((coarse, fine), image(context.reshape(2, 1, 9, 16, 16)), strict=True):
        assert torch.equal(mine, other)


def test_at_full_resolution_the_state_starts_from_the_tower_and_reaches_the_colours(task, tiny_settings):
    settings = settings_from_text({**tiny_settings, "recurrence": "tsru", "full_resolution": "true"})
    generator = Generator(task, settings)
    initialise(generator, torch.Generator().manual_seed(0))
    normalise_weights(generator, torch.float32, 1e-4)
    seen = []
    generator.finest.gru.register_forward_hook(lambda module, inputs, out: seen.append((inputs[2], out)))
    context, z, labels = torch.rand(3, 2, 3, 16, 16), torch.randn(3, 6), torch.zeros(3, dtype=torch.int64)
    with torch.no_grad():
        generator(z, labels, context)
        first, states = seen[0]
        assert torch.equal(first, generator.tower(context)[-1])
        assert states.shape == (3 * 4, 2, 16, 16)
        generator.head.effective.zero_()  # only the direct way is left
        clips = generator(z, labels, context)
    colours = functional.conv2d(states, generator.finest.colours.effective)
    torch.testing.assert_close(clips.flatten(0, 1), torch.tanh(colours), rtol=1e-4, atol=1e-5)


def test_the_states_of_the_tower_start_the_conv_grus_of_their_resolution(task, tiny_settings):
    settings = settings_from_text(tiny_settings)
    generator = Generator(task, settings)
    initialise(generator, torch.Generator().manual_seed(0))
    normalise_weights(generator, torch.float32, 1e-4)
    seen = []
    for group in generator.groups:
        group.gru.register_forward_pre_hook(lambda module, inputs: seen.append(inputs))
    context = torch.rand(3, 2, 3, 16, 16) * 2 - 1
    z, labels = torch.randn(3, 6), torch.zeros(3, dtype=torch.int64)
    with torch.no_grad():
        clips = generator(z, labels, context)
        states = generator.tower(context)
    assert clips.shape == (3, 4, 3, 16, 16)  # the predicted frames alone
    assert [inputs[1] for inputs in seen] == [4, 4]
    assert [inputs[2].shape for inputs in seen] == [(3, 4, 4, 4), (3, 4, 8, 8)]
    assert all(torch.equal(inputs[2], state) for inputs, state in zip(seen, states, strict=True))
    with torch.no_grad():
        other = generator(z, labels, context * torch.tensor([1, -1, 1]).view(3, 1, 1, 1, 1))
    assert (other[1] - clips[1]).abs().mean() > 2 * (other[[0, 2]] - clips[[0, 2]]).abs().mean()
    with pytest.raises(ValueError, match="needs 2 context frames and got 0"):
        generator(z, labels)


@pytest.mark.parametrize("classes", [(), ("red", "blue", "green")])
def test_d_t_sees_context_and_generated_frames_and_d_s_generated_ones_only(task, tiny_settings, classes):
    task = dataclasses.replace(task, class_names=classes)
    settings = settings_from_text({**tiny_settings, "phi": "identity", "spatial_frames": "4"})
    networks = Networks(task, settings, 0, torch.device("cpu"))
    seen = {"generator": [], "spatial": [], "temporal": []}
    for name, network in (("generator", networks.generator), *networks.discriminators.items()):
        network.register_forward_hook(lambda module, inputs, out, name=name: seen[name].append((inputs, out)))
    rng = torch.Generator().manual_seed(0)
    batches = [torch.randint(0, 256, (3, 6, 16, 16, 3), dtype=torch.uint8, generator=rng) for _ in range(2)]
    labels = torch.tensor([0, 1, 2]) if classes else torch.zeros(3, dtype=torch.int64)
    networks.update(0, lambda draw: (batches[draw], labels))
    for turn, batch in enumerate((batches[0], batches[1], batches[1])):
        real = from_uint8(batch, torch.float32)
        inputs, made = seen["generator"][turn]
        assert torch.equal(inputs[2], real[:, :2])
        fake = torch.cat([real[:, :2], made], dim=1)
        whole = torch.cat([real, fake]) if turn < 2 else fake
        assert torch.equal(seen["temporal"][turn][0][0], whole)
        # k = 4 of the 4 predicted frames: all of them, in some order.
        frames = seen["spatial"][turn][0][0]
        torch.testing.assert_close(frames.sum(1), whole[:, 2:].sum(1), rtol=1e-4, atol=1e-4)
        assert all(
            any(torch.equal(f, g) for g in clip[2:]) for row, clip in zip(frames, whole, strict=True) for f in row
        )


def test_both_networks_and_the_tower_learn_from_a_step(task, tiny_settings):
    networks = Networks(task, settings_from_text(tiny_settings), 0, torch.device("cpu"))
    before = {name: p.detach().clone() for name, p in networks.generator.named_parameters()}
    batch = torch.randint(0, 256, (3, 6, 16, 16, 3), dtype=torch.uint8), torch.zeros(3, dtype=torch.int64)
    losses = networks.update(0, lambda draw: batch)
    assert torch.isfinite(losses).all()
    tower = [name for name in before if name.startswith("tower.") and name.endswith("weight")]
    assert len(tower) == 8
    assert all(not torch.equal(before[name], dict(networks.generator.named_parameters())[name]) for name in tower)


def test_frame_draws_exclude_the_context_frames(task, tiny_settings):
    with pytest.raises(InputError, match=r"'spatial_frames' is 5 .* 4 frames to generate"):
        Networks(task, settings_from_text({**tiny_settings, "spatial_frames": "5"}), 0, torch.device("cpu"))


def test_standing_statistics_come_from_real_context_frames(task, tiny_settings):
    settings, device = settings_from_text(tiny_settings), torch.device("cpu")
    networks, asked = Networks(task, settings, 1, device), []

    def given(batch: int, sign: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
        asked.append(batch)
        rng = torch.Generator().manual_seed(batch)
        clips = torch.randint(0, 60, (3, 6, 16, 16, 3), dtype=torch.uint8, generator=rng)
        return clips if sign > 0 else 255 - clips, torch.zeros(3, dtype=torch.int64)

    first, again = (make_sampler(networks.average, task, settings, 0, device, given) for _ in range(2))
    assert asked == [0, 1, 0, 1]
    assert torch.equal(first.head_norm.standing_var, again.head_norm.standing_var)
    assert first.head_norm.standing_var.shape[0] == 4
    other = make_sampler(networks.average, task, settings, 0, device, lambda batch: given(batch, -1))
    assert (first.head_norm.standing_mean - other.head_norm.standing_mean).abs().max() > 1e-3


@pytest.fixture
def folder(tmp_path, request_for, task):
    # Codes of 16 numbers: with odd lengths some matrix products sum a row in an order that depends on its position.
    DVDGANFP.train(request_for(tmp_path / "run", 2, **CODES))
    return tmp_path / "run"


def test_a_prediction_depends_on_its_own_seed_and_frames_alone(folder, task):
    model = DVDGANFP.load(folder, task, "cpu")
    seeds, given = list(range(40, 50)), contexts(task, 10)
    together = model.sample(ask(task, seeds, given))
    assert together.shape == (10, 4, 16, 16, 3)
    assert together.dtype == np.uint8
    for n in (0, 7, 8, 9):
        alone = model.sample(ask(task, seeds[n : n + 1], given[n : n + 1]))[0]
        assert np.array_equal(alone, together[n])
    assert np.array_equal(model.sample(ask(task, seeds[5:], given[5:])), together[5:])
    assert (model.sample(ask(task, seeds, given[::-1])) != together).mean() > 0.1
    assert (model.sample(ask(task, seeds[::-1], given)) != together).mean() > 0.1


def test_labels_that_the_task_does_not_use_are_ignored(tmp_path, request_for, task):
    request = request_for(tmp_path / "run", 1)
    zeros = np.zeros(3, np.int64)
    request.clips.draw = lambda step, count: (np.zeros((count, 6, 16, 16, 3), np.uint8), np.resize(zeros + 23, count))
    assert DVDGANFP.train(request).is_file()


def test_a_resumed_prediction_run_equals_an_unbroken_one(folder, tmp_path, request_for, task):
    with Image.open(folder / "samples-00000002.png") as sheet:
        assert sheet.size == (6 * 18, 8 * 18)  # context and predicted frames of 8 clips
    whole = tmp_path / "whole"
    path = DVDGANFP.train(request_for(whole, 4, **CODES))
    again = DVDGANFP.train(request_for(folder, 4, **CODES))
    assert checkpoint.state_path(whole, 4).read_bytes() == checkpoint.state_path(folder, 4).read_bytes()
    assert path.read_bytes() == again.read_bytes()


def test_requests_and_tasks_that_do_not_fit_are_refused(folder, task, request_for, tmp_path):
    model = DVDGANFP.load(folder, task, "cpu")
    for given in (None, contexts(task, 3), contexts(task, 2)[:, :1], contexts(task, 2).astype(np.float32)):
        with pytest.raises(InputError, match=r"context frames uint8 \[2, 2, 16, 16, 3\]"):
            model.sample(ask(task, [1, 2], given))
    with pytest.raises(InputError, match="trained for 4 frames and 6"):
        model.sample(SampleRequest(np.arange(1), np.zeros(1, np.uint64), None, contexts(task, 1), 6))
    with pytest.raises(InputError, match="2 context frames and task 'tiny-pred' has 3"):
        DVDGANFP.load(folder, dataclasses.replace(task, context_frames=3), "cpu")
    generation = dataclasses.replace(task, context_frames=0)
    for refused in (
        lambda: DVDGANFP.load(None, generation, "cpu"),
        lambda: DVDGANFP.train(request_for(tmp_path / "no", 1, on=generation)),
    ):
        with pytest.raises(InputError, match="choose a prediction task"):
            refused()
    for refused in (
        lambda: DVDGAN.load(folder, task, "cpu"),
        lambda: DVDGAN.train(request_for(tmp_path / "no", 1)),
    ):
        with pytest.raises(InputError, match="choose a generation task"):
            refused()
    assert not (tmp_path / "no").exists()


def test_context_can_be_carried_into_the_prediction(tiny_settings):
    """Plain regression to clips of one colour each: only the context frame shows which colour."""
    task = ModelTask("t", 4, 1, 8, 8, ())
    generator = Generator(task, settings_from_text({**tiny_settings, "tower_ch": "8"}))
    initialise(generator, torch.Generator().manual_seed(0))
    adam = torch.optim.Adam(generator.parameters(), 1e-2)
    colours = torch.tensor([[200, 40, 60], [50, 70, 210], [60, 190, 80], [220, 220, 40]], dtype=torch.uint8)
    clips = from_uint8(colours.repeat(2, 1).view(8, 1, 1, 1, 3).expand(8, 4, 8, 8, 3), torch.float32)
    z, labels = torch.zeros(8, 6), torch.zeros(8, dtype=torch.int64)
    for _ in range(60):
        normalise_weights(generator, torch.float32, 1e-4)
        loss = (generator(z, labels, clips[:, :1]) - clips[:, 1:]).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
    without_looking = (clips - clips.mean(0, keepdim=True)).square().mean()
    assert loss < 0.25 * without_looking
