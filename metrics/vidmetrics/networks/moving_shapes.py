"""What the two classifiers of moving shapes have in common: the preprocessing, the checks of the clips, how weights become a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from vidmetrics.errors import InputError
from vidmetrics.weights.named_tensors import checked_tensors

SIZE = 32
"""Height and width of the networks' input, in pixels."""


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


class ShapesClassifier(nn.Module, ABC):
    """A classifier of moving shapes; a clip's features depend only on that clip.

    A network adds its convolutions, its classifier and `pooled`.

    Attributes:
        outputs: size of each output by name.
        min_frames: length of the shortest clip it accepts.
        preprocessing: id of the preprocessing, see `preprocess`.
        title: the network in a sentence.
        convolutions: those that a training run follows by batch normalisation and merges with it afterwards.
        classifier: the linear layer from the pooled features to the logits.
    """

    outputs: ClassVar[dict[str, int]]
    min_frames: ClassVar[int] = 8
    preprocessing: ClassVar[str] = "shapes-bilinear-antialias-32"
    title: ClassVar[str]
    convolutions: nn.ModuleList
    classifier: nn.Linear

    @abstractmethod
    def pooled(self, x_NCTHW: Tensor) -> Tensor:
        """Return the pooled features float32 ``[N, outputs["pool"]]`` of preprocessed clips."""

    def forward(self, clips_NTHWC: Tensor) -> dict[str, Tensor]:
        """Compute the outputs of a batch of clips.

        Args:
            clips_NTHWC: uint8 ``[N, T, H, W, 3]``, ``T >= 8``.

        Returns:
            ``logits`` and ``pool``, float32 ``[N, outputs[name]]``.

        Raises:
            InputError: the clips have a wrong shape or dtype, or are too short.
        """
        if clips_NTHWC.dtype != torch.uint8 or clips_NTHWC.ndim != 5 or clips_NTHWC.shape[-1] != 3:
            raise InputError(
                f"The {self.title} got {clips_NTHWC.dtype} {list(clips_NTHWC.shape)}; give it uint8 [N, T, H, W, 3]."
            )
        if clips_NTHWC.shape[1] < self.min_frames:
            raise InputError(
                f"The {self.title} got clips of {clips_NTHWC.shape[1]} frames; give it at least {self.min_frames}."
            )
        pool = self.pooled(preprocess(clips_NTHWC))
        return {"logits": self.classifier(pool), "pool": pool}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]]) -> Self:
        """Build the network from its weights, ready for inference.

        Args:
            tensors: float32 arrays, named as in `torch.nn.Module.state_dict`.

        Raises:
            InputError: a tensor is missing, unknown, not finite, or has a wrong shape or dtype.
        """
        network = cls()
        shapes = {name: value.shape for name, value in network.state_dict().items()}
        weights = checked_tensors(tensors, shapes, f"the {cls.title}", "use the file that ships with vidmetrics")
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
        network.requires_grad_(False)
        return network.eval()
