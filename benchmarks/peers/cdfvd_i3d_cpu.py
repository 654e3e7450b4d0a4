"""A peer of ``benchmarks/i3d_cpu.py``: the I3D module of cd-fvd; runs in an environment with it, and imports nothing of ours.

    python cdfvd_i3d_cpu.py THREADS

Each line of standard input is a frame size; the answer is one line of JSON with the CPU and wall-clock seconds of one call, from a
uint8 clip of 16 frames to logits, with the defaults of torch and of the module.
"""

from __future__ import annotations

import json
import math
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
    return network


def pixels(clips: np.ndarray) -> torch.Tensor:
    """``cdfvd.third_party.i3d.utils.preprocess_i3d`` line for line."""
    videos = torch.from_numpy(clips)
    b, t, _, _, c = videos.shape
    frames = videos.float().flatten(end_dim=1).permute(0, 3, 1, 2).contiguous()
    resized = F.interpolate(frames, size=(224, 224), mode="bilinear", align_corners=False)
    output = resized.view(b, t, c, 224, 224).transpose(1, 2).contiguous()
    return 2.0 * output / 255.0 - 1


def main() -> None:
    """Answer until standard input ends."""
    torch.set_num_threads(int(sys.argv[1]))
    network = module()
    for line in sys.stdin:
        size = int(line)
        clips = np.random.default_rng(0).integers(0, 256, (1, 16, size, size, 3), dtype=np.uint8)
        cpu, wall = time.process_time(), time.perf_counter()
        with torch.no_grad():
            network(pixels(clips)).numpy()
        print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}), flush=True)


if __name__ == "__main__":
    main()
