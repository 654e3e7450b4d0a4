"""Tables read off the resizers give what the resizers give."""

from __future__ import annotations

import pytest
import torch

from vidmetrics.networks.fast.bilinear_tables import bilinear_tables
from vidmetrics.networks.preprocessing import Preprocessing

SIZES = [(64, 64), (20, 28), (224, 300), (240, 320), (97, 41), (256, 256)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "pixels",
    [
        Preprocessing((("tf1-bilinear", 224),)),
        Preprocessing((("bilinear", 224),)),
        Preprocessing((("bilinear", 224),), "center"),
    ],
    ids=lambda pixels: pixels.id,
)
def test_tables_are_the_resize(size, pixels):
    tables = bilinear_tables(*size, pixels.resized)
    assert tables is not None
    rows, columns = tables
    frame = torch.rand(1, *size, 1, generator=torch.Generator().manual_seed(1))
    ours = rows.matrix @ frame[0, :, :, 0].double() @ columns.matrix.T
    theirs = pixels.resized(frame)[0, :, :, 0].double()
    assert ours.shape == theirs.shape == (224, 224)
    assert float((ours - theirs).abs().max()) < 1e-6


def test_weights_are_the_resizers_own_float32():
    rows, _ = bilinear_tables(64, 64, Preprocessing((("tf1-bilinear", 224),)).resized)
    source = torch.arange(224, dtype=torch.float32) * (torch.tensor(64.0) / torch.tensor(224.0))
    assert torch.equal(rows.lower, source.floor().int())
    assert torch.equal(rows.weight, source - source.floor()) or torch.equal(
        rows.weight[:-4], (source - source.floor())[:-4]
    )


@pytest.mark.parametrize(
    ("size", "pixels"),
    [
        ((300, 300), Preprocessing((("bilinear-antialias", 224),))),
        ((300, 300), Preprocessing((("bilinear", 128), ("bilinear", 224)))),
    ],
    ids=["antialias", "two resizes"],
)
def test_what_is_not_bilinear_has_no_tables(size, pixels):
    assert bilinear_tables(*size, pixels.resized) is None
