"""The embedded network: a small 3-D convolutional classifier of moving shapes, with its weights in the package.

Architecture. Four convolutions over time and space, an average over all positions (``pool``, 64 values) and one linear
layer (``logits``, 24 classes: 4 shapes times 6 motions in three pairs of opposites). It replaces I3D in the
``shapes-*`` tasks: ``fvd-shapes`` is the Fréchet distance of its logits, ``fid-shapes`` that of its pooled features, and
``is-shapes`` the Inception Score of its logits.

Training. ``tools/train_shapes_network.py`` trains it on the train split of the embedded dataset to output *evidence*: a
logit is the sum of the evidence for the shape, for the axis of the motion and for its direction. A plain classifier is
arbitrarily confident on clips that belong to no class, so the training set includes clips with cues removed (outlier
exposure, Hendrycks et al., ICLR 2019) and the remaining evidence as target: frames in random order keep shape and axis, a
repeated frame keeps the shape, noise keeps nothing, and a clip mixed with noise keeps a proportional part. Distances
between such sets of clips then follow the cues they lack, in that order.

Sensitivity. It detects shapes, motion over a few frames, shuffled or frozen frames, blur, and noise with a standard
deviation above about 10 of 255, but not weaker noise. It is largely insensitive to colour and texture, to the background,
to the position of the shape, and to whether all clips of a class are the same clip; a clip played backwards is a valid clip
of another class, so a set of them scores as well as real clips. It was trained on 12 and 16 frames of 32x32 and can say
nothing about real video beyond "none of these shapes".
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from vidmetrics.catalog.network_cards import classes_of
from vidmetrics.networks.moving_shapes import ShapesClassifier

# Channels out, strides in time and space; every kernel is 3 x 3 x 3 with zero padding.
CONVOLUTIONS = ((16, (1, 2, 2)), (32, (1, 2, 2)), (48, (2, 1, 1)), (64, (1, 2, 2)))
NUM_CLASSES = classes_of("shapes")


class ShapesNetwork(ShapesClassifier):
    """Classifier of moving shapes by convolutions over time and space.

    Outputs: ``logits`` float32 ``[N, 24]`` and ``pool`` float32 ``[N, 64]``, not negative.
    """

    outputs: ClassVar[dict[str, int]] = {"logits": NUM_CLASSES, "pool": CONVOLUTIONS[-1][0]}
    title: ClassVar[str] = "shapes network"

    def __init__(self) -> None:
        super().__init__()
        widths = [3, *(width for width, _ in CONVOLUTIONS)]
        self.convolutions = nn.ModuleList(
            nn.Conv3d(before, after, kernel_size=3, stride=stride, padding=1)
            for before, (after, stride) in zip(widths, CONVOLUTIONS, strict=False)
        )
        self.classifier = nn.Linear(widths[-1], NUM_CLASSES)
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # missing in torch's stubs

    def pooled(self, x_NCTHW: Tensor) -> Tensor:
        """Return the average over all positions of the last convolution."""
        for convolution in self.convolutions:
            x_NCTHW = torch.relu(convolution(x_NCTHW))
        return x_NCTHW.mean(dim=(2, 3, 4))
