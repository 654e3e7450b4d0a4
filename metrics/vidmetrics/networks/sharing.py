"""Which networks compute the same features of the same clips, so that one pass serves all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from vidmetrics.catalog.network_cards import base_network

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network


def shared_passes(networks: Mapping[str, Network], height: int, width: int) -> dict[str, str]:
    """Map each network to the first one that computes the same features for frames of this size.

    Args:
        networks: loaded networks by name, with one precision.
        height: height of the frames in pixels.
        width: width of the frames in pixels.
    """
    first: dict[tuple[str, ...], str] = {}
    share = {}
    for name, network in networks.items():
        pixels = network.preprocessing_at(height, width)
        share[name] = first.setdefault((base_network(name), network.weights_sha256, pixels), name)
    return share
