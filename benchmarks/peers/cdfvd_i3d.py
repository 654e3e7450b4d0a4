"""The peer's side of ``benchmarks/i3d_gpu.py``; runs in an environment with cd-fvd, and imports nothing of ours.

    python cdfvd_i3d.py BATCH SECONDS SIZE...

Prints one line of JSON: for each size, clips per second of cd-fvd's I3D module with strict float32 and with torch's defaults (TF32),
and the relative error of each against the same module in float64. Its preprocessing gives it contiguous pixels; TF32 is measured
with pixels that lie channels last too, as a permutation without a copy leaves them, because cuDNN then has quicker kernels.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time

import numpy as np
import torch
from cdfvd.third_party.i3d.pytorch_i3d import InceptionI3d
from torch.nn import functional as F  # noqa: N812


def module() -> InceptionI3d:
    """Return the module with random weights that keep activations at their size."""
    torch.manual_seed(0)
    network = InceptionI3d(400, in_channels=3).eval().requires_grad_(False)
    for part in network.modules():
        if isinstance(part, torch.nn.Conv3d):
            part.weight.normal_(0, math.sqrt(2 / part.weight[0].numel()))
        elif isinstance(part, torch.nn.BatchNorm3d):
            part.running_var.uniform_(0.5, 1.5)
            part.running_mean.normal_(0, 0.1)
            part.bias.normal_(0, 0.1)
    return network.cuda()


def pixels(clips: np.ndarray) -> torch.Tensor:
    """``cdfvd.third_party.i3d.utils.preprocess_i3d`` line for line, on the GPU."""
    videos = torch.from_numpy(clips).cuda()
    b, t, _, _, c = videos.shape
    frames = videos.float().flatten(end_dim=1).permute(0, 3, 1, 2).contiguous()
    resized = F.interpolate(frames, size=(224, 224), mode="bilinear", align_corners=False)
    output = resized.view(b, t, c, 224, 224).transpose(1, 2).contiguous()
    return 2.0 * output / 255.0 - 1


def measure(network: InceptionI3d, double: InceptionI3d, size: int, batch: int, seconds: float) -> dict[str, object]:
    """Measure every variant at one frame size."""
    generator = np.random.default_rng(0)
    batches = [generator.integers(0, 256, (batch, 16, size, size, 3), dtype=np.uint8) for _ in range(4)]
    truth = double(pixels(batches[0][:2]).double()).cpu()
    found: dict[str, object] = {}
    for name, allowed, layout in (
        ("tf32", True, torch.contiguous_format),
        ("tf32 channels last", True, torch.channels_last_3d),
        ("strict", False, torch.contiguous_format),
    ):
        torch.backends.cudnn.allow_tf32 = allowed  # True is torch's default

        def call(clips: np.ndarray, layout: torch.memory_format = layout) -> np.ndarray:
            return network(pixels(clips).contiguous(memory_format=layout)).cpu().numpy()

        answer = torch.from_numpy(call(batches[0])[:2]).double()
        call(batches[1])
        times: list[float] = []
        started = time.perf_counter()
        while time.perf_counter() - started < seconds or len(times) < 5:
            before = time.perf_counter()
            call(batches[len(times) % 4])
            times.append(time.perf_counter() - before)
        found[name] = {
            "clips_per_second": batch / statistics.median(times),
            "error": float((answer - truth).norm() / truth.norm()),
        }
    return found


def main() -> None:
    """Measure every size."""
    batch, seconds, sizes = int(sys.argv[1]), float(sys.argv[2]), [int(size) for size in sys.argv[3:]]
    network, double = module(), module().double()
    with torch.no_grad():
        print(json.dumps({size: measure(network, double, size, batch, seconds) for size in sizes}))


if __name__ == "__main__":
    main()
