"""What a GPU would take: rates of networks as recorded in ``benchmarks/results``, for the announcement of a run's cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from vidbench.progress import duration_text
from vidmetrics.networks import base_network

if TYPE_CHECKING:
    from vidmetrics.networks.network import Network


class GpuRate(NamedTuple):
    """Clips per second of a network on one GPU, as a file of ``benchmarks/results`` records it."""

    networks: tuple[str, ...]
    precision: str
    num_frames: int
    clips_per_second: float
    gpu: str
    recorded: str


_I3D = ("i3d-kinetics-400", "i3d-kinetics-600")
GPU_RATES = (
    GpuRate(_I3D, "exact", 16, 2039, "H200", "2026-11-30-i3d_gpu-h200"),
    GpuRate(_I3D, "fast", 16, 6248, "H200", "2026-11-30-i3d_gpu-h200"),
    GpuRate(("inception-2015-12-05",), "exact", 1, 10088, "H200", "2026-11-30-inception_c3d_gpu-h200"),
    GpuRate(("inception-2015-12-05",), "fast", 1, 24584, "H200", "2026-11-30-inception_c3d_gpu-h200"),
    GpuRate(("c3d-ucf101",), "exact", 16, 1793, "H200", "2026-11-30-inception_c3d_gpu-h200"),
    GpuRate(("c3d-ucf101",), "fast", 16, 4637, "H200", "2026-11-30-inception_c3d_gpu-h200"),
)
"""Of frames of 64x64; each network resizes every frame to its own size first, so that of the clips hardly matters."""


def gpu_sentence(networks: Sequence[Network], num_frames: int, num_clips: int, device: str) -> str:
    """Return what the networks of a run would take on a GPU, and where the rate comes from; empty if none is recorded.

    Args:
        networks: the networks of one pass over the clips.
        num_frames: frames per clip; rates are scaled by it.
        num_clips: clips to measure.
        device: where the run computes; on a GPU there is nothing to say.
    """
    if device.startswith("cuda"):
        return ""
    found = {network.name: _rate(network) for network in networks}
    known = {name: rate for name, rate in found.items() if rate is not None}
    if not known:
        return ""
    seconds = sum(num_clips * num_frames / rate.num_frames / rate.clips_per_second for rate in known.values())
    rate = next(iter(known.values()))
    unit = "frames" if rate.num_frames == 1 else f"clips of {rate.num_frames} frames"
    others = [name for name in found if name not in known]
    without = f"; no rate of {' and '.join(others)} is recorded" if others else ""
    return (
        f"A GPU would take about {duration_text(seconds)} for {' and '.join(known)} ({rate.clips_per_second:,.0f} {unit} "
        f"per second on one {rate.gpu}, benchmarks/results/{rate.recorded}.md{without}), if reading "
        "and sampling keep up."
    )


def _rate(network: Network) -> GpuRate | None:
    name = base_network(network.name)
    return next((rate for rate in GPU_RATES if name in rate.networks and rate.precision == network.precision), None)
