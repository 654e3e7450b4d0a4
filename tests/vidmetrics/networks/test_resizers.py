"""The named resizers, against a slow numpy oracle written from the definition, and torch's own interpolate."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidmetrics import InputError
from vidmetrics.networks.resize import RESIZERS, center_crop, resize_bilinear, short_side_size

SIZES = [(7, 5, 11, 13), (13, 17, 31, 9), (31, 64, 17, 23), (48, 80, 37, 41), (9, 9, 9, 9), (1, 1, 3, 4), (5, 6, 1, 1)]


def weights_by_definition(size_in: int, size_out: int, name: str) -> np.ndarray:
    """The weight of each source pixel in each output pixel, float64 [size_out, size_in], one entry at a time."""
    scale = size_in / size_out
    table = np.zeros((size_out, size_in))
    for i in range(size_out):
        if name == "bilinear-antialias":
            # A triangle around the half-pixel centre, widened when reducing, cut at the border, with sum 1.
            support = max(scale, 1.0)
            centre = (i + 0.5) * scale
            for j in range(size_in):
                table[i, j] = max(0.0, 1 - abs(j + 0.5 - centre) / support)
            table[i] /= table[i].sum()
            continue
        source = i * scale if name == "tf1-bilinear" else max(0.0, (i + 0.5) * scale - 0.5)
        lower = min(int(np.floor(source)), size_in - 1)
        upper = min(lower + 1, size_in - 1)
        table[i, lower] += 1 - (source - lower)
        table[i, upper] += source - lower
    return table


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", list(RESIZERS))
def test_equals_the_definition(name, size):
    height, width, out_height, out_width = size
    frames = np.random.default_rng(size).integers(0, 256, (2, height, width, 3)).astype(np.float32)
    rows, columns = weights_by_definition(height, out_height, name), weights_by_definition(width, out_width, name)
    expected = np.einsum("yi,xj,nijc->nyxc", rows, columns, frames.astype(np.float64))
    ours = RESIZERS[name](torch.from_numpy(frames), out_height, out_width)
    assert ours.dtype == torch.float32
    # Source positions are float32 in all three, which moves a weight by up to 1e-5 of a step of 255.
    np.testing.assert_allclose(ours.numpy(), expected, atol=3e-3)


@pytest.mark.parametrize("antialias", [False, True])
def test_equals_torch_whatever_the_layout(antialias):
    frames = torch.rand(2, 3, 40, 30, generator=torch.Generator().manual_seed(0))
    theirs = torch.nn.functional.interpolate(frames, (17, 56), mode="bilinear", antialias=antialias)
    resizer = RESIZERS["bilinear-antialias" if antialias else "bilinear"]
    for frames_NHWC in (frames.permute(0, 2, 3, 1), frames.permute(0, 2, 3, 1).contiguous()):
        assert torch.equal(resizer(frames_NHWC, 17, 56).permute(0, 3, 1, 2), theirs)


def test_the_resizers_differ_where_they_should():
    frames = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (1, 32, 32, 3)).astype(np.float32))
    smaller = {name: resizer(frames, 13, 13) for name, resizer in RESIZERS.items()}
    larger = {name: resizer(frames, 56, 56) for name, resizer in RESIZERS.items()}
    same = [resizer(frames, 32, 32) for resizer in RESIZERS.values()]
    assert all(torch.equal(resized, frames) for resized in same)
    assert (smaller["bilinear"] - smaller["bilinear-antialias"]).abs().mean() > 10
    assert (larger["bilinear"] - larger["bilinear-antialias"]).abs().max() < 1e-3
    for sizes in (smaller, larger):
        assert (sizes["bilinear"] - sizes["tf1-bilinear"]).abs().mean() > 10


def test_the_short_side_as_published():
    assert short_side_size(64, 64, 224) == (224, 224)
    assert short_side_size(240, 320, 224) == (224, 299)  # 298.67
    assert short_side_size(320, 240, 224) == (299, 224)
    assert short_side_size(224, 500, 224) == (224, 500)
    # 41 * (224 / 41) is slightly more than 224 in float64, which the published ceiling rounds up to another row.
    assert 41 * (224 / 41) > 224
    assert short_side_size(41, 41, 224) == (225, 224)


def test_the_central_square():
    frames = torch.arange(5 * 8.0).reshape(1, 5, 8, 1)
    assert center_crop(frames, 4)[0, :, :, 0].tolist() == [[y * 8 + x for x in range(2, 6)] for y in range(4)]
    assert torch.equal(center_crop(frames[:, :, :5], 5), frames[:, :, :5])
    with pytest.raises(InputError, match=r"6x6.*5x8"):
        center_crop(frames, 6)


def test_bad_frames_are_refused():
    for resizer in RESIZERS.values():
        with pytest.raises(InputError, match="float32"):
            resizer(torch.zeros(1, 4, 4, 3, dtype=torch.uint8), 2, 2)
        with pytest.raises(InputError, match="2x0"):
            resizer(torch.zeros(1, 4, 4, 3), 0, 2)
    with pytest.raises(InputError, match=r"\[4, 4, 3\]"):
        resize_bilinear(torch.zeros(4, 4, 3), 2, 2)
