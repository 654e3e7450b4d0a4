"""Features of a network on a GPU are summed in the blocks in which the command sums them there."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vidmetrics import Moments, get_metric
from vidmetrics.estimators.jackknife_groups import ClipKeys
from vidmetrics.estimators.registry import make_estimator
from vidmetrics.metric_objects.reduction import estimate_of, gpu_of, reference_of
from vidmetrics.statistics.tensor_moments import to_sum

FVD = get_metric("fvd-shapes")
ROWS = np.random.default_rng(0).normal(5, 1, (2, 4500, 3)).astype(np.float32)


@pytest.mark.parametrize("on_gpu", [False, True])
def test_features_are_summed_as_the_command_sums_them(on_gpu):
    # A processor takes the place of the GPU.
    network = SimpleNamespace(overlaps=on_gpu, device=torch.device("cpu"))
    device = gpu_of(network)
    assert (device is not None) == on_gpu
    shards = [ROWS[1][start : start + 64] for start in range(0, 4500, 64)]
    expected = Moments(3)
    for block in to_sum(shards, device):
        expected.update(block)
    reference = reference_of(FVD, ROWS[1], 4500, network)
    assert np.array_equal(reference.covariance, expected.covariance)
    keys = np.arange(4500, dtype=np.uint64) // 2
    estimator = make_estimator(FVD, 3, 4500, keys=ClipKeys(keys))
    for block in to_sum((ROWS[0][start : start + 64] for start in range(0, 4500, 64)), None):
        estimator.update(block)
    estimate, remark = estimate_of(FVD, ROWS[0], 4500, reference, 4500, network, ClipKeys(keys))
    assert estimate == estimator.result(expected)
    assert remark is None
