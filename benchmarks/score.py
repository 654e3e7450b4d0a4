"""Two arrays of clips on disk to one FVD, next to cd-fvd's whole path: ``python benchmarks/score.py --peer-python ENV/bin/python``.

``ENV`` is an environment of its own with ``pip install cd-fvd``; without it the peer is left out. Ours is the command
``vidbench measure``, the peer's is its documented function. Each is a new process with an empty cache, from its start to its end, in turns:
loading weights, reading, resizing, network, moments and distance. Both use the same I3D weights, drawn from a seed, which do not
change the speed. ``--metric fvd-cdfvd`` is the peer's own convention and must give the peer's number; ``fvd`` resizes as the
published graph does. The default size takes minutes on a CPU; the figures of GPUs are of ``--clips 25000 --peer-clips 8192 --device
cuda``: then the peer measures the first clips of the same arrays, and so do we, in its turn. ``--form exchange`` writes folders of
shards instead of arrays, which the peer cannot read. ``--profile FILE`` runs ours once more under torch's profiler (`profiles/measure_profile.py`)
and adds how busy the GPU was; `score_stages.py` has what each stage costs alone. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from dated_results import add_record_option, record
from safetensors.numpy import save_file

from vidbench.samples.exchange import SampleWriter
from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.weights.i3d_names import to_tensorflow

PEER = "peer (cd-fvd)"
PROGRAM = Path(__file__).parent / "peers" / "cdfvd_score.py"
PROFILER = Path(__file__).parent / "profiles" / "measure_profile.py"
_PART = 1024
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
    """Write uint8 clips that are coarse and fine at once, as video is, by all cores if there are many."""
    clips = np.lib.format.open_memmap(path, "w+", np.uint8, (count, frames, side, side, 3))
    parts = [(path, start, min(_PART, count - start), seed) for start in range(0, count, _PART)]
    if len(parts) < 8:
        for part in parts:
            _write_part(*part)
    else:
        with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
            list(pool.map(_write_part, *zip(*parts, strict=True)))
    clips.flush()


def _write_part(path: Path, start: int, count: int, seed: int) -> None:
    """Write some of the clips: a coarse texture and noise, which move in different directions."""
    clips = np.lib.format.open_memmap(path, "r+")
    _, frames, side, _, _ = clips.shape
    cell = max(side // 4, 1)
    for first in range(start, start + count, 64):
        size = min(64, start + count - first)
        generator = np.random.default_rng((seed, first))
        coarse = generator.integers(0, 256, (size, 5, 5, 3), np.uint8).repeat(cell, 1).repeat(cell, 2)
        fine = generator.integers(0, 16 * seed + 1, (size, side + frames, side, 3), np.uint8)
        for frame in range(frames):
            moved = np.roll(coarse, frame, axis=2)[:, :side, :side].astype(np.int16)
            noisy = moved + fine[:, frame : frame + side] - 8 * seed
            clips[first : first + size, frame] = np.clip(noisy, 0, 255)


def to_exchange(path: Path) -> Path:
    """Write an array of clips again as a folder in the exchange format, and return the folder."""
    clips = np.load(path, mmap_mode="r")
    folder = path.with_suffix("")
    with SampleWriter(folder, num_frames=clips.shape[1], height=clips.shape[2], width=clips.shape[3]) as writer:
        for start in range(0, len(clips), 256):
            writer.add(clips[start : start + 256])
    return folder


def first_clips(path: Path, count: int) -> Path:
    """Write the first clips of an array to a file of their own, and return it."""
    found = path.with_name(f"{path.stem}-{count}.npy")
    np.save(found, np.load(path, mmap_mode="r")[:count])
    return found


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


Key = tuple[int, str]
"""Clips of each array, and program."""


def write_inputs(folder: Path, arguments: argparse.Namespace) -> dict[int, list[str]]:
    """Write clips and weights, and return the two arrays by the number of their clips."""
    arrays = [folder / "real.npy", folder / "generated.npy"]
    for seed, path in enumerate(arrays, start=1):
        write_clips(path, arguments.clips, arguments.frames, arguments.side, seed)
    save_file(dict(seeded_i3d_weights(0)), folder / "i3d.safetensors")
    np.savez(folder / "i3d.npz", **torch_weights())
    found = {arguments.clips: arrays}
    if arguments.peer_clips < arguments.clips:
        found[arguments.peer_clips] = [first_clips(path, arguments.peer_clips) for path in arrays]
    if arguments.form == "exchange":
        found[arguments.clips] = [to_exchange(path) for path in arrays]
    return {count: [str(path) for path in paths] for count, paths in found.items()}


def commands(folder: Path, inputs: dict[int, list[str]], arguments: argparse.Namespace) -> dict[Key, list[str]]:
    """Return what is timed."""
    found: dict[Key, list[str]] = {}
    for count, arrays in inputs.items():
        own = [sys.executable, "-m", "vidbench", "measure", *arrays, "--metric", arguments.metric, "--json"]
        own += ["--num-frames", str(arguments.frames), "--device", arguments.device]
        own += ["--weights", f"i3d-kinetics-400={folder / 'i3d.safetensors'}"]
        own += ["--batch-size", str(arguments.batch_size)]
        for precision in arguments.precision:
            found[count, f"ours {precision}"] = [*own, "--precision", precision]
    if arguments.peer_python:
        arrays = [str(folder / Path(path).with_suffix(".npy").name) for path in inputs[arguments.peer_clips]]
        found[arguments.peer_clips, PEER] = [
            arguments.peer_python,
            str(PROGRAM),
            *arrays,
            str(folder / "i3d.npz"),
            arguments.device,
        ]
    return found


def profiles(folder: Path, arrays: list[str], arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Run ours once more under the profiler, and return what it found, by program."""
    found = {}
    for precision in arguments.profile_precision or arguments.precision:
        command = [sys.executable, str(PROFILER), *arrays, str(folder / "i3d.safetensors"), arguments.metric, precision]
        command += [str(arguments.batch_size), str(arguments.frames), arguments.device, repr(time.time())]
        with tempfile.TemporaryDirectory(dir=folder) as home:
            environment = os.environ | {"VIDBENCH_HOME": home, "VIDBENCH_OFFLINE": "1"}
            answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=environment, check=True).stdout
        found[f"ours {precision}"] = json.loads(answer[answer.index("{") :])
    return found


def table(
    runs: dict[Key, list[dict[str, float]]], profiled: dict[str, dict[str, Any]], arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Return one row for each program and number of clips, of medians over its runs."""
    middle = {
        key: {name: statistics.median(one[name] for one in found) for name in found[0]} for key, found in runs.items()
    }
    rows = []
    for (count, name), row in middle.items():
        peer = middle.get((count, PEER))
        busy = profiled.get(name, {}).get("busy_share") if count == arguments.clips else None
        rows.append(
            {
                "clips": f"2 x {count} of {arguments.frames}x{arguments.side}x{arguments.side}",
                "program": name,
                "wall_seconds": f"{row['wall']:.1f}",
                "cpu_seconds": f"{row['cpu']:.1f}",
                "clips_per_second": f"{2 * count / row['wall']:.2f}",
                "times_the_peer": f"{peer['wall'] / row['wall']:.2f}" if peer else "",
                "times_the_peer_cpu": f"{peer['cpu'] / row['cpu']:.2f}" if peer else "",
                "gpu_busy": "" if busy is None else f"{busy:.3f}",
                "peak_mib": round(row["peak_mib"]),
                "fvd": f"{row['fvd']:.7g}",
            }
        )
    return rows


def main() -> None:
    """Measure every program and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", help="interpreter of an environment with cd-fvd")
    parser.add_argument("--clips", type=int, default=256, help="clips of each array")
    parser.add_argument(
        "--peer-clips", type=int, help="clips of each array for the peer, and for ours next to it; default: all"
    )
    parser.add_argument("--form", choices=("npy", "exchange"), default="npy", help="how the clips of ours are stored")
    parser.add_argument("--folder", help="where the clips are written; default: the folder for temporary files")
    parser.add_argument(
        "--profile", metavar="FILE", help="also profile ours, and write stages, gaps and kernels as JSON"
    )
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--profile-precision", nargs="+", choices=("exact", "fast"), help="default: all of --precision")
    parser.add_argument("--batch-size", type=int, default=32, help="ours; the peer's is its default, 16")
    parser.add_argument("--metric", default="fvd")
    parser.add_argument("--precision", nargs="+", choices=("exact", "fast"), default=["exact", "fast"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=1)
    add_record_option(parser)
    arguments = parser.parse_args()
    arguments.peer_clips = min(arguments.peer_clips or arguments.clips, arguments.clips)
    runs: dict[Key, list[dict[str, float]]] = {}
    profiled: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        inputs = write_inputs(Path(folder), arguments)
        for _ in range(arguments.repeats):
            for key, command in commands(Path(folder), inputs, arguments).items():
                runs.setdefault(key, []).append(run(command, folder))
                print(f"{key}: {runs[key][-1]}", file=sys.stderr, flush=True)
        if arguments.profile:
            profiled = profiles(Path(folder), inputs[arguments.clips], arguments)
            Path(arguments.profile).write_text(json.dumps(profiled, indent=1) + "\n", encoding="utf-8")
    rows = table(runs, profiled, arguments)
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
