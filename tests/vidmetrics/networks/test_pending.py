"""Features that are started and asked for later, from arrays and from tensors wherever they are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from vidmetrics import InputError
from vidmetrics.networks import load_network
from vidmetrics.networks.network import Network
from vidmetrics.networks.pending import PendingFeatures

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"))]


def clips(count):
    return np.random.default_rng(count).integers(0, 256, (count, 12, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("device", DEVICES)
def test_a_tensor_has_the_features_of_the_array_to_the_bit(device):
    network = load_network("shapes", device=device)
    batches = [clips(3), clips(2)]
    expected = [network(batch) for batch in batches]
    started = [network.begin(torch.from_numpy(batch).to(device)) for batch in batches]
    for features, answer in zip(started, expected, strict=True):
        assert features.on_host().keys() == answer.keys()
        for name in answer:
            assert np.array_equal(features.on_host()[name], answer[name])
            assert features.on_device()[name].device.type == device
            assert np.array_equal(features.on_device()[name].cpu().numpy(), answer[name])
    assert network.overlaps == (device == "cuda")


def test_tensors_are_refused_as_arrays_are():
    network = load_network("shapes")
    with pytest.raises(InputError, match=r"accepts uint8 clips with values 0 to 255, not torch\.float32; convert them"):
        network(torch.zeros(1, 12, 32, 32, 3))
    with pytest.raises(InputError, match=r"accepts RGB clips \[N, T, H, W, 3\], not \[1, 3, 12, 32, 32\]"):
        network(torch.zeros(1, 3, 12, 32, 32, dtype=torch.uint8))
    assert network(torch.zeros(0, 12, 32, 32, 3, dtype=torch.uint8))["logits"].shape[0] == 0


@pytest.mark.parametrize("device", DEVICES)
def test_void_outputs_are_computed_again_when_they_are_asked_for(device):
    asked = []

    def repeat():
        asked.append(True)
        return {"logits": torch.full((1, 2), 7.0, device=device)}

    rows = {"logits": torch.full((1, 2), float("inf"), device=device)}
    void = PendingFeatures(rows, torch.tensor(1, dtype=torch.int32, device=device), repeat)
    assert not asked
    assert void.on_host()["logits"].tolist() == [[7.0, 7.0]]
    assert void.on_device()["logits"].tolist() == [[7.0, 7.0]]
    assert len(asked) == 1
    valid = PendingFeatures(rows, torch.tensor(0, dtype=torch.int32, device=device), repeat)
    assert np.isinf(valid.on_host()["logits"]).all()
    assert len(asked) == 1


class Body:
    """A body whose batches are void if they begin with 255."""

    outputs, min_frames, preprocessing, uploads = {"logits": 1}, 1, "none", True

    def begin(self, batch):
        return {"logits": batch[:, 0, 0, 0, :1].float()}, (batch[0, 0, 0, 0, 0] == 255).int()

    def repeat(self, batch):
        return {"logits": -batch[:, 0, 0, 0, :1].float()}


def test_a_body_says_which_batches_are_void():
    network = Network("b", Body(), device="cpu", precision="fast", weights_sha256="", proven=False)
    batches = [np.full((2, 1, 4, 4, 3), value, np.uint8) for value in (3, 255, 4)]
    started = [network.begin(batch) for batch in batches]
    assert [features.on_host()["logits"][1, 0] for features in started] == [3, -255, 4]
