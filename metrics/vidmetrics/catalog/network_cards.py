"""What each feature extractor is, as data: its code, its weights in words, how many classes it tells apart.

Light on purpose: the networks themselves need torch (`vidmetrics.networks`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from vidmetrics.catalog.conventions import CONVENTIONS, Convention
from vidmetrics.errors import InputError, unknown_name


@dataclass(frozen=True, kw_only=True)
class NetworkCard:
    """One feature extractor.

    Attributes:
        name: name for `vidmetrics.load_network`.
        target: its ``torch.nn.Module`` in `vidmetrics.networks`, as ``file:class``.
        weights: which published weights it takes, in words.
        num_classes: size of its logits; None for a network that is no classifier.
        tensors: names in its published weights by which they are recognised; the last axis of the first one is the classes
            where several networks have these names. Empty for weights that nobody imports.
        embedded: whether its weights ship with this package.
        settings: fields of this card that its ``from_tensors`` requires by name.
    """

    name: str
    target: str
    weights: str
    num_classes: int | None
    tensors: tuple[str, ...] = ()
    embedded: bool = False
    settings: tuple[str, ...] = ()


_CARDS = (
    NetworkCard(
        name="i3d-kinetics-400",
        target="i3d:I3D",
        weights="DeepMind's rgb_scratch",
        num_classes=400,
        tensors=("Logits/Conv3d_0c_1x1/conv_3d/w",),
        settings=("num_classes",),
    ),
    NetworkCard(
        name="i3d-kinetics-600",
        target="i3d:I3D",
        weights="DeepMind's rgb_scratch_kin600",
        num_classes=600,
        tensors=("Logits/Conv3d_0c_1x1/conv_3d/w",),
        settings=("num_classes",),
    ),
    NetworkCard(
        name="inception-2015-12-05",
        target="inception:Inception",
        weights="pt_inception-2015-12-05-6726825d.pth",
        num_classes=1008,
        tensors=("Conv2d_1a_3x3.conv.weight", "fc.weight"),
    ),
    NetworkCard(
        name="c3d-ucf101",
        target="c3d:C3D",
        weights="conv3d_deepnetA_ucf.npz with mean2.npz",
        num_classes=101,
        tensors=("conv1a/W", "mean"),
    ),
    NetworkCard(
        name="shapes",
        target="shapes:ShapesNetwork",
        weights="the ones shipped in this package",
        num_classes=24,
        embedded=True,
    ),
)

NETWORKS: Mapping[str, NetworkCard] = MappingProxyType({card.name: card for card in _CARDS})
"""Every feature extractor by its name."""

VARIANTS: Mapping[str, Convention] = MappingProxyType(
    {convention.network: convention for convention in CONVENTIONS.values() if "+" in convention.network}
)
"""The I3D under the other FVD conventions: the same weights, another preprocessing or eps."""


def base_network(name: str) -> str:
    """Return the network whose weights a variant (``"i3d-kinetics-400+videogpt"``) uses; any other name unchanged."""
    return name.partition("+")[0] if name in VARIANTS else name


def network_card(name: str) -> NetworkCard:
    """Return the card of a network, or of the network that a variant is based on.

    Raises:
        InputError: there is no such network; suggests the nearest one.
    """
    if base_network(name) not in NETWORKS:
        raise InputError(unknown_name("network", name, [*NETWORKS, *VARIANTS]))
    return NETWORKS[base_network(name)]


def classes_of(name: str) -> int:
    """Return how many classes a classifier tells apart, the size of its logits.

    Raises:
        InputError: there is no such network, or it is no classifier.
    """
    count = network_card(name).num_classes
    if count is None:
        raise InputError(f"The network '{name}' is no classifier; choose one with logits.")
    return count


def embedded_networks() -> list[str]:
    """Return the names of the networks whose weights ship with this package."""
    return [name for name, card in NETWORKS.items() if card.embedded]
