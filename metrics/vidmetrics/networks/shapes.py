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

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vidmetrics.catalog.network_cards import classes_of
from vidmetrics.errors import InputError
from vidmetrics.weights.named_tensors import checked_tensors

SIZE = 32
"""Height and width of the network's input, in pixels."""

# Channels out, strides in time and space; every kernel is 3 x 3 x 3 with zero padding.
CONVOLUTIONS = ((16, (1, 2, 2)), (32, (1, 2, 2)), (48, (2, 1, 1)), (64, (1, 2, 2)))
NUM_CLASSES = classes_of("shapes")


def preprocess(clips_NTHWC: Tensor) -> Tensor:
    """Prepare clips for the first convolution: the preprocessing ``shapes-bilinear-antialias-32``.

    Frames that are not 32x32 are resized by antialiased bilinear interpolation (``torch.nn.functional.interpolate`` with
    ``antialias=True``), ignoring the aspect ratio and without rounding; values 0 to 255 are scaled to -1 to 1.

    Args:
        clips_NTHWC: uint8 ``[N, T, H, W, 3]``.

    Returns:
        float32 ``[N, 3, T, 32, 32]``, channels last in memory.
    """
    n, t, h, w, c = clips_NTHWC.shape
    if (h, w) == (SIZE, SIZE):
        x_NCTHW = clips_NTHWC.permute(0, 4, 1, 2, 3).to(torch.float32)
    else:
        frames = clips_NTHWC.reshape(n * t, h, w, c).permute(0, 3, 1, 2).to(torch.float32)
        frames = nn.functional.interpolate(
            frames, size=(SIZE, SIZE), mode="bilinear", align_corners=False, antialias=True
        )
        x_NCTHW = frames.reshape(n, t, c, SIZE, SIZE).permute(0, 2, 1, 3, 4)
    return (x_NCTHW / 127.5 - 1.0).contiguous(memory_format=torch.channels_last_3d)


class ShapesNetwork(nn.Module):
    """Classifier of moving shapes; a clip's features depend only on that clip.

    Attributes:
        outputs: size of each output by name.
        min_frames: length of the shortest clip it accepts.
        preprocessing: id of the preprocessing, see `preprocess`.
    """

    outputs: ClassVar[dict[str, int]] = {"logits": NUM_CLASSES, "pool": CONVOLUTIONS[-1][0]}
    min_frames: ClassVar[int] = 8
    preprocessing: ClassVar[str] = "shapes-bilinear-antialias-32"

    def __init__(self) -> None:
        super().__init__()
        widths = [3, *(width for width, _ in CONVOLUTIONS)]
        self.convolutions = nn.ModuleList(
            nn.Conv3d(before, after, kernel_size=3, stride=stride, padding=1)
            for before, (after, stride) in zip(widths, CONVOLUTIONS, strict=False)
        )
        self.classifier = nn.Linear(widths[-1], NUM_CLASSES)
        self.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]  # missing in torch's stubs

    def forward(self, clips_NTHWC: Tensor) -> dict[str, Tensor]:
        """Compute the outputs of a batch of clips.

        Args:
            clips_NTHWC: uint8 ``[N, T, H, W, 3]``, ``T >= 8``.

        Returns:
            ``logits`` float32 ``[N, 24]`` and ``pool`` float32 ``[N, 64]``, not negative.

        Raises:
            InputError: the clips have a wrong shape or dtype, or are too short.
        """
        if clips_NTHWC.dtype != torch.uint8 or clips_NTHWC.ndim != 5 or clips_NTHWC.shape[-1] != 3:
            raise InputError(
                f"The shapes network got {clips_NTHWC.dtype} {list(clips_NTHWC.shape)}; give it uint8 [N, T, H, W, 3]."
            )
        if clips_NTHWC.shape[1] < self.min_frames:
            raise InputError(
                f"The shapes network got clips of {clips_NTHWC.shape[1]} frames; give it at least {self.min_frames}."
            )
        x_NCTHW = preprocess(clips_NTHWC)
        for convolution in self.convolutions:
            x_NCTHW = torch.relu(convolution(x_NCTHW))
        pool = x_NCTHW.mean(dim=(2, 3, 4))
        return {"logits": self.classifier(pool), "pool": pool}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> ShapesNetwork:
        """Build the network from its weights, ready for inference.

        Args:
            tensors: float32 arrays, named as in `torch.nn.Module.state_dict`.

        Raises:
            InputError: a tensor is missing, unknown, not finite, or has a wrong shape or dtype.
        """
        network = cls()
        shapes = {name: value.shape for name, value in network.state_dict().items()}
        weights = checked_tensors(tensors, shapes, "the shapes network", "use the file that ships with vidmetrics")
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
        network.requires_grad_(False)
        return network.eval()
