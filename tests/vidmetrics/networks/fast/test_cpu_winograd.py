"""3x3x3 convolutions by tiles of four frames, against float64."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 - torch's own documentation writes it so

from vidmetrics.networks.fast.cpu_running import has_onednn
from vidmetrics.networks.fast.cpu_winograd import Cube, tiled
from vidmetrics.networks.fast.packing import fold
from vidmetrics.networks.i3d import _Unit

pytestmark = pytest.mark.skipif(not has_onednn(), reason="needs torch with oneDNN on an x86-64 processor")


@pytest.fixture(scope="module")
def unit():
    generator = torch.Generator().manual_seed(0)
    unit = _Unit(64, 48, 3).requires_grad_(False)
    unit.weight.normal_(0, (2 / 64 / 27) ** 0.5, generator=generator)
    unit.beta.normal_(0, 0.3, generator=generator)
    unit.get_buffer("mean").normal_(0, 0.3, generator=generator)
    unit.get_buffer("variance").uniform_(0.5, 1.5, generator=generator)
    return unit


@pytest.mark.parametrize("frames", [1, 3, 4, 6, 7, 8, 10, 12])
def test_every_frame_is_that_of_the_convolution_with_less_error_than_direct_sums(unit, frames):
    generator = torch.Generator().manual_seed(frames)
    x = torch.rand(1, 64, frames, 6, 5, generator=generator).contiguous(memory_format=torch.channels_last_3d)
    weight, bias = fold(unit)
    exact = F.conv3d(x.double(), weight, bias, padding=1).relu()
    cube = Cube(lambda: fold(unit), (8, 6, 5))
    with torch.inference_mode():
        for ours in (cube(x), cube._by_tiles(x)):  # both, whichever this length takes
            assert ours.shape == exact.shape
            wrong, right = ((y * y).sum((0, 1, 3, 4)).sqrt() for y in (ours - exact, exact))
            assert float((wrong / right).max()) < 1e-6
        direct = cube._direct(x)
    # Of few frames, the direct sums are shorter.
    assert not tiled(frames) or float((cube._by_tiles(x) - exact).norm()) < 1.2 * float((direct - exact).norm())


def test_lengths_that_are_mostly_padding_are_computed_directly():
    # Frames before the third pool of clips of 16, 12, 9 and 48 frames, and after it.
    assert [frames for frames in (8, 6, 5, 24, 4, 3, 12) if tiled(frames)] == [8, 24, 4, 12]
