"""Moments of torch tensors on a processor, and on a GPU if one is available."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidmetrics import InputError, Moments
from vidmetrics.statistics.tensor_moments import TensorMoments

CPU = torch.device("cpu")


def far_rows(count, dim=5):
    rng = np.random.default_rng(count)
    return (rng.normal(size=(count, dim)) * [1, 10, 0.1, 3, 1][:dim] + [1e4, -1e4, 0, 5, 1][:dim]).astype(np.float32)


def test_they_are_those_of_numpy_for_any_batches():
    rows = far_rows(4200)  # more than are multiplied at once
    moments = TensorMoments(5, CPU)
    for part in torch.from_numpy(rows).split([1, 0, 3, 4196]):
        assert moments.update(part)
    count, mean, scatter = moments.on_host()
    exact = rows.astype(np.longdouble)
    centred = exact - exact.mean(axis=0)
    assert count == 4200
    assert mean.dtype == scatter.dtype == np.float64
    assert mean == pytest.approx(exact.mean(axis=0).astype(np.float64), rel=1e-13)
    assert scatter == pytest.approx((centred.T @ centred).astype(np.float64), rel=1e-9, abs=1e-6)
    assert np.array_equal(scatter, scatter.T)


@pytest.mark.parametrize(
    "wrong",
    [
        torch.zeros(3),
        torch.zeros(2, 4),
        torch.zeros(2, 5, dtype=torch.bool),
        torch.zeros(2, 5, dtype=torch.complex64),
        torch.full((2, 5), float("nan")),
        torch.full((2, 5), float("inf")),
    ],
    ids=str,
)
def test_what_is_refused_is_not_added(wrong):
    moments = TensorMoments(5, CPU)
    assert moments.update(torch.from_numpy(far_rows(10)))
    before = moments.on_host()
    assert not moments.update(wrong)
    assert all(np.array_equal(a, b) for a, b in zip(before, moments.on_host(), strict=True))


def test_sums_on_a_device_and_here_are_one():
    rows = far_rows(300)
    mixed, plain = Moments(5), Moments(5)
    mixed.update(rows[:100])
    assert mixed._add_tensor(torch.from_numpy(rows[100:250]))
    assert mixed.count == 250
    mixed.update(rows[250:])
    plain.update(rows)
    twin = mixed.copy()
    for moments in (mixed, twin):
        assert moments.count == 300
        assert moments.mean == pytest.approx(plain.mean, rel=1e-13)
        assert moments.covariance == pytest.approx(plain.covariance, rel=1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16, torch.int64])
def test_a_tensor_of_the_processor_is_summed_like_an_array(dtype):
    tensor = torch.arange(12).reshape(4, 3).to(dtype).requires_grad_(dtype.is_floating_point)
    moments, arrays = Moments(3), Moments(3)
    moments.update(tensor)
    arrays.update(np.arange(12.0).reshape(4, 3))
    assert np.array_equal(moments.covariance, arrays.covariance)
    with pytest.raises(InputError, match=r"features of sample 5 contain NaN"):
        moments.update(torch.tensor([[0.0, 0, 0], [0, float("nan"), 0]]))
    assert moments.count == 4


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_tensor_on_a_gpu_is_summed_there():
    rows = far_rows(500)
    there, here = Moments(5), Moments(5)
    there.update(torch.from_numpy(rows).cuda())
    assert list(there._on_devices) == ["cuda:0"]
    here.update(rows)
    assert there.covariance == pytest.approx(here.covariance, rel=1e-9)
    with pytest.raises(InputError, match=r"sample 501 contain NaN"):
        there.update(torch.tensor([[0.0] * 5, [float("nan")] * 5], device="cuda"))
