"""The published files of LPIPS become named tensors; a part, or linear layers of the other backbone, are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import InputError
from vidmetrics.weights.importing import network_of
from vidmetrics.weights.lpips_tensors import BACKBONES, lpips_shapes, own_tensors


@pytest.fixture(scope="module")
def published():
    """Tensors as in the files: the classifiers have more layers."""
    of = {net: {n: np.zeros(s, np.float32) for n, s in lpips_shapes(b).items()} for net, b in BACKBONES.items()}
    return {net: {**tensors, "classifier.6.weight": np.zeros((2, 2), np.float32)} for net, tensors in of.items()}


def parts(tensors):
    linear = {name: value for name, value in tensors.items() if name.startswith("lin")}
    return {name: value for name, value in tensors.items() if name not in linear}, linear


@pytest.mark.parametrize("net", BACKBONES)
def test_both_files_are_the_network(published, net):
    own = own_tensors(published[net], "FILES")
    assert set(own) == set(lpips_shapes(BACKBONES[net]))
    assert network_of(own) == f"lpips-{net}"


def test_one_file_alone_is_refused(published):
    backbone, linear = parts(published["vgg"])
    with pytest.raises(InputError, match=r"a part of lpips-vgg without its linear layers .* give vgg16-397923af\.pth"):
        own_tensors(backbone, "FILE")
    with pytest.raises(
        InputError, match=r"the linear layers of LPIPS .* without the convolutions of AlexNet or VGG-16"
    ):
        own_tensors(linear, "FILE")


def test_linear_layers_of_the_other_backbone_are_refused(published):
    mixed = {**parts(published["alex"])[0], **parts(published["vgg"])[1]}
    with pytest.raises(InputError, match=r"'lin1\.model\.1\.weight' of lpips-alex is float32 \[1, 128, 1, 1\]"):
        own_tensors(mixed, "FILES")
    lost = {name: value for name, value in published["alex"].items() if name != "features.8.bias"}
    with pytest.raises(InputError, match=r"1 missing and 0 unknown \('features\.8\.bias' is missing\)"):
        own_tensors(lost, "FILES")


def test_other_networks_pass():
    tensors = {"conv1a/W": np.zeros(3, np.float32)}
    assert own_tensors(tensors, "FILE") is tensors
