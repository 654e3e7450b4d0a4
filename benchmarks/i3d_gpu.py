"""I3D on a GPU and the module that cd-fvd and VideoGPT share: clips per second and error, in one run.

    python benchmarks/i3d_gpu.py --peer-python ENV/bin/python [--json FILE]

``ENV`` is an environment of its own with ``pip install cd-fvd``; without ``--peer-python`` the peer is left out, and so are the
ratios, which are to the quicker of its two TF32 variants. What is timed is one call, from uint8 clips in host memory to logits in host memory: upload, resize to 224x224 and
network. The peer's clips are resized on the GPU, which its own pipeline does on the CPU. Weights are drawn from a seed, for
the peer too: they do not change the speed; errors are those of seeded weights. Errors are relative, norm of the difference over
norm of the answer, against the same network in float64 on the GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dated_results import add_record_option, record

from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.networks.fast import accelerated
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.network import Network
from vidmetrics.networks.precision import computing

FRAMES = 16
PEER = Path(__file__).parent / "peers" / "cdfvd_i3d.py"


def network(precision: Any, device: torch.device, plain: bool) -> Network:
    """Return the I3D with seeded weights, as `vidmetrics.load_network` would."""
    body: Any = I3D.from_tensors(seeded_i3d_weights(0), 400).eval().requires_grad_(False).to(device)
    if not plain:
        body = accelerated(body, device, precision)
    return Network("i3d", body, device=str(device), precision=precision, weights_sha256="0" * 64, proven=False)


def clips(size: int, batch: int, seed: int) -> np.ndarray:
    """Return uint8 clips that are coarse and fine at once, as video is: noise would be one extreme, a plane the other."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (batch, FRAMES // 4, size // 16, size // 16, 3), dtype=np.int16)
    fine = generator.integers(-24, 25, (batch, FRAMES, size, size, 3), dtype=np.int16)
    return np.clip(coarse.repeat(4, 1).repeat(16, 2).repeat(16, 3) + fine, 0, 255).astype(np.uint8)


def rate(call: Callable[[np.ndarray], Any], batches: list[np.ndarray], seconds: float) -> float:
    """Return clips per second, the median over calls, after three warm-up calls."""
    for batch in batches[:3]:
        call(batch)
    times: list[float] = []
    started = time.perf_counter()
    while time.perf_counter() - started < seconds or len(times) < 5:
        before = time.perf_counter()
        call(batches[len(times) % len(batches)])
        times.append(time.perf_counter() - before)
    return len(batches[0]) / statistics.median(times)


def float64(device: torch.device, batch: np.ndarray) -> np.ndarray:
    """Return logits in float64 of frames resized as the definition says, in float32."""
    body = I3D.from_tensors(seeded_i3d_weights(0), 400).eval().requires_grad_(False)
    with torch.inference_mode(), computing("exact"):
        pixels = body.pixels(torch.from_numpy(batch).to(device)).double()
        return body.double().to(device)._features(pixels)["logits"].cpu().numpy()


def error(ours: np.ndarray, truth: np.ndarray) -> float:
    """Return the norm of the difference over the norm of the truth."""
    return float(np.linalg.norm(ours - truth) / np.linalg.norm(truth))


def peer(python: str, sizes: list[int], batch: int, seconds: float) -> dict[str, Any]:
    """Return the peer's rates and errors by size and variant, measured in a process of its own environment."""
    command = [python, str(PEER), str(batch), str(seconds), *map(str, sizes)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(answer.stdout.splitlines()[-1])
    return found


def ceilings(device: torch.device) -> dict[str, float]:
    """Return what the machine does at best: fp16 matrix product in TFLOP/s, copy in TB/s, bytes read and written."""

    def seconds(work: Callable[[], Any]) -> float:
        times = []
        for _ in range(12):
            torch.cuda.synchronize(device)
            before = time.perf_counter()
            work()
            torch.cuda.synchronize(device)
            times.append(time.perf_counter() - before)
        return statistics.median(times[2:])

    a, b = (torch.randn(8192, 8192, device=device, dtype=torch.float16) for _ in range(2))
    source = torch.randint(0, 256, (2**32,), device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    return {
        "fp16_tflops": 2 * 8192**3 / seconds(lambda: a @ b) / 1e12,
        "copy_tb_per_second": 2 * 2**32 / seconds(lambda: target.copy_(source)) / 1e12,
    }


def measure(size: int, arguments: argparse.Namespace, device: torch.device) -> dict[str, Any]:
    """Measure everything at one frame size."""
    first = clips(size, arguments.batch_size, 0)
    batches = [np.roll(first, shift, axis=0) for shift in range(4)]  # four places in memory
    few = batches[0][:4]
    truth = float64(device, few)
    rows: dict[str, Any] = {}
    for name, precision, plain in (
        ("ours exact", "exact", False), ("ours fast", "fast", False),
        ("plain exact", "exact", True), ("plain fast", "fast", True),
    ):  # fmt: skip
        measured = network(precision, device, plain)
        logits = measured(batches[0])["logits"]
        rows[name] = {
            "clips_per_second": rate(lambda batch, m=measured: m(batch), batches, arguments.seconds),
            "error": error(logits[:4], truth),
            "equal_in_other_batches": bool(np.array_equal(logits[:4], measured(few)["logits"])),
            "implementation": measured.implementation,
        }
        del measured
        torch.cuda.empty_cache()
    return rows


def add_peers(rows: dict[str, Any], runs: list[dict[str, Any]]) -> None:
    """Add the better of the peer's runs, and ratios to its quicker TF32 variant, to the rows of a frame size."""
    for name in runs[0]:
        rows[f"peer {name}"] = max((run[name] for run in runs), key=lambda row: float(row["clips_per_second"]))
    default = max(row["clips_per_second"] for name, row in rows.items() if name.startswith("peer tf32"))
    for row in rows.values():
        row["times_the_peer"] = row["clips_per_second"] / default


def main() -> None:
    """Measure every size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="interpreter of an environment with cd-fvd")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 224])
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement, at least")
    parser.add_argument("--json", type=Path, help="write everything there")
    add_record_option(parser)
    arguments = parser.parse_args()
    device = torch.device("cuda")
    document: dict[str, Any] = {
        "gpu": torch.cuda.get_device_name(device),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "torch": torch.__version__,
        "cudnn": torch.backends.cudnn.version(),
        "batch_size": arguments.batch_size,
        "frames": FRAMES,
        "weights": "seeded",
        "ceilings": ceilings(device),
        "sizes": {},
    }
    print(document["gpu"], {name: round(value, 2) for name, value in document["ceilings"].items()})
    runs = []

    def run_peer() -> None:
        if arguments.peer_python:
            runs.append(peer(arguments.peer_python, arguments.sizes, arguments.batch_size, arguments.seconds))

    run_peer()
    for size in arguments.sizes:
        document["sizes"][f"{size}x{size}"] = measure(size, arguments, device)
    run_peer()  # before and after ours, since other users of the machine come and go
    for size in arguments.sizes:
        rows = document["sizes"][f"{size}x{size}"]
        if runs:
            add_peers(rows, [run[str(size)] for run in runs])
        print(
            f"\n{size}x{size}, batch {arguments.batch_size}, {FRAMES} frames | clips/s | of the peer's default | error"
        )
        for name, row in rows.items():
            ratio = row.get("times_the_peer")
            print(
                f"{name:24} | {row['clips_per_second']:7.0f} | {f'{ratio:.2f}' if ratio else '-':>6} | {row['error']:.1e} | "
                f"{row.get('implementation', '')} {row.get('equal_in_other_batches', '')}"
            )
        if arguments.json:
            arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if arguments.record:
        note = f"batch {arguments.batch_size}, {FRAMES} frames, seeded weights; ratios are to the peer's quicker TF32 layout."
        record(arguments.record, table(document), document["gpu"], note)


def table(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a dated result."""
    return [
        {
            "frames": size,
            "network": name,
            "clips_per_second": round(row["clips_per_second"]),
            "times_the_peer": f"{row['times_the_peer']:.2f}" if "times_the_peer" in row else "",
            "error": f"{row['error']:.1e}",
            "equal_in_other_batches": row.get("equal_in_other_batches", ""),
        }
        for size, rows in document["sizes"].items()
        for name, row in rows.items()
    ]


if __name__ == "__main__":
    main()
