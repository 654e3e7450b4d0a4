"""Numbers of classes of the feature extractors, as published."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vidmetrics import InputError
from vidmetrics.catalog import network_cards
from vidmetrics.catalog.network_cards import VARIANTS, base_network, classes_of, network_card

CLASSES = {
    "i3d-kinetics-400": 400,
    "i3d-kinetics-600": 600,
    "inception-2015-12-05": 1008,
    "c3d-ucf101": 101,
    "videomae-ssv2": 174,
    "vjepa-ssv2": 174,
    "shapes": 24,
    "shapes-second": 24,
}


def test_classes_of_classifiers():
    assert {name: classes_of(name) for name in CLASSES} == CLASSES
    without = {name for name, card in network_cards.NETWORKS.items() if card.num_classes is None}
    assert set(CLASSES) == set(network_cards.NETWORKS) - without
    assert without == {"lpips-alex", "lpips-vgg"}


def test_a_variant_has_the_classes_of_its_base():
    assert VARIANTS
    for name in VARIANTS:
        assert base_network(name) == name.split("+")[0]
        assert classes_of(name) == CLASSES[name.split("+")[0]]
    assert base_network("shapes") == "shapes"
    assert base_network("shapes+unknown") == "shapes+unknown"
    with pytest.raises(InputError, match="shapes"):
        network_card("shapes+unknown")


def test_a_network_without_logits_is_refused(monkeypatch):
    card = replace(network_cards.NETWORKS["shapes"], name="features", num_classes=None)
    monkeypatch.setattr(network_cards, "NETWORKS", {"features": card})
    with pytest.raises(InputError, match="'features' is not a classifier"):
        classes_of("features")
