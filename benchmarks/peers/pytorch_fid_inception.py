"""A peer of ``benchmarks/inception_c3d_gpu.py``: pytorch-fid's Inception; runs in an environment with it, and imports nothing of ours.

    python pytorch_fid_inception.py FRAMES SECONDS SIZE...

Prints one line of JSON: for each size, frames per second of the package's ``InceptionV3`` with its defaults, from uint8 frames in host
memory to pool features in host memory, with strict float32 and with torch's defaults (TF32), and the relative error of each against the same module in
float64. The package divides by 255 on the CPU; here the GPU does. TF32 is measured with pixels that lie channels last too.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time

import numpy as np
import torch
import torchvision
from pytorch_fid import inception

BATCH = 256


def module() -> inception.InceptionV3:
    """Return the module with random weights that keep activations at their size, in place of its download."""

    def drawn(*_: object, **__: object) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        shapes = torchvision.models.inception_v3(num_classes=1008, aux_logits=False, weights=None, init_weights=False)
        for name, block in (
            ("Mixed_5b", inception.FIDInceptionA(192, pool_features=32)),
            ("Mixed_5c", inception.FIDInceptionA(256, pool_features=64)),
            ("Mixed_5d", inception.FIDInceptionA(288, pool_features=64)),
            ("Mixed_6b", inception.FIDInceptionC(768, channels_7x7=128)),
            ("Mixed_6c", inception.FIDInceptionC(768, channels_7x7=160)),
            ("Mixed_6d", inception.FIDInceptionC(768, channels_7x7=160)),
            ("Mixed_6e", inception.FIDInceptionC(768, channels_7x7=192)),
            ("Mixed_7b", inception.FIDInceptionE_1(1280)),
            ("Mixed_7c", inception.FIDInceptionE_2(2048)),
        ):
            setattr(shapes, name, block)
        for part in shapes.modules():
            if isinstance(part, torch.nn.Conv2d):
                part.weight.data.normal_(0, math.sqrt(2 / part.weight[0].numel()))
            elif isinstance(part, torch.nn.BatchNorm2d):
                part.running_var.uniform_(0.5, 1.5)
                part.weight.data.uniform_(0.5, 1.5)
                part.running_mean.normal_(0, 0.1)
                part.bias.data.normal_(0, 0.1)
        return shapes.state_dict()

    inception.load_state_dict_from_url = drawn
    return inception.InceptionV3([inception.InceptionV3.BLOCK_INDEX_BY_DIM[2048]]).eval().cuda()


def measure(network: inception.InceptionV3, double: inception.InceptionV3, size: int, frames: int, seconds: float) -> dict[str, object]:  # fmt: skip
    """Measure every variant at one frame size."""
    generator = np.random.default_rng(0)
    batches = [generator.integers(0, 256, (frames, size, size, 3), dtype=np.uint8) for _ in range(2)]
    found: dict[str, object] = {}
    few = torch.from_numpy(batches[0][:16]).cuda().permute(0, 3, 1, 2).double() / 255
    truth = double(few)[0].flatten(1).cpu()
    for name, allowed, last in (("tf32", True, False), ("tf32 channels last", True, True), ("strict", False, False)):
        torch.backends.cudnn.allow_tf32 = allowed  # True is torch's default

        module = network.to(memory_format=torch.channels_last if last else torch.contiguous_format)

        def call(batch: np.ndarray, last: bool = last, module: inception.InceptionV3 = module) -> np.ndarray:
            answers = []
            for part in torch.split(torch.from_numpy(batch), BATCH):
                pixels = part.cuda().permute(0, 3, 1, 2).float() / 255
                answers.append(module(pixels if last else pixels.contiguous())[0].flatten(1))
            return torch.cat(answers).cpu().numpy()

        answer = torch.from_numpy(call(batches[0])[:16]).double()
        call(batches[1])
        times: list[float] = []
        started = time.perf_counter()
        while time.perf_counter() - started < seconds or len(times) < 5:
            before = time.perf_counter()
            call(batches[len(times) % 2])
            times.append(time.perf_counter() - before)
        found[name] = {
            "per_second": frames / statistics.median(times),
            "error": float((answer - truth).norm() / truth.norm()),
        }
    return found


def main() -> None:
    """Measure every size."""
    frames, seconds, sizes = int(sys.argv[1]), float(sys.argv[2]), [int(size) for size in sys.argv[3:]]
    network, double = module(), module().double()
    with torch.no_grad():
        print(json.dumps({size: measure(network, double, size, frames, seconds) for size in sizes}))


if __name__ == "__main__":
    main()
