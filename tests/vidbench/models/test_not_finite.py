"""Weights and outputs that are not finite are refused for any model that holds its networks in attributes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from vidbench.errors import InputError
from vidbench.models.choice import ModelChoice
from vidbench.models.interface import ModelTask, SampleRequest
from vidbench.models.not_finite import require_finite

TASK = ModelTask("tiny", 2, 0, 4, 4, ())


class Painter:
    """A model of somebody else, which turns floats into uint8 itself."""

    def __init__(self, network: nn.Module, place: str = "attribute") -> None:
        if place == "attribute":
            self.network = network
        elif place == "list":
            self.networks = [network]
        else:
            self.networks = {"only": network}
        self._call = network

    def sample(self, request):
        count = len(request.indices)
        levels = self._call(torch.ones(count, 3)).reshape(count, 1, 1, 1, 3).expand(count, 2, 4, 4, 3)
        with np.errstate(invalid="ignore"):
            return (255 * levels.detach().numpy()).astype(np.uint8)


def request(count=2):
    return SampleRequest(np.arange(count), np.arange(count, dtype=np.uint64), None, None, 2)


def load(network, place="attribute"):
    return ModelChoice("painter", lambda checkpoint, task, device: Painter(network, place), None).load(TASK, "cpu")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", ["attribute", "list", "dict"])
def test_a_weight_that_is_not_finite_is_refused_when_the_model_is_loaded(value, place):
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 3))
    with torch.no_grad():
        network[1].weight[2, 1] = value
    with pytest.raises(
        InputError, match=r"weights of the model 'painter' are not finite: '.*1\.weight' has .* at 1 of 12 places"
    ):
        load(network, place)


def test_outputs_that_become_nan_are_refused_when_they_are_computed():
    class Root(nn.Module):
        def forward(self, x):
            return {"frames": [torch.sqrt(x - 2)]}["frames"][0]

    model = load(Root())
    with pytest.raises(InputError, match="The model 'painter' computed NaN"):
        model.sample(request())


def test_what_is_finite_is_unchanged_and_masks_may_be_infinite():
    torch.manual_seed(0)
    network = nn.Linear(3, 3)
    network.register_buffer("mask", torch.full((3, 3), -math.inf).triu(1))
    network.register_buffer("steps", torch.zeros(1, dtype=torch.int64))
    expected = Painter(network).sample(request())
    assert np.array_equal(load(network).sample(request()), expected)
    require_finite(object(), "anything")
    network.mask[0, 0] = math.nan
    with pytest.raises(InputError, match=r"'network\.mask'"):
        load(network)


def test_a_model_that_is_a_module_is_checked_too():
    network = nn.Linear(3, 3)
    with torch.no_grad():
        network.bias[0] = math.nan
    with pytest.raises(InputError, match="'bias' has NaN"):
        require_finite(network, "net")
