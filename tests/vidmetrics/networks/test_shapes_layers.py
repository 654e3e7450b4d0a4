"""The shapes network layer by layer, written out with the published sizes and strides."""

from __future__ import annotations

import torch
from torch.nn import functional as F  # noqa: N812

from vidmetrics.networks.moving_shapes import preprocess
from vidmetrics.networks.shapes import ShapesNetwork

STRIDES = ((1, 2, 2), (1, 2, 2), (2, 1, 1), (1, 2, 2))
SHAPES = ((16, 3), (32, 16), (48, 32), (64, 48))


def clips(height, width):
    random = torch.Generator().manual_seed(height)
    return torch.randint(0, 256, (2, 9, height, width, 3), dtype=torch.uint8, generator=random)


def test_frames_become_32_pixels_wide_with_values_of_minus_1_to_1():
    same = clips(32, 32)
    assert torch.equal(preprocess(same), same.permute(0, 4, 1, 2, 3) / 127.5 - 1)
    other = clips(48, 20)
    resized = [
        F.interpolate(frame.permute(2, 0, 1)[None].float(), size=(32, 32), mode="bilinear", antialias=True)[0]
        for clip in other for frame in clip
    ]  # fmt: skip
    expected = torch.stack(resized).reshape(2, 9, 3, 32, 32).transpose(1, 2) / 127.5 - 1
    torch.testing.assert_close(preprocess(other), expected)
    assert preprocess(other).is_contiguous(memory_format=torch.channels_last_3d)


def test_outputs_are_those_of_four_convolutions_a_mean_and_a_matrix():
    torch.manual_seed(0)
    drawn = {name: torch.randn(value.shape) / 10 for name, value in ShapesNetwork().state_dict().items()}
    network = ShapesNetwork.from_tensors({name: value.numpy() for name, value in drawn.items()})
    assert not any(parameter.requires_grad for parameter in network.parameters())
    batch = clips(32, 32)
    x = batch.permute(0, 4, 1, 2, 3) / 127.5 - 1
    for layer, (stride, shape) in enumerate(zip(STRIDES, SHAPES, strict=True)):
        weight = drawn[f"convolutions.{layer}.weight"]
        assert weight.shape == (*shape, 3, 3, 3)
        x = F.conv3d(x, weight, drawn[f"convolutions.{layer}.bias"], stride=stride, padding=1).relu()
    assert x.shape == (2, 64, 5, 4, 4)
    pool = x.flatten(2).mean(dim=2)
    outputs = network(batch)
    torch.testing.assert_close(outputs["pool"], pool, rtol=1e-4, atol=1e-5)
    logits = pool @ drawn["classifier.weight"].T + drawn["classifier.bias"]
    torch.testing.assert_close(outputs["logits"], logits, rtol=1e-4, atol=1e-5)
    assert outputs["logits"].shape == (2, 24)
