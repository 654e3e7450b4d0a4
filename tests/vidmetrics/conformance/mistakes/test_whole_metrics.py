"""Mistakes in whole metrics: the parts that are not mistaken are those of the networks, and the others are what they say."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vidmetrics
from vidmetrics.conformance.mistakes import whole_metrics
from vidmetrics.conformance.recipes import WEIGHTS
from vidmetrics.conformance.seeded_inception import seeded_inception_weights
from vidmetrics.networks import inception
from vidmetrics.networks.inception import AVERAGE, MAXIMUM, SHRINK, Inception

CLIPS = np.random.default_rng(0).integers(0, 256, (2, 1, 9, 7, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def inputs():
    return {f"{WEIGHTS}{name}": value for name, value in seeded_inception_weights(3).items()}


def test_the_correct_settings_are_those_of_the_network(inputs):
    network = Inception.from_tensors(seeded_inception_weights(3))
    with torch.inference_mode():
        expected = network(torch.from_numpy(CLIPS))
    found = whole_metrics._inception()(inputs, CLIPS)
    assert set(found) >= set(network.outputs)
    for name in network.outputs:
        np.testing.assert_allclose(found[name], expected[name].numpy(), rtol=1e-4, atol=1e-4)
    # Another scale is another network input.
    scaled = whole_metrics._inception(scale=(1 / 127.5, -1.0))(inputs, CLIPS[:1])
    assert np.abs(scaled["pool"] - found["pool"][:1]).max() > 1e-3


def test_pools():
    x_NCHW = torch.randn(2, 3, 7, 7, generator=torch.Generator().manual_seed(0)).double()
    for kind in (AVERAGE, MAXIMUM, SHRINK):
        right = inception._pool(x_NCHW, kind)
        assert torch.equal(whole_metrics._right_pool()(x_NCHW, kind), right)
        if kind != AVERAGE:
            assert torch.equal(whole_metrics._counting_the_padding(x_NCHW, kind), right)
        if kind != MAXIMUM:
            assert torch.equal(whole_metrics._average_in_the_last_block(x_NCHW, kind), right)
    average = whole_metrics._average_in_the_last_block(x_NCHW, MAXIMUM)
    assert torch.equal(average, inception._pool(x_NCHW, AVERAGE))
    # The sum of a corner over its four pixels, and over nine where zeros count.
    corner = float(x_NCHW[0, 0, :2, :2].sum())
    assert float(average[0, 0, 0, 0]) == pytest.approx(corner / 4, rel=1e-12)
    assert float(whole_metrics._counting_the_padding(x_NCHW, AVERAGE)[0, 0, 0, 0]) == pytest.approx(
        corner / 9, rel=1e-12
    )


def test_a_replaced_pool_is_in_place_only_while_features_are_computed(monkeypatch):
    seen = []
    monkeypatch.setattr(whole_metrics, "_inception", lambda: lambda inputs, clips: seen.append(inception._pool) or {})
    right = inception._pool
    assert whole_metrics._pooled_otherwise(whole_metrics._counting_the_padding)({}, CLIPS) == {}
    assert seen == [whole_metrics._counting_the_padding]
    assert inception._pool is right


@pytest.mark.parametrize("ddof", [0, 1])
def test_distances_of_few_rows_with_many_features(ddof):
    rng = np.random.default_rng(1)
    rows = {"real_clips": rng.normal(size=(5, 30)), "generated_clips": rng.normal(0.3, 1, (7, 30))}
    answer = whole_metrics._distance(lambda _, clips: {"pool": clips}, "pool", *([] if ddof else [0]))
    a, b = rows["real_clips"], rows["generated_clips"]
    moments = [part for side in (a, b) for part in (side.mean(0), np.cov(side.T, ddof=ddof))]
    assert answer(rows, {}) == pytest.approx(vidmetrics.frechet_distance(*moments), rel=1e-8)
