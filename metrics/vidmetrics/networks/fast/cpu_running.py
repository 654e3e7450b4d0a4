"""A network for CPUs as a `vidmetrics.networks.network.Body`, with its error bounds."""

from __future__ import annotations

import platform
from typing import Any

import torch

from vidmetrics.networks.c3d import C3D
from vidmetrics.networks.fast.cpu_c3d import CpuC3D
from vidmetrics.networks.fast.cpu_i3d import CpuI3D
from vidmetrics.networks.fast.cpu_inception import CpuInception
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.inception import Inception
from vidmetrics.networks.precision import Precision, computing

CPU_BOUNDS = {torch.float32: 1e-5, torch.bfloat16: 1e-2}
"""Maximum relative error against float64 of each arithmetic."""


class CpuBody:
    """The outputs of the plain network to within the bound of the arithmetic; identical bits for a clip in any batch.

    ``exact`` is float32. ``fast`` is bfloat16 if the processor multiplies it, float32 otherwise.

    Args:
        plain: the plain network, with which `agrees` compares.
        precision: as for `vidmetrics.load_network`.

    Attributes:
        implementation: name of the arithmetic, part of the key of cached features.
        clip_by_clip: True; see `vidmetrics.networks.network.Network`.
    """

    clip_by_clip = True

    def __init__(self, plain: I3D | Inception | C3D, precision: Precision) -> None:
        self.outputs = plain.outputs
        self.min_frames = plain.min_frames
        self.max_frames: int | None = getattr(plain, "max_frames", None)
        self.per_frame: bool = getattr(plain, "per_frame", False)
        self.preprocessing = plain.preprocessing
        self.preprocessing_at = getattr(plain, "preprocessing_at", lambda height, width: plain.preprocessing)
        self._dtype = torch.bfloat16 if precision == "fast" and multiplies_bfloat16() else torch.float32
        self.implementation = f"onednn-{str(self._dtype).removeprefix('torch.')}-2"
        self._plain: Any = plain
        self._network: Any
        if isinstance(plain, I3D):
            self._network = CpuI3D(plain, self._dtype)
        elif isinstance(plain, Inception):
            self._network = CpuInception(plain, self._dtype)
        else:
            self._network = CpuC3D(plain, self._dtype)

    @torch.inference_mode()
    def __call__(self, clips_NTHWC: torch.Tensor) -> dict[str, torch.Tensor]:
        """Map uint8 clips ``[N, T, H, W, 3]`` to float32 outputs."""
        results = [self._network(clip_THWC) for clip_THWC in clips_NTHWC]
        return {name: torch.cat([result[name] for result in results]) for name in self.outputs}

    def agrees(self) -> bool:
        """Return whether the last activations for a small patch of noise match the plain network's to within the bound."""
        with torch.inference_mode(), computing("exact"):
            ours, theirs = (activations.double() for activations in self._network.compared(self._plain))
        return float((ours - theirs).norm() / theirs.norm()) < CPU_BOUNDS[self._dtype]


def has_onednn() -> bool:
    """Return whether torch computes convolutions with oneDNN's kernels for x86-64."""
    onednn: Any = torch.backends.mkldnn
    return platform.machine().lower() in ("x86_64", "amd64") and bool(onednn.is_available())


def multiplies_bfloat16() -> bool:
    """Return whether the processor has instructions for products of bfloat16; emulated ones are slower than float32."""
    cpu: Any = torch.cpu
    return any(getattr(cpu, name, bool)() for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"))
