"""Names and shapes of the weights of LPIPS, and what is read of the published files.

A backbone is torchvision's classifier of ImageNet (``alexnet-owt-7be5be79.pth``, ``vgg16-397923af.pth``), of which the convolutions
are needed; the linear layers on top, trained on human judgements, are version 0.1 of richzhang/PerceptualSimilarity (``alex.pth``, ``vgg.pth``).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.weights.named_tensors import checked_tensors

CHANNELS = 3
_LAST_LINEAR = "lin4.model.1.weight"
_CLASSIFIER = "classifier."


class Layer(NamedTuple):
    """A convolution of a backbone, followed by ReLU.

    Attributes:
        place: its number in torchvision's ``features``.
        channels: channels that it returns.
        kernel: rows and columns of its kernel.
        stride: its stride.
        padding: zeros around the frame.
        pooled: whether its input is max-pooled first.
        compared: whether the distance looks at its output.
    """

    place: int
    channels: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    pooled: bool = False
    compared: bool = False


class Backbone(NamedTuple):
    """One of the two networks.

    Attributes:
        name: the name of the whole in the catalog, without its first part.
        published: the files that it is read from.
        pool: rows and columns of the windows of its max-pooling, whose stride is 2.
        layers: its convolutions.
    """

    name: str
    published: str
    pool: int
    layers: tuple[Layer, ...]

    @property
    def network(self) -> str:
        """The name in the catalog."""
        return f"lpips-{self.name}"

    @property
    def remedy(self) -> str:
        """What to do about other tensors, as the end of a sentence."""
        return f"give {self.published}, both"


BACKBONES: Mapping[str, Backbone] = MappingProxyType(
    {
        "alex": Backbone(
            "alex",
            "alexnet-owt-7be5be79.pth of torchvision and alex.pth of LPIPS",
            3,
            (
                Layer(0, 64, kernel=11, stride=4, padding=2, compared=True),
                Layer(3, 192, kernel=5, padding=2, pooled=True, compared=True),
                Layer(6, 384, pooled=True, compared=True),
                Layer(8, 256, compared=True),
                Layer(10, 256, compared=True),
            ),
        ),
        "vgg": Backbone(
            "vgg",
            "vgg16-397923af.pth of torchvision and vgg.pth of LPIPS",
            2,
            (
                Layer(0, 64),
                Layer(2, 64, compared=True),
                Layer(5, 128, pooled=True),
                Layer(7, 128, compared=True),
                Layer(10, 256, pooled=True),
                Layer(12, 256),
                Layer(14, 256, compared=True),
                Layer(17, 512, pooled=True),
                Layer(19, 512),
                Layer(21, 512, compared=True),
                Layer(24, 512, pooled=True),
                Layer(26, 512),
                Layer(28, 512, compared=True),
            ),
        ),
    }
)
"""The two networks by name."""


def lpips_shapes(backbone: Backbone) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor by its published name."""
    shapes: dict[str, tuple[int, ...]] = {}
    given, compared = CHANNELS, 0
    for layer in backbone.layers:
        shapes[f"features.{layer.place}.weight"] = (layer.channels, given, layer.kernel, layer.kernel)
        shapes[f"features.{layer.place}.bias"] = (layer.channels,)
        given = layer.channels
        if layer.compared:
            shapes[f"lin{compared}.model.1.weight"] = (1, layer.channels, 1, 1)
            compared += 1
    return shapes


def own_tensors(tensors: Mapping[str, npt.NDArray[Any]], where: str) -> Mapping[str, npt.NDArray[Any]]:
    """Return what LPIPS needs of published files; other networks pass.

    Args:
        tensors: arrays by name.
        where: where they come from, for messages.

    Raises:
        InputError: a part of the network, or one of the two with the linear layers of the other; names the first such tensor.
    """
    has_linear = _LAST_LINEAR in tensors
    fitting = [b for b in BACKBONES.values() if all(f"features.{layer.place}.weight" in tensors for layer in b.layers)]
    if not has_linear and not (fitting and any(name.startswith(_CLASSIFIER) for name in tensors)):
        return tensors
    if not fitting:
        raise InputError(
            f"{where} contains the linear layers of LPIPS ('{_LAST_LINEAR}') without the convolutions of AlexNet or VGG-16; give "
            f"{' or '.join(b.published for b in BACKBONES.values())}."
        )
    backbone = fitting[0]
    if not has_linear:
        raise InputError(
            f"{where} contains a part of {backbone.network} without its linear layers ('{_LAST_LINEAR}'); {backbone.remedy}."
        )
    own = {name: value for name, value in tensors.items() if not name.startswith(_CLASSIFIER)}
    checked_tensors(own, lpips_shapes(backbone), backbone.network, backbone.remedy)
    return own
