"""I3D on a CPU, the module that cd-fvd and VideoGPT share, and TensorFlow's graph: seconds per clip, in one run.

    python benchmarks/i3d_cpu.py --threads 1 [--peer-python ENV/bin/python]
        [--tensorflow-python .venv-tf/bin/python --tensorflow-module FOLDER] [--json FILE] [--record MACHINE]

``ENV`` is an environment of its own with ``pip install cd-fvd``; ``FOLDER`` is what tools/seeded_i3d_module.py of the shared folder
writes. What is timed is one call, from a uint8 clip of 16 frames to logits, the resize to 224x224 included. The programs
take turns, one call each, so that other users of the machine slow all of them alike; ratios are of medians of CPU seconds. Matrix products
take part too: a clip's convolutions have a known number of products, and ``of the float32 product`` is the rate at which they are
computed over that of ``torch.mm``. Weights are seeded: they do not change the speed. Errors are relative, norm of the difference over norm
of the answer, against the same network in float64.
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

# Threads that wait for work sleep instead of spinning, or waiting would be counted as work. Read when torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import numpy as np
import torch
from dated_results import add_record_option, record
from torch.utils.flop_counter import FlopCounterMode

from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.networks.fast import accelerated
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.network import Network

FRAMES = 16
PEERS = Path(__file__).parent / "peers"
PEER = "peer (cd-fvd)"
Call = Callable[[int], dict[str, float]]


def network(precision: Any, plain: bool) -> Network:
    """Return the I3D with seeded weights, as `vidmetrics.load_network` would."""
    body: Any = I3D.from_tensors(seeded_i3d_weights(0), 400).eval().requires_grad_(False)
    if not plain:
        body = accelerated(body, torch.device("cpu"), precision)
    return Network("i3d", body, device="cpu", precision=precision, weights_sha256="0" * 64, proven=False)


def clip(size: int) -> np.ndarray:
    """Return one clip of noise."""
    return np.random.default_rng(0).integers(0, 256, (1, FRAMES, size, size, 3), dtype=np.uint8)


def timed(work: Callable[[], Any]) -> dict[str, float]:
    """Return the CPU and wall-clock seconds of one call."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def in_its_own_process(command: list[str]) -> tuple[Call, subprocess.Popen[str]]:
    """Start a program of ``peers/`` and return a function that asks it for one call at a frame size."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    assert process.stdin is not None
    assert process.stdout is not None
    asks, answers = process.stdin, process.stdout

    def call(size: int) -> dict[str, float]:
        asks.write(f"{size}\n")
        asks.flush()
        found: dict[str, float] = json.loads(answers.readline())
        return found

    return call, process


def products(dtype: torch.dtype) -> tuple[Call, float]:
    """Return a matrix product as a call, and its GFLOP."""
    a, b = torch.randn(2048, 1024).to(dtype), torch.randn(1024, 1024).to(dtype)
    out = torch.empty(2048, 1024, dtype=dtype)
    return lambda _: timed(lambda: torch.mm(a, b, out=out)), 2 * 2048 * 1024 * 1024 / 1e9


def clip_gflop() -> float:
    """Return the GFLOP of a clip's convolutions, two per product of a weight and an activation."""
    body = I3D.from_tensors(seeded_i3d_weights(0), 400).eval().requires_grad_(False).to("meta")
    with FlopCounterMode(display=False) as counter:
        body.trunk(torch.empty(1, 3, FRAMES, 224, 224, device="meta"))
    return counter.get_total_flops() / 1e9


def errors(networks: dict[str, Network], size: int) -> dict[str, float]:
    """Return each network's relative error in the logits against float64."""
    body = I3D.from_tensors(seeded_i3d_weights(0), 400).eval().requires_grad_(False)
    with torch.inference_mode():
        pixels = body.pixels(torch.from_numpy(clip(size))).double()  # resized in float32, as the definition says
        truth = body.double()._features(pixels)["logits"].numpy()
    found = {name: measured(clip(size))["logits"] for name, measured in networks.items()}
    return {name: float(np.linalg.norm(ours - truth) / np.linalg.norm(truth)) for name, ours in found.items()}


def take_turns(calls: dict[str, Call], size: int, rounds: int) -> dict[str, dict[str, float]]:
    """Return the median CPU and wall-clock seconds of each program, after two warm-up rounds."""
    times: dict[str, list[dict[str, float]]] = {name: [] for name in calls}
    for turn in range(rounds + 2):
        for name, call in calls.items():
            seconds = call(size)
            if turn >= 2:
                times[name].append(seconds)
    return {
        name: {kind: statistics.median(one[kind] for one in found) for kind in ("cpu", "wall")}
        for name, found in times.items()
    }


def measure(size: int, arguments: argparse.Namespace, peers: dict[str, Call]) -> dict[str, Any]:
    """Measure everything at one frame size."""
    networks = {
        "ours exact": network("exact", plain=False),
        "ours fast": network("fast", plain=False),
        "plain exact": network("exact", plain=True),
    }
    calls: dict[str, Call] = {name: lambda s, m=n: timed(lambda: m(clip(s))) for name, n in networks.items()}
    float32, gflop = products(torch.float32)
    bfloat16, _ = products(torch.bfloat16)
    calls |= peers | {"float32 product": float32, "bfloat16 product": bfloat16}
    rows: dict[str, Any] = take_turns(calls, size, arguments.rounds)
    rate = gflop / rows["float32 product"]["cpu"]
    for name, row in rows.items():
        row["gflops"] = (gflop if name.endswith("product") else clip_gflop()) / row["cpu"]
        row["of_the_float32_product"] = row["gflops"] / rate
        if PEER in rows and not name.endswith("product"):
            row["times_the_peer"] = rows[PEER]["cpu"] / row["cpu"]
            row["times_the_peer_wall"] = rows[PEER]["wall"] / row["wall"]
    for name, found in errors(networks, size).items():
        rows[name] |= {"error": found, "implementation": networks[name].implementation}
    return rows


def table(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a dated result."""
    return [
        {
            "frames": size,
            "network": name,
            "cpu_seconds": f"{row['cpu']:.3f}",
            "wall_seconds": f"{row['wall']:.3f}",
            "times_the_peer": f"{row['times_the_peer']:.2f}" if "times_the_peer" in row else "",
            "times_the_peer_wall": f"{row['times_the_peer_wall']:.2f}" if "times_the_peer" in row else "",
            "gflops": f"{row['gflops']:.0f}",
            "of_the_float32_product": f"{row['of_the_float32_product']:.2f}",
            "error": f"{row['error']:.1e}" if "error" in row else "",
            "implementation": row.get("implementation", ""),
        }
        for size, rows in document["sizes"].items()
        for name, row in rows.items()
    ]


def main() -> None:
    """Measure every size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="interpreter of an environment with cd-fvd")
    parser.add_argument("--tensorflow-python", help="interpreter of an environment with TensorFlow")
    parser.add_argument("--tensorflow-module", help="folder with the published graph and seeded weights")
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 224])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", type=Path, help="write everything there")
    add_record_option(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)  # for the peers
    document: dict[str, Any] = {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {arguments.threads} threads",
        "torch": torch.__version__,
        "frames": FRAMES,
        "weights": "seeded",
        "gflop_per_clip": clip_gflop(),
        "load": os.getloadavg()[0],
        "sizes": {},
    }
    peers, processes = {}, []
    for name, python, program in (
        (PEER, arguments.peer_python, ["cdfvd_i3d_cpu.py", str(arguments.threads)]),
        ("TensorFlow", arguments.tensorflow_python, ["tensorflow_i3d.py", str(arguments.threads), arguments.tensorflow_module]),
    ):  # fmt: skip
        if python:
            peers[name], process = in_its_own_process([python, str(PEERS / program[0]), *program[1:]])
            processes.append(process)
    try:
        for size in arguments.sizes:
            document["sizes"][f"{size}x{size}"] = measure(size, arguments, peers)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    rows = table(document)
    print(" | ".join(rows[0]))
    for row in rows:
        print(" | ".join(map(str, row.values())))
    if arguments.json:
        arguments.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if arguments.record:
        note = (
            f"{arguments.threads} thread(s), {arguments.rounds} calls each, in turns, seeded weights; load average "
            f"{document['load']:.1f} at the start. Ratios are of medians of CPU seconds."
        )
        record(arguments.record, rows, note=note)


if __name__ == "__main__":
    main()
