"""Two arrays of clips on disk to one FVD, next to cd-fvd's whole path: ``python benchmarks/score.py --peer-python ENV/bin/python``.

``ENV`` is an environment of its own with ``pip install cd-fvd``; without it the peer is left out. Ours is the command
``vidbench measure``, the peer's is its documented function. Each is a new process with an empty cache, from its start to its end, in turns:
loading weights, reading, resizing, network, moments and distance. Both use the same I3D weights, drawn from a seed, which do not
change the speed. ``--metric fvd-cdfvd`` is the peer's own convention and must give the peer's number; ``fvd`` resizes as the
published graph does. The default size takes minutes on a CPU; the figures of GPUs are of ``--clips 8192 --device cuda``. Prints one
JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from dated_results import add_record_option, record
from safetensors.numpy import save_file

from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.weights.i3d_names import to_tensorflow

PEER = "peer (cd-fvd)"
PROGRAM = Path(__file__).parent / "peers" / "cdfvd_score.py"
_UNITS = ("Conv3d_1a_7x7", "Conv3d_2b_1x1", "Conv3d_2c_3x3")
_MIXED = ("3b", "3c", "4b", "4c", "4d", "4e", "4f", "5b", "5c")
_BRANCHES = ("b0", "b1a", "b1b", "b2a", "b2b", "b3b")


def torch_weights() -> dict[str, np.ndarray]:
    """Return the seeded weights under the names and in the layout of the peer's module."""
    units = [*_UNITS, *(f"Mixed_{block}.{branch}" for block in _MIXED for branch in _BRANCHES)]
    kinds = ("conv3d.weight", "bn.bias", "bn.running_mean", "bn.running_var")
    names = [f"{unit}.{kind}" for unit in units for kind in kinds] + ["logits.conv3d.weight", "logits.conv3d.bias"]
    places = {name: np.array([place]) for place, name in enumerate(names)}
    own = {name: names[int(place[0])] for name, place in to_tensorflow(places).items()}
    found = {}
    for name, value in seeded_i3d_weights(0).items():
        (theirs,) = [other for tail, other in own.items() if name.endswith(f"/{tail}")]
        layout = value.transpose(4, 3, 0, 1, 2) if name.endswith("/w") else value.reshape(-1)
        found[theirs] = np.ascontiguousarray(layout)
    return found


def write_clips(path: Path, count: int, frames: int, side: int, seed: int) -> None:
    """Write uint8 clips that are coarse and fine at once, as video is, a few at a time."""
    generator = np.random.default_rng(seed)
    clips = np.lib.format.open_memmap(path, "w+", np.uint8, (count, frames, side, side, 3))
    cell = max(side // 4, 1)
    for start in range(0, count, 64):
        size = min(64, count - start)
        coarse = generator.integers(
            0, 256, (size, -(-frames // 4), -(-side // cell), -(-side // cell), 3), dtype=np.int16
        )
        coarse = coarse.repeat(4, 1).repeat(cell, 2).repeat(cell, 3)[:, :frames, :side, :side]
        fine = generator.integers(-8 * seed, 8 * seed + 1, (size, frames, side, side, 3), dtype=np.int16)
        clips[start : start + size] = np.clip(coarse + fine, 0, 255)
    clips.flush()


def run(command: list[str], folder: str) -> dict[str, float]:
    """Run a command with a new cache and return its FVD, wall and CPU seconds, and peak memory in MiB."""
    with tempfile.TemporaryDirectory(dir=folder) as home:
        before = time.perf_counter()
        environment = os.environ | {"VIDBENCH_HOME": home, "VIDBENCH_OFFLINE": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
            assert process.stdout is not None
            answer = process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - before
    if process.returncode:
        sys.exit(f"Error: '{command[0]}' ended with {process.returncode}; its message is above.")
    found = json.loads(answer[answer.index("{") :])
    (value,) = [found["fvd"]] if "fvd" in found else [metric["value"] for metric in found["metrics"].values()]
    return {"fvd": value, "wall": seconds, "cpu": used.ru_utime + used.ru_stime, "peak_mib": used.ru_maxrss / 1024}


def commands(folder: Path, arguments: argparse.Namespace) -> dict[str, list[str]]:
    """Write clips and weights, and return what is timed, by name."""
    arrays = [str(folder / "real.npy"), str(folder / "generated.npy")]
    for seed, path in enumerate(arrays, start=1):
        write_clips(Path(path), arguments.clips, arguments.frames, arguments.side, seed)
    save_file(dict(seeded_i3d_weights(0)), folder / "i3d.safetensors")
    np.savez(folder / "i3d.npz", **torch_weights())
    own = [sys.executable, "-m", "vidbench", "measure", *arrays, "--metric", arguments.metric, "--json"]
    own += ["--num-frames", str(arguments.frames), "--device", arguments.device]
    own += ["--weights", f"i3d-kinetics-400={folder / 'i3d.safetensors'}", "--batch-size", str(arguments.batch_size)]
    found = {f"ours {precision}": [*own, "--precision", precision] for precision in arguments.precision}
    if arguments.peer_python:
        found[PEER] = [arguments.peer_python, str(PROGRAM), *arrays, str(folder / "i3d.npz"), arguments.device]
    return found


def table(runs: dict[str, list[dict[str, float]]], arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one row for each program, of medians over its runs."""
    middle = {
        name: {key: statistics.median(one[key] for one in found) for key in found[0]} for name, found in runs.items()
    }
    return [
        {
            "clips": f"2 x {arguments.clips} of {arguments.frames}x{arguments.side}x{arguments.side}",
            "program": name,
            "wall_seconds": f"{row['wall']:.1f}",
            "cpu_seconds": f"{row['cpu']:.1f}",
            "clips_per_second": f"{2 * arguments.clips / row['wall']:.2f}",
            "times_the_peer": f"{middle[PEER]['wall'] / row['wall']:.2f}" if PEER in middle else "",
            "times_the_peer_cpu": f"{middle[PEER]['cpu'] / row['cpu']:.2f}" if PEER in middle else "",
            "peak_mib": round(row["peak_mib"]),
            "fvd": f"{row['fvd']:.6g}",
        }
        for name, row in middle.items()
    ]


def main() -> None:
    """Measure every program and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="interpreter of an environment with cd-fvd")
    parser.add_argument("--clips", type=int, default=256, help="clips of each array")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32, help="ours; the peer's is its default, 16")
    parser.add_argument("--metric", default="fvd")
    parser.add_argument("--precision", nargs="+", choices=("exact", "fast"), default=["exact", "fast"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=1)
    add_record_option(parser)
    arguments = parser.parse_args()
    runs: dict[str, list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        programs = commands(Path(folder), arguments)
        for _ in range(arguments.repeats):
            for name, command in programs.items():
                runs.setdefault(name, []).append(run(command, folder))
                print(f"{name}: {runs[name][-1]}", file=sys.stderr)
    rows = table(runs, arguments)
    print(json.dumps({"device": arguments.device, "metric": arguments.metric, "rows": rows}, indent=2))
    if arguments.record:
        load = os.getloadavg()[0]
        note = f"metric {arguments.metric}, new processes with empty caches, in turns, medians of {arguments.repeats}; seeded weights; "
        note += f"load average {load:.1f} at the end."
        print(record(arguments.record, rows, device=_device_name(arguments.device), note=note), file=sys.stderr)


def _device_name(device: str) -> str:
    if not device.startswith("cuda"):
        return ""
    import torch

    return str(torch.cuda.get_device_name(device))


if __name__ == "__main__":
    main()
