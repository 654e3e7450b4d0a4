"""A fast network as a `vidmetrics.networks.network.Body`, with its error bounds and the fallback to the plain network."""

from __future__ import annotations

import torch

from vidmetrics.networks.c3d import C3D
from vidmetrics.networks.fast.fast_c3d import FastC3D
from vidmetrics.networks.fast.fast_i3d import FastI3D
from vidmetrics.networks.fast.fast_inception import FastInception
from vidmetrics.networks.fast.fast_network import FastNetwork
from vidmetrics.networks.fast.operators import Operators
from vidmetrics.networks.fast.packing import Planes
from vidmetrics.networks.fast.recording import Recorded
from vidmetrics.networks.fast.upload import Upload
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.inception import Inception
from vidmetrics.networks.precision import Precision, computing

WHOLE_FRAMES = 1024
"""Maximum number of frames per batch; larger batches are split."""
LONGEST = 4096
"""Longest clip, in frames, whose offsets in the I3D fit into 32 bits; the plain network computes longer ones."""

BOUNDS = {"exact": 1e-5, "fast": 1e-3}
"""Maximum relative error against float64 of each precision."""
SHARE = 0.8
"""Share of the bound that features of noise may differ from the plain network's by."""


Plain = I3D | Inception | C3D
"""The networks that have a fast one."""


def fast_network(plain: Plain, operators: Operators, planes: Planes, device: torch.device) -> FastNetwork:
    """Return the fast network of a plain one."""
    if isinstance(plain, I3D):
        return FastI3D(plain, operators, planes, device)
    if isinstance(plain, Inception):
        return FastInception(plain, operators, planes, device)
    return FastC3D(plain, operators, planes, device)


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

    def __init__(self, plain: Plain, operators: Operators, precision: Precision, device: torch.device) -> None:
        planes: Planes = 2 if precision == "exact" else 1
        if device.type == "cuda" and device.index is None:  # the current device is a property of the thread
            device = torch.device("cuda", torch.cuda.current_device())
        self.outputs = plain.outputs
        self.min_frames = plain.min_frames
        self.max_frames: int | None = getattr(plain, "max_frames", None)
        self.per_frame: bool = getattr(plain, "per_frame", False)
        self.preprocessing = plain.preprocessing
        self.preprocessing_at = getattr(plain, "preprocessing_at", lambda height, width: plain.preprocessing)
        self.implementation = f"fp16x{planes}-2"
        self.repeated = 0
        self._plain = plain
        self._operators = operators
        self._precision = precision
        self._network = fast_network(plain, operators, planes, device)
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
        """Return whether the features of clips of noise match the plain network's to within `SHARE` of the bound.

        Two clips of 64x64 are resized as most clips are; two of the network's own size, 224x224 for the I3D, are not, except by
        a convention that resizes twice.

        Unusual weights can make activations so small that fp16 loses them, which unlike an overflow is not detected later.
        """
        return all(self._agrees_on(_noise(side)) for side in (64, self._network.side))

    def _agrees_on(self, clips_NTHWC: torch.Tensor) -> bool:
        with self._operators.compiling():
            self(clips_NTHWC)
        self._recorded.clear()
        with torch.inference_mode(), computing("exact"):
            ours, theirs = self(clips_NTHWC), self._by_plain(clips_NTHWC)
        self._recorded.clear()
        bound = BOUNDS[self._precision] * SHARE
        return all(_distance(ours[name], theirs[name]) < bound for name in self.outputs)

    def _features(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        outputs, doubt = self._launch(clips_NTHWC)
        return outputs if doubt is None or not int(doubt) else self.repeat(clips_NTHWC)

    def _launch(self, clips_NTHWC: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor | None]:
        # A network of frames computes clips of one frame.
        pieces = clips_NTHWC.flatten(0, 1)[:, None] if self.per_frame else clips_NTHWC
        num_frames = pieces.shape[1]
        if num_frames > LONGEST or pieces[0].numel() >= 2**31:
            return self._by_plain(clips_NTHWC), None
        results, overflows = [], []
        for whole in torch.split(pieces, max(1, WHOLE_FRAMES // num_frames)):
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
    coarse = -(-side // 8)
    clips[1] = clips[1, :, :8, :8].repeat_interleave(coarse, 1)[:, :side].repeat_interleave(coarse, 2)[:, :, :side]
    return clips


def _distance(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a.double() - b.double()).norm() / b.double().norm())
