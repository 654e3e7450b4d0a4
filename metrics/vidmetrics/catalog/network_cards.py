"""One card per feature extractor: its code, its published weights, its number of classes.

This module does not import torch; the networks themselves do (`vidmetrics.networks`).
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
        weights: its published weights, in words.
        num_classes: size of its logits; None if it is not a classifier.
        tensors: tensor names that identify its published weights. If several networks share them, the last axis of the
            first tensor is the number of classes. Empty for weights that are never imported.
        embedded: whether its weights ship with this package.
        settings: fields of this card that its ``from_tensors`` takes as keyword arguments.
        judges_only: the only clips that its features say anything about, in words; ``""`` for a network of any video.
        pooled: size of its widest output besides the logits.
        more_values: numbers in a row of features besides those two.
        per_frame: whether a clip has a row of features for each of its frames, and not one.
        trained_on: what its published weights were trained on, as ``DATASET/SPLIT`` or ``DATASET``
            (`vidmetrics.catalog.training_data`); empty if nobody has stated it.
        second: another network on which what is good on this one should be good too; ``""`` for none.
    """

    name: str
    target: str
    weights: str
    num_classes: int | None
    tensors: tuple[str, ...] = ()
    embedded: bool = False
    settings: tuple[str, ...] = ()
    judges_only: str = ""
    pooled: int = 0
    more_values: int = 0
    per_frame: bool = False
    trained_on: tuple[str, ...] = ()
    second: str = ""


_CARDS = (
    NetworkCard(
        name="i3d-kinetics-400",
        target="i3d:I3D",
        weights="DeepMind's rgb_scratch",
        num_classes=400,
        tensors=("Logits/Conv3d_0c_1x1/conv_3d/w",),
        settings=("num_classes",),
        pooled=1024,
        trained_on=("kinetics-400/train",),
        second="i3d-kinetics-600",
    ),
    NetworkCard(
        name="i3d-kinetics-600",
        target="i3d:I3D",
        weights="DeepMind's rgb_scratch_kin600",
        num_classes=600,
        tensors=("Logits/Conv3d_0c_1x1/conv_3d/w",),
        settings=("num_classes",),
        pooled=1024,
        trained_on=("kinetics-600/train",),
        second="i3d-kinetics-400",
    ),
    NetworkCard(
        name="inception-2015-12-05",
        target="inception:Inception",
        weights="pt_inception-2015-12-05-6726825d.pth",
        num_classes=1008,
        tensors=("Conv2d_1a_3x3.conv.weight", "fc.weight"),
        pooled=2048,
        more_values=1008,  # logits without the bias
        per_frame=True,
        trained_on=("imagenet-2012/train",),
    ),
    NetworkCard(
        name="c3d-ucf101",
        target="c3d:C3D",
        weights="conv3d_deepnetA_ucf.npz with mean2.npz",
        num_classes=101,
        tensors=("conv1a/W", "mean"),
        pooled=4096,
        trained_on=("sports-1m", "ucf101"),
        second="i3d-kinetics-400",
    ),
    NetworkCard(
        name="videomae-ssv2",
        target="videomae:VideoMAE",
        weights="vit_g_hybrid_pt_1200e_ssv2_ft.pth of OpenGVLab/VideoMAEv2",
        num_classes=174,
        tensors=("blocks.0.attn.q_bias", "fc_norm.weight"),
        pooled=1408,
        # UnlabeledHybrid as far as the authors' DATASET.md lists it; fine-tuned on Something-Something v2.
        trained_on=("kinetics-710/train", "something-something-v2/train", "webvid-2m", "ava"),
        second="i3d-kinetics-400",
    ),
    NetworkCard(
        name="vjepa-ssv2",
        target="vjepa:VJEPA",
        weights="vith16.pth.tar and ssv2-probe.pth.tar of facebookresearch/jepa",
        num_classes=174,
        tensors=("encoder.patch_embed.proj.weight", "pooler.query_tokens"),
        pooled=1280,
        trained_on=("kinetics-710/train", "something-something-v2/train", "howto100m"),
        second="i3d-kinetics-400",
    ),
    NetworkCard(
        name="lpips-alex",
        target="lpips:AlexLPIPS",
        weights="alexnet-owt-7be5be79.pth of torchvision with alex.pth of LPIPS",
        num_classes=None,
        tensors=("features.3.weight", "lin4.model.1.weight"),
        pooled=1,
        per_frame=True,
        trained_on=("imagenet-2012/train", "bapps"),
    ),
    NetworkCard(
        name="lpips-vgg",
        target="lpips:VGGLPIPS",
        weights="vgg16-397923af.pth of torchvision with vgg.pth of LPIPS",
        num_classes=None,
        tensors=("features.28.weight", "lin4.model.1.weight"),
        pooled=1,
        per_frame=True,
        trained_on=("imagenet-2012/train", "bapps"),
    ),
    NetworkCard(
        name="shapes",
        target="shapes:ShapesNetwork",
        weights="the ones shipped in this package",
        num_classes=24,
        embedded=True,
        judges_only="the moving shapes of vidbench's own tasks",
        second="shapes-second",
    ),
    NetworkCard(
        name="shapes-second",
        target="shapes_second:SecondShapesNetwork",
        weights="the ones shipped in this package",
        num_classes=24,
        embedded=True,
        judges_only="the moving shapes of vidbench's own tasks",
    ),
)

NETWORKS: Mapping[str, NetworkCard] = MappingProxyType({card.name: card for card in _CARDS})
"""Every feature extractor by its name."""

VARIANTS: Mapping[str, Convention] = MappingProxyType(
    {convention.network: convention for convention in CONVENTIONS.values() if "+" in convention.network}
)
"""I3D under the other FVD conventions: same weights, other preprocessing or eps."""


def base_network(name: str) -> str:
    """Return the network that a variant such as ``"i3d-kinetics-400+videogpt"`` takes its weights from; else the name."""
    return name.partition("+")[0] if name in VARIANTS else name


def network_card(name: str) -> NetworkCard:
    """Return the card of a network or of the base network of a variant.

    Raises:
        InputError: there is no such network; suggests the nearest one.
    """
    if base_network(name) not in NETWORKS:
        raise InputError(unknown_name("network", name, [*NETWORKS, *VARIANTS]))
    return NETWORKS[base_network(name)]


def classes_of(name: str) -> int:
    """Return the number of classes of a classifier, the size of its logits.

    Raises:
        InputError: there is no such network, or it is not a classifier.
    """
    count = network_card(name).num_classes
    if count is None:
        raise InputError(f"The network '{name}' is not a classifier; choose one with logits.")
    return count


def embedded_networks() -> list[str]:
    """Return the names of the networks whose weights ship with this package."""
    return [name for name, card in NETWORKS.items() if card.embedded]
