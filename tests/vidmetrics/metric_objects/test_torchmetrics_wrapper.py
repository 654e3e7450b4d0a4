"""The wrapper behaves as `torchmetrics` expects of a metric, alone and in a collection, and has the value of the metric."""

from __future__ import annotations

import pytest
import torch

import vidmetrics
from tests.vidmetrics.metric_objects.rank_program import clips

torchmetrics = pytest.importorskip("torchmetrics", reason="the extra 'torchmetrics' is not installed")


def test_it_has_the_value_of_the_metric_and_keeps_real_clips():
    real, generated = torch.from_numpy(clips(1, 40)), torch.from_numpy(clips(0, 33))
    expected = vidmetrics.measure("fvd-shapes", real, generated)
    collection = torchmetrics.MetricCollection(
        {
            "fvd": vidmetrics.torchmetric("fvd-shapes", reset_real_features=False, layout="NTCHW"),
            "kvd": vidmetrics.torchmetric("kvd-shapes", reset_real_features=False, layout="NTCHW"),
        },
        compute_groups=False,
    )
    collection.update(real.permute(0, 1, 4, 2, 3), real=True)
    for _ in range(2):
        collection.update(generated.permute(0, 1, 4, 2, 3), real=False)
        found = collection.compute()
        assert found["fvd"].item() == expected.value
        assert found["kvd"].item() == vidmetrics.kvd_shapes(real, generated)
        collection.reset()
    fvd = collection["fvd"]
    assert fvd.estimate == expected
    assert (fvd.higher_is_better, isinstance(fvd, torchmetrics.Metric)) == (False, True)
    fvd.reset_real_features = True
    fvd.reset()
    fvd.update(generated.permute(0, 1, 4, 2, 3), real=False)
    with pytest.raises(vidmetrics.InputError, match="compares with real clips"):
        fvd.compute()


def test_several_ids_are_refused():
    with pytest.raises(vidmetrics.InputError, match="has one value, and a list of ids was given; make one for each id"):
        vidmetrics.torchmetric(["fvd-shapes", "kvd-shapes"])


def test_without_torchmetrics_it_says_what_to_do(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(vidmetrics.InputError, match="pip install torchmetrics"):
        vidmetrics.torchmetric("fvd-shapes")
