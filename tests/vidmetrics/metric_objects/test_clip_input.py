"""Clips in the forms in which people have them, and what is refused because it could mean two things."""

from __future__ import annotations

import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from vidmetrics import InputError
from vidmetrics.metric_objects.clip_input import uint8_batches
from vidmetrics.metric_objects.pixel_values import _array_levels, _tensor_levels

CLIPS = np.random.default_rng(0).integers(0, 256, (7, 4, 5, 6, 3), np.uint8)


def taken(clips, layout=None, value_range=None):
    batches = list(uint8_batches(clips, layout, value_range, "generated clips"))
    assert all(batch.dtype == np.uint8 and batch.flags.c_contiguous for batch in batches)
    return np.concatenate(batches)


def test_every_form_gives_the_same_clips():
    tensor = torch.from_numpy(CLIPS)
    forms = [
        (CLIPS, {}),
        (tensor, {}),
        (list(CLIPS), {}),
        (iter([CLIPS[:3], tensor[3:]]), {}),
        (DataLoader(TensorDataset(tensor, torch.arange(7)), batch_size=3), {}),
        ([(clip, 5) for clip in CLIPS], {}),
        (CLIPS.transpose(0, 1, 4, 2, 3), {"layout": "NTCHW"}),
        (tensor.permute(0, 4, 1, 2, 3), {"layout": "NCTHW"}),
        (CLIPS, {"layout": "NTHWC", "value_range": (0, 1)}),
        (CLIPS / 255, {"value_range": (0, 1)}),
        (tensor.permute(0, 4, 1, 2, 3).float() / 127.5 - 1, {"layout": "NCTHW", "value_range": (-1, 1)}),
        (CLIPS.astype(np.float16), {"value_range": (0, 255)}),
        (tensor.to(torch.bfloat16), {"value_range": (0.0, 255.0)}),
    ]
    for number, (clips, said) in enumerate(forms):
        assert np.array_equal(taken(clips, **said), CLIPS), number


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 255)])
def test_floats_are_rounded_to_nearest(low, high):
    values = np.random.default_rng(1).uniform(low, high, (2, 1, 40, 50, 3)).astype(np.float32)
    values.reshape(-1)[:4] = low, high, np.nextafter(np.float32(low), np.float32(9)), (low + high) / 3
    exact = [(Fraction(float(value)) - low) * 255 / (high - low) for value in values.reshape(-1)]
    nearest = np.array([int(level + Fraction(1, 2)) for level in exact], np.uint8).reshape(values.shape)
    assert np.array_equal(taken(values, value_range=(low, high)), nearest)
    assert np.array_equal(taken(torch.from_numpy(values), value_range=(low, high)), nearest)


@pytest.mark.parametrize(
    ("clips", "said", "sentence"),
    [
        (
            CLIPS / 255,
            {},
            r"are float64 from 0 to 1, and nothing says .* value_range=\(0, 1\), \(-1, 1\) or \(0, 255\)",
        ),
        (CLIPS / 255, {"value_range": (0, 2)}, r"value_range=\(0, 2\) is not one"),
        (CLIPS / 255, {"value_range": 1}, "value_range=1 is not one"),
        (
            CLIPS / 254,
            {"value_range": (0, 1)},
            r"generated clip \d has the value 1.003937, outside value_range=\(0, 1\)",
        ),
        (
            np.full((1, 2, 3, 3, 3), np.nextafter(np.float32(1), np.float32(2))),
            {"value_range": (0, 1)},
            r"the value 1\.00000012, outside value_range=\(0, 1\)",
        ),
        (
            np.full((1, 2, 3, 3, 3), np.nextafter(1, 2)),
            {"value_range": (0, 1)},
            r"the value 1\.0000000000000002, outside value_range=\(0, 1\)",
        ),
        (CLIPS / 128 - 1.001, {"value_range": (-1, 1)}, r"clip 0 has the value -1.001, outside value_range=\(-1, 1\)"),
        (
            np.where(CLIPS[5, 0, 0, 0, 0] == CLIPS, np.nan, 0.5)[5:],
            {"value_range": (0, 1)},
            "clip 0 has NaN or infinite",
        ),
        (CLIPS.astype(np.int64), {}, "dtype int64, and uint8"),
        (CLIPS > 3, {"value_range": (0, 1)}, "dtype bool, and uint8"),
        (
            CLIPS.transpose(0, 1, 4, 2, 3),
            {},
            r"\[7, 4, 3, 5, 6\], and layout='NTHWC', which is .*; pass layout='NTCHW'",
        ),
        (CLIPS.transpose(0, 4, 1, 2, 3), {}, "pass layout='NCTHW', if"),
        (CLIPS[:, :3].transpose(0, 1, 4, 2, 3), {}, "pass layout='NTCHW' or layout='NCTHW', if"),
        (CLIPS, {"layout": "NTCHW"}, "layout='NTCHW', as said, has the three channels in axis 2; pass layout='NTHWC'"),
        (CLIPS[..., :1], {}, r"\[7, 4, 5, 6, 1\].*RGB clips are needed"),
        (CLIPS, {"layout": "NHWC"}, "layout='NHWC' is not known"),
        (CLIPS[0], {}, r"shape \[4, 5, 6, 3\].*a single clip is clips\[None\]"),
        (torch.from_numpy(CLIPS[0, 0]), {}, "clips have five axes"),
        (CLIPS[:, :0], {}, "an axis of length 0"),
        ("clips/", {}, "are the path 'clips/'; vidbench.measure reads folders"),
        (Path("clips.npy"), {}, "are the path 'clips.npy'"),
        ({"video": CLIPS}, {}, "of type dict; pass"),
        ([{"video": CLIPS}], {}, "item 0 of the generated clips is a mapping with the keys 'video'"),
        ([CLIPS, np.arange(7)], {}, r"item 1 of the generated clips have shape \[7\]"),
        ([[CLIPS[0], CLIPS[1]]], {}, "item 0 .* is a list of 2 arrays of clips, and which of them"),
        ([(7, CLIPS)], {}, "is a tuple that does not begin with clips"),
        ([3], {}, "item 0 .* of type int"),
        (3, {}, "of type int"),
    ],
)
def test_what_could_mean_two_things_is_refused(clips, said, sentence):
    with pytest.raises(InputError, match=sentence):
        taken(clips, **said)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 255)])
def test_a_tensor_on_a_gpu_is_converted_there_to_the_same_levels(low, high):
    # The function that a tensor on a GPU takes, on one that is not; ties between levels are among the values.
    values = np.random.default_rng(2).uniform(low, high, 10_000).astype(np.float32)
    values[:511] = (np.arange(511) / 510 * (high - low) + low).astype(np.float32)
    expected = _array_levels(values, (low, high), "clip 0")
    assert np.array_equal(_tensor_levels(torch.from_numpy(values), (low, high), "clip 0"), expected)
    for bad, sentence in ((np.nan, "NaN or infinite"), (high * 1.01, "outside value_range")):
        values[7] = bad
        for levels_of, part in ((_array_levels, values), (_tensor_levels, torch.from_numpy(values))):
            with pytest.raises(InputError, match=f"clip 0 has .*{sentence}"):
                levels_of(part, (low, high), "clip 0")


def test_a_tensor_of_five_axes_is_one_set_of_clips_and_never_batches():
    class Watched(torch.Tensor):
        def __iter__(self):
            raise AssertionError("iterated")

    watched = torch.from_numpy(CLIPS).as_subclass(Watched)
    assert np.array_equal(taken(watched), CLIPS)


def test_clips_of_a_range_that_ends_at_1_are_noticed_where_white_is_255():
    floats, bits = (CLIPS / 255).astype(np.float32), (CLIPS > 127).astype(np.uint8)
    for clips, said, sentence in (
        (
            floats,
            {"value_range": (0, 255)},
            r"clips are float32 from 0 to 1, and with .*\(0, 255\) white is 255: if it is 1",
        ),
        (torch.from_numpy(floats[:, None, 0] / 3), {"value_range": (0, 255)}, "are float32 from 0 to 0.3333, and with"),
        (iter([bits[:3], torch.from_numpy(bits[3:])]), {}, "are uint8 with the levels 0 and 1 alone, and white is 255"),
    ):
        with pytest.warns(UserWarning, match=sentence) as warned:
            taken(clips, **said)
        assert len(warned) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        taken([*bits[:3], CLIPS[3]])
        taken(floats, value_range=(0, 1))
        for level in (0, 1):
            taken(np.full_like(CLIPS, level))
            taken(np.full(CLIPS.shape, level / 2), value_range=(0, 255))
