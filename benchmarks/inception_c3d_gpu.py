"""Inception and C3D on a GPU against peers: frames or clips per second and error, in one run.

    python benchmarks/inception_c3d_gpu.py --peer-python ENV/bin/python [--json FILE]

``ENV`` is an environment of its own with ``pip install pytorch-fid``, whose module is the peer of the Inception. No package has the C3D
of TGAN, which is released in Chainer: its peer is our plain module, as PyTorch code would write it, with torch's defaults. What is timed is
one call, from uint8 clips in host memory to features in host memory, resize included. Weights are drawn from a seed. Errors are
relative, norm of the difference over norm of the answer, against the same network in float64 on the GPU. Ratios are to the
quicker of a peer's two TF32 variants.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dated_results import add_record_option, record
from i3d_gpu import FRAMES, ceilings, clips, error, rate

from vidmetrics.conformance.seeded_inception import seeded_inception_weights
from vidmetrics.networks.c3d import C3D
from vidmetrics.networks.c3d import preprocess as c3d_pixels
from vidmetrics.networks.fast import accelerated
from vidmetrics.networks.inception import Inception
from vidmetrics.networks.inception import preprocess as inception_pixels
from vidmetrics.networks.network import Network
from vidmetrics.networks.precision import computing

PEER = Path(__file__).parent / "peers" / "pytorch_fid_inception.py"
DEVICE = torch.device("cuda")
FEATURES = {"inception": "pool", "c3d": "fc7"}


def plain(name: str) -> Any:
    """Return a plain network with seeded weights, on the GPU."""
    if name == "inception":
        body: Any = Inception.from_tensors(seeded_inception_weights(0))
    else:
        body, generator = C3D(), torch.Generator().manual_seed(0)
        for layer in (*body.convolutions.values(), *body.linears.values()):
            layer.weight.data.normal_(0, math.sqrt(2 / layer.weight[0].numel()), generator=generator)
            layer.bias.data.normal_(0, 0.1, generator=generator)
        body.convolutions["conv1a"].weight.data /= 64
        body.get_buffer("mean").uniform_(64, 128, generator=generator)
    return body.eval().requires_grad_(False).to(DEVICE)


def float64(name: str, batch: np.ndarray) -> dict[str, np.ndarray]:
    """Return outputs in float64 of frames resized as the definition says, in float32."""
    body, clips_NTHWC = plain(name), torch.from_numpy(batch).to(DEVICE)
    with torch.inference_mode(), computing("exact"):
        if name == "inception":
            pixels = inception_pixels(clips_NTHWC.flatten(0, 1))
        else:
            pixels = c3d_pixels(clips_NTHWC, body.get_buffer("mean"))
        found = body.double()._features(pixels.double())
    return {output: values.cpu().numpy() for output, values in found.items()}


def measured_network(name: str, precision: Any, fast: bool) -> Network:
    """Return a network as `vidmetrics.load_network` would, or the plain one."""
    body = accelerated(plain(name), DEVICE, precision) if fast else plain(name)
    return Network(name, body, device="cuda", precision=precision, weights_sha256="0" * 64, proven=False)


def measure(name: str, size: int, batch: int, seconds: float) -> dict[str, Any]:
    """Measure everything of ours at one frame size."""
    first = clips(size, batch, 0)
    batches = [np.roll(first, shift, axis=0) for shift in range(3)]
    few, output = batches[0][:4], FEATURES[name]
    truth, each = float64(name, few)[output], FRAMES if name == "inception" else 1
    rows: dict[str, Any] = {}
    for title, precision, fast in (
        ("ours exact", "exact", True), ("ours fast", "fast", True), ("plain exact", "exact", False), ("plain fast", "fast", False),
    ):  # fmt: skip
        network = measured_network(name, precision, fast)
        features = network(batches[0])[output]
        rows[title] = {
            "per_second": each * rate(lambda part, n=network: n(part), batches, seconds),
            "error": error(features[: len(truth)], truth),
            "equal_in_other_batches": bool(np.array_equal(features[: len(truth)], network(few)[output])),
            "implementation": network.implementation,
        }
        del network
        torch.cuda.empty_cache()
    return rows


def module_with_defaults(size: int, batch: int, seconds: float) -> dict[str, Any]:
    """Measure our plain C3D as a PyTorch user would run it: torch's defaults, contiguous or channels last."""
    body, batches = plain("c3d"), [clips(size, batch, seed) for seed in range(2)]
    truth = float64("c3d", batches[0][:4])["fc7"]
    found = {}
    for title, layout in (("tf32", torch.contiguous_format), ("tf32 channels last", torch.channels_last_3d)):
        body.convolutions.to(memory_format=layout)

        def call(part: np.ndarray, layout: torch.memory_format = layout) -> np.ndarray:
            pixels = c3d_pixels(torch.from_numpy(part).to(DEVICE), body.get_buffer("mean"))
            with torch.no_grad():
                answer: np.ndarray = body._features(pixels.contiguous(memory_format=layout))["fc7"].cpu().numpy()
            return answer

        found[title] = {"per_second": rate(call, batches, seconds), "error": error(call(batches[0])[:4], truth)}
    return found


def main() -> None:
    """Measure both networks at every size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="interpreter of an environment with pytorch-fid")
    parser.add_argument("--networks", nargs="+", default=list(FEATURES), choices=list(FEATURES))
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 224])
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement, at least")
    parser.add_argument("--json", type=Path, help="write everything there")
    add_record_option(parser)
    arguments = parser.parse_args()
    found: list[dict[str, Any]] = []
    limits, gpu = ceilings(DEVICE), torch.cuda.get_device_name(DEVICE)
    print(gpu, limits)
    for name in arguments.networks:
        peers: dict[str, Any] = {}
        if name == "inception" and arguments.peer_python:
            command = [arguments.peer_python, PEER, FRAMES * arguments.batch_size, arguments.seconds, *arguments.sizes]
            answer = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True)
            peers = json.loads(answer.stdout.splitlines()[-1])
        for size in arguments.sizes:
            rows = measure(name, size, arguments.batch_size, arguments.seconds)
            if name == "c3d":
                peers[str(size)] = module_with_defaults(size, arguments.batch_size, arguments.seconds)
            for title, row in peers.get(str(size), {}).items():
                rows[f"peer {title}"] = row
            best = max(
                (row["per_second"] for title, row in rows.items() if title.startswith("peer tf32")), default=math.nan
            )
            for title, row in rows.items():
                ratio = row["per_second"] / best
                found.append({
                    "network": name, "frames": f"{size}x{size}", "variant": title, "per_second": round(row["per_second"]),
                    "times_the_peer": f"{ratio:.2f}", "error": f"{row['error']:.1e}",
                    "equal_in_other_batches": row.get("equal_in_other_batches", ""),
                })  # fmt: skip
                print(*found[-1].values(), row.get("implementation", ""), sep=" | ", flush=True)
            if arguments.json:
                document = {"gpu": gpu, "machine": platform.machine(), "torch": torch.__version__, "ceilings": limits, "rows": found}  # fmt: skip
                arguments.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if arguments.record:
        note = (
            f"per second: frames of the Inception, clips of {FRAMES} frames of the C3D; batch {arguments.batch_size} clips, seeded weights; "
            "ratios are to the peer's quicker TF32 layout."
        )
        record(arguments.record, found, gpu, note)


if __name__ == "__main__":
    main()
