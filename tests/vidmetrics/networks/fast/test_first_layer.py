"""The first layer with the resize inside its weights against resize and convolution one after the other, in float64."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812

from vidmetrics.networks.fast.bilinear_tables import bilinear_tables
from vidmetrics.networks.fast.first_layer import (
    MOST_CLASSES,
    geometry,
    identity,
    identity_axis,
    pack_first_layer,
    resized_axis,
)
from vidmetrics.networks.fast.operators import Pixels
from vidmetrics.networks.fast.torch_operators import TorchOperators
from vidmetrics.networks.i3d import same_padding
from vidmetrics.networks.preprocessing import Preprocessing

PIXELS = Preprocessing((("tf1-bilinear", 224),))


def first(size, num_frames, pixels=PIXELS, planes=2):
    """Return ours and the plain layer on one clip, ``[T / 2, 112, 112, 64]``."""
    random = torch.Generator().manual_seed(0)
    clips = torch.randint(0, 256, (1, num_frames, *size, 3), dtype=torch.uint8, generator=random)
    weight = torch.randn(64, 3, 7, 7, 7, generator=random).double() * (2 / 1029) ** 0.5
    bias = torch.randn(64, generator=random).double() * 0.1
    x = pixels(clips).double()
    padded = F.pad(x, same_padding(x.shape[2:], (7, 7, 7), (2, 2, 2)))
    theirs = F.conv3d(padded, weight, bias, stride=2).relu()[0].permute(1, 2, 3, 0)
    tables = bilinear_tables(*size, pixels.resized) if pixels.changes(*size) else None
    shape = geometry(tables, 224) if tables else identity(224)
    assert shape is not None
    layout = Pixels(shape, num_frames, 1)
    memory, overflow = layout.zeros(1, torch.device("cpu")), torch.zeros(1, dtype=torch.int32)
    operators = TorchOperators(torch.float32)
    operators.place(clips, layout, memory)
    ours = operators.first_layer(memory, layout, 1, pack_first_layer(weight, bias, shape, planes), overflow)
    return ours.double().sum(0)[0], theirs


def distance(ours, theirs):
    return float((ours - theirs).norm() / theirs.norm())


@pytest.mark.parametrize(
    ("size", "num_frames"), [((64, 64), 5), ((64, 64), 4), ((224, 224), 4), ((48, 64), 3), ((128, 112), 3)], ids=str
)
def test_resize_and_convolution_are_one(size, num_frames):
    ours, theirs = first(size, num_frames)
    assert ours.shape == theirs.shape
    # 6e-6 is what float32 positions of the definition are off exact ones at 128 pixels.
    assert distance(ours, theirs) < (1e-6 if size == (224, 224) else 1e-5)
    edges = [(slice(None), row, slice(None)) for row in (0, 1, 110, 111)]
    assert all(distance(ours[edge], theirs[edge]) < 2e-5 for edge in edges)


def test_one_plane_of_weights_is_fp16():
    ours, theirs = first((64, 64), 3, planes=1)
    assert 1e-5 < distance(ours, theirs) < 5e-4


def test_half_pixel_centres_too():
    ours, theirs = first((64, 64), 3, Preprocessing((("bilinear", 224),)))
    assert distance(ours, theirs) < 1e-5


@pytest.mark.parametrize(("size", "classes", "span"), [(64, 12, 4), (112, 4, 4), (128, 13, 8)])
def test_few_outputs_have_weights_of_their_own(size, classes, span):
    shape = geometry(bilinear_tables(size, size, PIXELS.resized), 224)
    assert len(shape.columns.weights) == classes <= MOST_CLASSES
    assert shape.columns.span == span
    outputs = sorted(run.first + i * run.step for run in shape.columns.runs for i in range(run.count))
    assert outputs == list(range(112))


@pytest.mark.parametrize("size", [200, 256, 300])
def test_sizes_without_a_short_period_are_resized_before(size):
    assert geometry(bilinear_tables(size, size, PIXELS.resized), 224) is None


def test_a_window_of_the_widest_span_is_accepted():
    # Without a resize, seven taps see seven pixels.
    axis = resized_axis(torch.eye(32), (3, 7))
    assert axis is not None
    assert (axis.span, axis.size) == (7, 32)
    assert resized_axis(torch.eye(32), (3, 6)) is None


@pytest.mark.parametrize("size", [48, 63, 64, 111, 112, 128])
def test_rows_of_a_frame_begin_at_even_pixels(size):
    shape = geometry(bilinear_tables(64, size, PIXELS.resized), 224)
    for layout in (Pixels(identity(size), 3, 1), *([Pixels(shape, 3, 1)] if shape else [])):
        rows, columns = layout.shape.rows, layout.shape.columns
        least = columns.before + columns.size + columns.after
        assert layout.frame == (rows.before + rows.size + rows.after, 2 * ((least + 1) // 2))


def test_frames_as_high_as_the_input_have_windows_and_higher_ones_have_none():
    assert geometry(bilinear_tables(224, 64, PIXELS.resized), 224) is not None
    assert geometry(bilinear_tables(64, 224, PIXELS.resized), 224) is not None
    assert geometry(bilinear_tables(225, 64, PIXELS.resized), 224) is None


@pytest.mark.parametrize(("size", "span"), [(224, 7), (224, 8), (31, 8), (7, 7)])
def test_the_zeros_around_a_frame_end_with_its_last_window(size, span):
    axis = identity_axis(size, span)
    outputs = [
        (run.first + i * run.step, run.start + i * run.start_step) for run in axis.runs for i in range(run.count)
    ]
    assert outputs == [(i, 2 * i) for i in range((size + 1) // 2)]
    assert max(run.count for run in axis.runs) <= 16
    assert axis.before + axis.size + axis.after == outputs[-1][1] + span
    # Seven taps, of which zeros of "SAME" padding take the larger half at the end.
    zeros = max(2 * ((size + 1) // 2 - 1) + 7 - size, 0)
    assert axis.before == zeros // 2
