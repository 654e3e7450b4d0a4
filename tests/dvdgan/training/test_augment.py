"""Differentiable augmentation: each transformation against a slow version, its draws, and its gradients."""

import dataclasses

import numpy as np
import pytest
import torch

from dvdgan import noise
from dvdgan.generator import from_uint8
from dvdgan.model import DVDGAN
from dvdgan.parallel import World
from dvdgan.settings_text import settings_from_text, settings_from_values
from dvdgan.training import inputs as inputs_module
from dvdgan.training.augment import augment, augment_draws
from dvdgan.training.inputs import pick_frames
from dvdgan.training.update import Networks
from vidbench.models import InputError

CPU = torch.device("cpu")
ALL = "colour+translation+cutout"

STILL = [0.0, 1.0, 1.0, 0, 0]
"""Brightness, saturation, contrast and shift of the identity."""


def by_hand(clip_TCHW: np.ndarray, row: np.ndarray, kinds: str) -> np.ndarray:
    """Transform one clip, pixel by pixel, as defined."""
    brightness, saturation, contrast, down, right, top, left = (float(number) for number in row)
    clip = clip_TCHW.astype(np.float64)
    frames, _, side, _ = clip.shape
    if "colour" in kinds:
        clip += brightness
        for t in range(frames):
            for y in range(side):
                for x in range(side):
                    grey = sum(clip[t, :, y, x]) / 3
                    clip[t, :, y, x] = [(value - grey) * saturation + grey for value in clip[t, :, y, x]]
        mean = clip.sum() / clip.size
        clip = (clip - mean) * contrast + mean
    for name in ("translation", "cutout"):
        if name not in kinds:
            continue
        made = np.zeros_like(clip)
        for y in range(side):
            for x in range(side):
                if name == "translation":
                    from_y, from_x = y - int(down), x - int(right)
                    if 0 <= from_y < side and 0 <= from_x < side:
                        made[:, :, y, x] = clip[:, :, from_y, from_x]
                elif not (top <= y < top + side / 2 and left <= x < left + side / 2):
                    made[:, :, y, x] = clip[:, :, y, x]
        clip = made
    return clip


def some_clips(count=6, frames=3, side=16, dtype=torch.float32) -> torch.Tensor:
    """Clips as in the networks, with channels last in memory."""
    return (torch.rand(count, frames, side, side, 3, dtype=dtype) * 2 - 1).permute(0, 1, 4, 2, 3)


@pytest.mark.parametrize(
    "kinds", ["colour", "translation", "cutout", "colour+translation", "colour+translation+cutout"]
)
@pytest.mark.parametrize("packed", [True, False])
def test_each_transformation_is_the_one_made_by_hand(kinds, packed):
    clips = some_clips() if packed else some_clips().contiguous()
    draws = augment_draws(5, 6, 16)
    made = augment(clips, torch.from_numpy(draws), kinds)
    assert made.stride() == some_clips().stride() or not packed
    for clip, row, got in zip(clips.numpy(), draws, made.numpy(), strict=True):
        np.testing.assert_allclose(got, by_hand(clip, row, kinds), atol=2e-6)
    assert len({tuple(row[3:5]) for row in draws}) > 3


def test_a_shift_and_a_cut_go_where_they_say():
    frame = torch.arange(1.0, 65).view(1, 1, 1, 8, 8).expand(1, 2, 3, 8, 8)
    moved = augment(frame, torch.tensor([[*STILL[:3], 1, -2, 0, 0]]), "translation")
    assert torch.equal(moved[0, :, :, 1:, :6], frame[0, :, :, :7, 2:])
    assert not moved[0, :, :, 0].any()
    assert not moved[0, :, :, :, 6:].any()
    for corner, rows, columns in (([-2, 6], slice(0, 2), slice(6, 8)), ([3, 0], slice(3, 7), slice(0, 4))):
        cut = augment(frame, torch.tensor([[*STILL, *map(float, corner)]]), "cutout")
        expected = frame.clone()
        expected[..., rows, columns] = 0
        assert torch.equal(cut, expected)


def test_draws_fill_their_ranges_and_are_a_function_of_the_seed():
    draws = augment_draws(7, 4000, 16)
    assert draws.dtype == np.float32
    assert np.array_equal(draws, augment_draws(7, 4000, 16))
    assert not np.array_equal(draws, augment_draws(8, 4000, 16))
    for column, low, high in zip(draws.T, (-0.5, 0, 0.5), (0.5, 2, 1.5), strict=False):
        assert low <= column.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < column.max() <= high
        assert column.mean() == pytest.approx((low + high) / 2, abs=0.03 * (high - low))
    for column, low, high in zip(draws.T[3:], (-2, -2, -4, -4), (2, 2, 12, 12), strict=True):
        values, counts = np.unique(column, return_counts=True)
        assert values.tolist() == list(range(low, high + 1))
        assert counts / 4000 == pytest.approx(np.full(len(values), 1 / len(values)), rel=0.35)
    # The draws of a clip are independent of each other, and of the next clip's.
    related = np.corrcoef(np.concatenate([draws, np.roll(draws, 1, axis=0)], axis=1).T) - np.eye(14)
    assert np.abs(related).max() < 0.06


def test_frames_of_a_clip_share_one_transformation_and_clips_have_their_own():
    clips = some_clips(count=1, frames=1).expand(8, 4, -1, -1, -1)
    made = augment(clips, torch.from_numpy(augment_draws(1, 8, 16)), "colour+translation+cutout")
    assert all(torch.equal(made[:, 0], made[:, t]) for t in range(1, 4))
    assert all(not torch.equal(made[i], made[j]) for i in range(8) for j in range(i))


def test_contrast_is_about_the_mean_of_the_whole_clip():
    # Frame by frame, a clip would lose a change of brightness.
    levels = torch.tensor([-0.6, 0.0, 0.6]).view(1, 3, 1, 1, 1).expand(1, 3, 3, 8, 8)
    made = augment(levels, torch.tensor([[0.0, 1.0, 0.5, 0, 0, 0, 0]]), "colour")
    torch.testing.assert_close(made, levels / 2)


def test_gradients_pass_through_exactly():
    clips = some_clips(count=2, frames=2, side=8, dtype=torch.float64).requires_grad_()
    draws = torch.from_numpy(augment_draws(3, 2, 8))
    for kinds in ("colour", "translation", "cutout", "colour+translation+cutout"):
        assert torch.autograd.gradcheck(lambda x, kinds=kinds: augment(x, draws, kinds), (clips,), fast_mode=False)


def test_bfloat16_is_as_good_as_its_last_rounding():
    clips, draws = some_clips().bfloat16(), torch.from_numpy(augment_draws(2, 6, 16))
    made, exact = (augment(each, draws, "colour+translation+cutout") for each in (clips, clips.float()))
    assert made.dtype == torch.bfloat16
    assert torch.equal(made, exact.bfloat16())


def networks_for(task, settings, world=None, **changes):
    return Networks(task, settings_from_text({**settings, **changes}), 3, CPU, world)


def batches_of(task, count, number=2):
    shape = (count, task.num_frames, task.height, task.width, 3)
    clips = [torch.randint(0, 256, shape, dtype=torch.uint8) for _ in range(number)]
    return lambda draw: (clips[draw % number], torch.arange(count) % max(1, task.num_classes))


def draws_of(networks, task, step=0, count=8):
    """The draws [sides, N, 7] of the three steps of an update, one micro-batch after the other."""
    turns = networks._draws.inputs(step, batches_of(task, count))
    return [
        torch.cat([part.augment_M7.unflatten(0, (sides, -1)) for part in turn], dim=1)
        for sides, turn in zip((2, 2, 1), turns, strict=True)
    ]


@pytest.mark.parametrize("given", [0, 2])
def test_both_discriminators_see_real_and_fake_clips_transformed_alike(task, tiny_settings, given):
    task = dataclasses.replace(task, num_frames=6, context_frames=given)
    networks = networks_for(task, tiny_settings, spatial_frames="4", augment=ALL)
    seen = {"generator": [], "spatial": [], "temporal": []}
    for name, network in (("generator", networks.generator), *networks.discriminators.items()):
        network.register_forward_hook(lambda module, inputs, out, name=name: seen[name].append((inputs, out)))
    real_batch = batches_of(task, 3)
    turns = networks._draws.inputs(0, real_batch)
    networks.update(0, real_batch)
    for turn, (part,) in enumerate(turns):
        real, made = from_uint8(part.clips_NTHWC, torch.float32), seen["generator"][turn][1].detach()
        fake = torch.cat([real[:, :given], made], dim=1)
        whole = augment(fake if turn == 2 else torch.cat([real, fake]), part.augment_M7, ALL)
        assert part.augment_M7.shape == (3 if turn == 2 else 6, 7)
        seen_whole = seen["temporal"][turn][0][0]
        torch.testing.assert_close(seen_whole, whole, rtol=0, atol=2e-6)  # sums in the order of memory
        assert torch.equal(seen["spatial"][turn][0][0], pick_frames(seen_whole, part.frames_MK))


def test_clips_sides_and_steps_have_independent_draws_that_change_no_other_draws(task, tiny_settings):
    settings = {**tiny_settings, "batch_size": "8", "phi": "crop"}
    networks, plain = networks_for(task, settings, augment="cutout"), networks_for(task, settings)
    rows = torch.cat([draws.flatten(0, 1) for step in (0, 1) for draws in draws_of(networks, task, step)])
    assert rows.shape == (2 * (16 + 16 + 8), 7)
    assert len({tuple(row[:3].tolist()) for row in rows}) == len(rows)
    assert all(torch.equal(a, b) for a, b in zip(draws_of(networks, task), draws_of(networks, task), strict=True))
    real_batch = batches_of(task, 8)
    for turn, same in zip(networks._draws.inputs(0, real_batch), plain._draws.inputs(0, real_batch), strict=True):
        assert same[0].augment_M7 is None
        assert all(torch.equal(a, b) for a, b in zip(turn[0][:5], same[0][:5], strict=True))


def test_no_two_draws_of_an_update_share_a_stream(task, tiny_settings, monkeypatch):
    networks, seeds = networks_for(task, tiny_settings, phi="crop", augment=ALL, temporal_noise="0.1"), []
    owners = {"normal_variates": noise, "frame_draws": noise, "crop_corners": noise, "augment_draws": inputs_module,
              "noise_draws": inputs_module}  # fmt: skip
    for name, owner in owners.items():
        draw = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda seed, *rest, draw=draw: seeds.append(seed) or draw(seed, *rest))
    networks._draws.inputs(0, batches_of(task, 3))
    assert len(seeds) == len(set(seeds)) == 3 + 4 * 5  # latents of three steps; five sides


def test_draws_are_those_of_the_global_batch_in_any_number_of_parts_and_processes(task, tiny_settings):
    settings = {**tiny_settings, "batch_size": "8", "augment": ALL}
    whole = draws_of(networks_for(task, settings), task)
    parts = draws_of(networks_for(task, settings, accumulate="4"), task)
    worlds = [World(CPU) for _ in range(2)]
    for rank, world in enumerate(worlds):
        world.size, world.rank = 2, rank
    shared = [draws_of(networks_for(task, settings, world), task, count=4) for world in worlds]
    for turn, draws in enumerate(whole):
        assert torch.equal(parts[turn], draws)
        assert torch.equal(torch.cat([each[turn] for each in shared], dim=1), draws)


def test_an_update_whose_transformations_change_nothing_is_the_one_without(task, tiny_settings, monkeypatch):
    still = np.array([*STILL, 8, 8], np.float32)  # the square is outside the frame
    monkeypatch.setattr(inputs_module, "augment_draws", lambda seed, count, side: np.tile(still, (count, 1)))
    made = [networks_for(task, tiny_settings, augment=kinds) for kinds in ("none", "translation+cutout")]
    real_batch = batches_of(task, 3)
    losses = [networks.update(0, real_batch) for networks in made]
    assert torch.equal(*losses)
    plain, moved = (networks.tensors() for networks in made)
    assert all(torch.equal(plain[name], moved[name]) for name in plain)


def test_the_generator_learns_through_the_transformation(task, tiny_settings):
    networks, grads = networks_for(task, tiny_settings, augment="cutout", phi="identity", spatial_frames="5"), []

    def keep(module, inputs, out):
        if out.requires_grad:
            out.register_hook(grads.append)

    networks.generator.register_forward_hook(keep)
    real_batch = batches_of(task, 3)
    (part,) = networks._draws.inputs(0, real_batch)[-1]
    networks.update(0, real_batch)
    (grad,) = grads
    cut = augment(torch.ones_like(grad), part.augment_M7, "cutout") == 0
    assert 0 < cut.sum() < cut.numel()
    assert not grad[cut].any()
    assert (grad[~cut] != 0).float().mean() > 0.9


def test_the_setting_is_none_by_default_and_in_older_files_and_holds_for_a_whole_run(tmp_path, request_for):
    assert settings_from_text({}).augment == "none"
    values = settings_from_text({"augment": "colour+cutout"}).to_values()
    assert settings_from_values(values, "f").augment == "colour+cutout"
    del values["augment"]
    assert settings_from_values(values, "f").augment == "none"
    with pytest.raises(InputError, match="'augment' is 'color'; choose one of none, colour, translation"):
        settings_from_text({"augment": "color"})
    DVDGAN.train(request_for(tmp_path, 1, augment="colour"))
    with pytest.raises(InputError, match="augment=colour and cannot be resumed with augment=none"):
        DVDGAN.train(request_for(tmp_path, 2, augment="none"))
    DVDGAN.train(request_for(tmp_path, 2))
