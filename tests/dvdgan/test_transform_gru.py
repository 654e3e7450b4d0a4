"""TrIVD-GAN's transformation-based recurrent unit against slow, independent numpy versions."""

import numpy as np
import pytest
import torch

from dvdgan.generator import recurrence
from dvdgan.layers import initialise, spectral_layers, use_plain_weights
from dvdgan.settings_text import settings_from_text
from dvdgan.transform_gru import TransformGRU, move
from tests.dvdgan.test_layers import slow_conv
from vidbench.models import InputError


def cubic(t: float) -> float:
    """Keys' kernel with a = -0.75."""
    a, t = -0.75, abs(t)
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a if t < 2 else 0.0


def slow_move(maps: np.ndarray, flow: np.ndarray, ring: bool) -> np.ndarray:
    """Move [S, H, W] along flows [2F, H, W] in 32nds of the side, pixel by pixel."""
    state, height, width = maps.shape
    flows = len(flow) // 2
    out = np.zeros(maps.shape)
    for s, y, x in np.ndindex(maps.shape):
        k = s // (state // flows)
        at_x, at_y = x + flow[k, y, x] * width / 32, y + flow[flows + k, y, x] * width / 32
        for row in range(int(np.floor(at_y)) - 1, int(np.floor(at_y)) + 3):
            for column in range(int(np.floor(at_x)) - 1, int(np.floor(at_x)) + 3):
                there = column % width if ring else min(max(column, 0), width - 1)
                value = maps[s, min(max(row, 0), height - 1), there]
                out[s, y, x] += value * cubic(at_x - column) * cubic(at_y - row)
    return out


@pytest.mark.parametrize("ring", [False, True])
def test_a_state_moves_along_its_flows(ring):
    rng = np.random.default_rng(0)
    maps, flow = rng.normal(size=(2, 4, 5, 6)), rng.normal(size=(2, 4, 5, 6)) * 20
    got = move(torch.from_numpy(maps).float(), torch.from_numpy(flow).float(), ring).numpy()
    for n in range(2):
        np.testing.assert_allclose(got[n], slow_move(maps[n], flow[n], ring), rtol=1e-3, atol=1e-4)


def test_whole_pixels_move_exactly_and_only_a_ring_brings_back_what_left():
    maps = torch.rand(1, 2, 8, 8, dtype=torch.bfloat16)
    right = torch.zeros(1, 2, 8, 8)
    right[:, 0] = -3 * 32 / 8  # each place takes what is three pixels to its left
    around, border = move(maps, right, ring=True), move(maps, right, ring=False)
    assert around.dtype == torch.bfloat16
    torch.testing.assert_close(around, maps.roll(3, dims=3), rtol=0, atol=1e-2)
    torch.testing.assert_close(border[..., 3:], maps[..., :-3], rtol=0, atol=1e-2)
    torch.testing.assert_close(border[..., :3], maps[..., :1].expand(-1, -1, -1, 3), rtol=0, atol=1e-2)


def test_repeated_shifts_blur_less_than_with_bilinear_sampling():
    wave = torch.tensor([1.0, 0, -1, 0]).repeat(8).expand(1, 1, 32, 32)
    half = torch.zeros(1, 2, 32, 32)
    half[:, 0] = 0.5
    moved = wave
    for _ in range(11):
        moved = move(moved, half, ring=True)
    amplitude = float((moved.square().mean() * 2) ** 0.5)
    assert amplitude == pytest.approx(0.73, abs=0.01)
    assert np.cos(np.pi / 4) ** 11 == pytest.approx(0.02, abs=0.005)  # the means of neighbours


@pytest.mark.parametrize(("steps", "ring"), [(1, False), (2, True)])
def test_the_unit_follows_its_equations(steps, ring):
    inputs, state, frames = 3, 4, 3
    gru = TransformGRU(inputs, state, steps, flows=2, ring=ring)
    rng = torch.Generator().manual_seed(0)
    initialise(gru, rng)
    with torch.no_grad():
        for layer in spectral_layers(gru):
            layer.bias.copy_(torch.randn(layer.bias.shape, generator=rng))
    use_plain_weights(gru)
    x, first = torch.randn(2, frames, inputs, 6, 6), torch.rand(2, state, 6, 6)
    got = gru(x, frames, first).unflatten(0, (2, frames)).detach().numpy()
    layers = (gru.reset, gru.flow, gru.update, gru.candidate)
    (wr, br), (wf, bf), (wu, bu), (wc, bc) = ((g.weight.detach().numpy(), g.bias.detach().numpy()) for g in layers)
    for n in range(2):
        h = first[n].numpy()
        for t in range(frames):
            now = x[n, t].numpy()
            for _ in range(steps):
                both = np.concatenate([h, now])
                m = slow_move(h, slow_conv(np.maximum(slow_conv(both, wr, br), 0), wf, bf), ring)
                u = 1 / (1 + np.exp(-slow_conv(both, wu, bu)))
                h = u * m + (1 - u) * np.maximum(slow_conv(np.concatenate([m, now]), wc, bc), 0)
            np.testing.assert_allclose(got[n, t], h, rtol=2e-3, atol=2e-4)


def test_flows_that_do_not_divide_the_state_are_refused():
    with pytest.raises(
        InputError, match="'warp_flows' is 3 and a recurrence has 4 channels; give a number that divides"
    ):
        recurrence(8, 4, settings_from_text({"recurrence": "tsru", "warp_flows": "3"}))
