"""Measure I3D throughput: ``python benchmarks/network_rates.py [--device cuda] [--batch-size 32]``.

Prints one JSON document. Weights are seeded, since they do not affect speed. What is timed is the call made by an
evaluation: uint8 clips in host memory to features in host memory, including the resize to 224x224. CPU seconds are
reported next to wall-clock time because they also hold on a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from typing import Any

import numpy as np
import torch
from dated_results import add_record_option, record

from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.networks.fast import accelerated
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.network import Network
from vidmetrics.weights.i3d_variables import SCOPE

SHAPES = ((12, 64, 64), (16, 64, 64), (48, 128, 128))


def seeded_network(num_classes: int, device: str, precision: Any) -> Network:
    """Return an I3D with seeded weights; for 600 classes, the last layer repeats its first 200 channels."""
    tensors = dict(seeded_i3d_weights(0))
    for part in ("w", "b"):
        name = f"{SCOPE}Logits/Conv3d_0c_1x1/conv_3d/{part}"
        tensors[name] = np.resize(tensors[name].T, (num_classes, *tensors[name].T.shape[1:])).T
    plain = I3D.from_tensors(tensors, num_classes).eval().requires_grad_(False).to(device)
    body = accelerated(plain, torch.device(device), precision)  # as `vidmetrics.load_network` does
    name = f"i3d-kinetics-{num_classes}"
    return Network(name, body, device=device, precision=precision, weights_sha256="0" * 64, proven=False)


def rate(network: Network, shape: tuple[int, int, int], batch_size: int, seconds: float) -> dict[str, Any]:
    """Measure a network on clips of one shape for at least `seconds`, after one warm-up call."""
    clips = np.random.default_rng(0).integers(0, 256, (batch_size, *shape, 3), dtype=np.uint8)
    network(clips)
    calls, started, cpu = 0, time.monotonic(), time.process_time()
    while time.monotonic() - started < seconds or calls < 2:
        network(clips)
        calls += 1
    elapsed, cpu = time.monotonic() - started, time.process_time() - cpu
    return {
        "network": network.name,
        "clips": "x".join(map(str, shape)),
        "precision": network.precision,
        "implementation": network.implementation,
        "batch_size": batch_size,
        "clips_per_second": round(calls * batch_size / elapsed, 3),
        "cpu_seconds_per_clip": round(cpu / (calls * batch_size), 4),
        "measured_clips": calls * batch_size,
    }


def main() -> None:
    """Measure every combination and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5.0, help="minimum duration of each measurement")
    parser.add_argument("--classes", type=int, nargs="+", default=[400, 600])
    parser.add_argument("--precisions", nargs="+", default=["exact", "fast"])
    add_record_option(parser)
    arguments = parser.parse_args()
    cuda = arguments.device.startswith("cuda")
    rates = [
        rate(seeded_network(classes, arguments.device, precision), shape, arguments.batch_size, arguments.seconds)
        for classes in arguments.classes
        for precision in arguments.precisions
        for shape in SHAPES
    ]
    document = {
        "device": torch.cuda.get_device_name(arguments.device) if cuda else f"cpu, {torch.get_num_threads()} threads",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "peak_gpu_memory_mib": round(torch.cuda.max_memory_allocated() / 2**20) if cuda else None,
        "rates": rates,
    }
    print(json.dumps(document, indent=2))
    if arguments.record:
        print(record(arguments.record, rates, device=document["device"] if cuda else ""), file=sys.stderr)


if __name__ == "__main__":
    main()
