"""The fast I3D as a `vidmetrics.networks.network.Body`, with its error bounds and the fallback to the plain network."""

from __future__ import annotations

from typing import Literal

import torch

from vidmetrics.networks.fast.fast_i3d import SIDE, FastI3D
from vidmetrics.networks.fast.operators import Operators
from vidmetrics.networks.fast.recording import Recorded
from vidmetrics.networks.fast.upload import Upload
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.precision import Precision, computing

WHOLE_FRAMES = 1024
"""Maximum number of frames per batch; larger batches are split."""
LONGEST = 4096
"""Longest clip, in frames, whose offsets fit into 32 bits; the plain network computes longer ones."""

BOUNDS = {"exact": 1e-5, "fast": 1e-3}
"""Maximum relative error against float64 of each precision."""


class FastBody:
    """The outputs of the plain network to within the bound of the precision; identical bits for a clip in any batch,
    except in a batch that is repeated by the plain network.

    Args:
        plain: the plain network, which repeats a batch in which a number exceeded the range of fp16.
        operators: implementation of the fast network's operators.
        precision: as for `vidmetrics.load_network`.
        device: device of the operators and of the plain network.

    Attributes:
        uploads: clips may be in host memory.
        implementation: name of the arithmetic, part of the key of cached features.
        repeated: number of batches repeated by the plain network.
    """

    uploads = True

    def __init__(self, plain: I3D, operators: Operators, precision: Precision, device: torch.device) -> None:
        planes: Literal[1, 2] = 2 if precision == "exact" else 1
        if device.type == "cuda" and device.index is None:  # the current device is a property of the thread
            device = torch.device("cuda", torch.cuda.current_device())
        self.outputs = plain.outputs
        self.min_frames = plain.min_frames
        self.preprocessing = plain.preprocessing
        self.preprocessing_at = plain.preprocessing_at
        self.implementation = f"fp16x{planes}-2"
        self.repeated = 0
        self._plain = plain
        self._operators = operators
        self._precision = precision
        self._network = FastI3D(plain, operators, planes, device)
        self._device = device
        self._upload = Upload(device) if device.type == "cuda" else None
        self._recorded: dict[tuple[int, int, int, int], Recorded] = {}

    @torch.inference_mode()
    def __call__(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map uint8 clips ``[N, T, H, W, 3]``, in host memory or on the device, to float32 outputs on the device."""
        if self._device.type == "cuda":  # Triton launches on the current device
            with torch.cuda.device(self._device):
                return self._features(clips_NTHWC)
        return self._features(clips_NTHWC)

    @torch.inference_mode()
    def begin(self, clips_NTHWC: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor | None]:
        """Start the computation and return without waiting for it; see `vidmetrics.networks.network.Body`."""
        if self._device.type == "cuda":
            with torch.cuda.device(self._device):
                return self._launch(clips_NTHWC)
        return self._launch(clips_NTHWC)

    @torch.inference_mode()
    def repeat(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Compute a batch with the plain network, since a number of it exceeded the range of fp16."""
        self.repeated += 1
        return self._by_plain(clips_NTHWC)

    def agrees(self) -> bool:
        """Return whether the features of clips of noise match the plain network's to within half the bound.

        Two clips of 64x64 are resized as most clips are, two of 224x224 are not, except by a convention that resizes twice.

        Unusual weights can make activations so small that fp16 loses them, which unlike an overflow is not detected later.
        """
        return all(self._agrees_on(_noise(side)) for side in (64, SIDE))

    def _agrees_on(self, clips_NTHWC: torch.Tensor) -> bool:
        with self._operators.compiling():
            self(clips_NTHWC)
        self._recorded.clear()
        with torch.inference_mode(), computing("exact"):
            ours, theirs = self(clips_NTHWC), self._by_plain(clips_NTHWC)
        self._recorded.clear()
        bound = BOUNDS[self._precision] / 2
        return all(_distance(ours[name], theirs[name]) < bound for name in self.outputs)

    def _features(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        outputs, doubt = self._launch(clips_NTHWC)
        return outputs if doubt is None or not int(doubt) else self.repeat(clips_NTHWC)

    def _launch(self, clips_NTHWC: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor | None]:
        num_frames = clips_NTHWC.shape[1]
        if num_frames > LONGEST or clips_NTHWC[0].numel() >= 2**31:
            return self._by_plain(clips_NTHWC), None
        results, overflows = [], []
        for whole in torch.split(clips_NTHWC, max(1, WHOLE_FRAMES // num_frames)):
            recorded = self._for_shape(whole)
            results.append(recorded(whole))
            # A copy: the next batch clears it.
            overflows.append(recorded.overflow.clone())
        outputs = {name: torch.cat([result[name] for result in results]) for name in self.outputs}
        return outputs, torch.cat(overflows).max()

    def _by_plain(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        outputs: dict[str, torch.Tensor] = self._plain(clips_NTHWC.to(self._device))
        return outputs

    def _for_shape(self, clips: torch.Tensor) -> Recorded:
        """Return the recorded network for a shape; the last two are kept, for full batches and a final smaller one."""
        N, T, H, W, _ = clips.shape
        recorded = self._recorded.pop((N, T, H, W), None)
        if recorded is None:
            if len(self._recorded) == 2:
                del self._recorded[next(iter(self._recorded))]
            recorded = Recorded(self._network, self._upload, (N, T, H, W))
        self._recorded[N, T, H, W] = recorded
        return recorded


def _noise(side: int) -> torch.Tensor:
    """Return two clips of 16 frames, the second one coarse, like video."""
    generator = torch.Generator().manual_seed(0)
    clips = torch.randint(0, 256, (2, 16, side, side, 3), dtype=torch.uint8, generator=generator)
    clips[1] = clips[1, :, :8, :8].repeat_interleave(side // 8, 1).repeat_interleave(side // 8, 2)
    return clips


def _distance(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a.double() - b.double()).norm() / b.double().norm())
