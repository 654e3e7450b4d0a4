"""FVD of two sets of clips by each implementation of the I3D: ``python benchmarks/i3d_gpu_distances.py REAL.npy GENERATED.npy``.

The files hold uint8 clips ``[N, T, H, W, 3]``; those of docs/conventions.md are the middle frames of its data, 64x64. Each pair is
measured under several conventions, at the frames' size and without their upper and lower eighth, with seeded weights, by
the network in float64, the plain one in float32, and the fast path in both precisions. Prints relative differences from float64.
``--device cpu`` measures the fast path of processors.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dated_results import add_record_option, record

from vidmetrics.catalog.conventions import CONVENTIONS, Convention
from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.networks.fast import accelerated
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.network import Network
from vidmetrics.networks.precision import computing
from vidmetrics.networks.preprocessing import Preprocessing
from vidmetrics.statistics.frechet import frechet_distance
from vidmetrics.statistics.frechet_float32 import distance_float32_svd

NAMES = ("fvd", "fvd-styleganv", "fvd-videogpt", "fvd-magvit", "fvd-cdfvd")
WAYS = ("float64", "plain exact", "ours exact", "plain fast", "ours fast")


def plain(convention: Convention, device: torch.device) -> I3D:
    """Return the I3D of a convention with seeded weights."""
    pixels = Preprocessing(convention.resize, convention.crop)
    weights = seeded_i3d_weights(0)
    network = I3D.from_tensors(weights, 400, pixels=pixels, batch_norm_eps=convention.batch_norm_eps)
    return network.eval().requires_grad_(False).to(device)


def logits(convention: Convention, how: str, clips: np.ndarray, device: torch.device) -> np.ndarray:
    """Return logits ``[N, 400]`` by one implementation."""
    network = plain(convention, device)
    if how == "float64":
        network = network.double()
        with torch.inference_mode(), computing("exact"):
            parts = [
                network._features(network.pixels(part.to(device)).double())["logits"].cpu().numpy()
                for part in torch.split(torch.from_numpy(clips), 8)
            ]
        return np.concatenate(parts)
    kind, precision = how.split()
    body: Any = network if kind == "plain" else accelerated(network, device, precision)  # type: ignore[arg-type]
    if kind == "ours" and body is network:
        raise SystemExit("The fast path does not run here.")
    measured = Network("i3d", body, device=str(device), precision=precision, weights_sha256="0" * 64, proven=False)  # type: ignore[arg-type]
    return np.concatenate([measured(clips[i : i + 64])["logits"] for i in range(0, len(clips), 64)])


def fvd(convention: Convention, real: np.ndarray, generated: np.ndarray) -> float:
    """Return the Fréchet distance of two sets of logits, with the convention's divisor and root."""
    root = distance_float32_svd if convention.root == "float32-svd" else frechet_distance
    sides = [x.astype(np.float64) for x in (generated, real)]
    moments = [(x.mean(0), np.cov(x, rowvar=False, ddof=convention.ddof)) for x in sides]
    return float(root(*moments[0], *moments[1]))


def main() -> None:
    """Print one line per convention and crop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", type=Path, nargs=2)
    parser.add_argument("--conventions", nargs="+", default=NAMES)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--device", type=torch.device, default=torch.device("cuda"))
    parser.add_argument("--whole-only", action="store_true", help="only at the frames' size")
    parser.add_argument("--json", type=Path)
    add_record_option(parser)
    arguments = parser.parse_args()
    sets = [np.load(path, allow_pickle=False) for path in arguments.sets]
    found: list[dict[str, Any]] = []
    kept: dict[tuple[Any, ...], list[np.ndarray]] = {}
    for convention in map(CONVENTIONS.__getitem__, arguments.conventions):
        for cut in (False,) if arguments.whole_only else (False, True):
            rows, columns = sets[0].shape[2:4]
            clips = [np.ascontiguousarray(s[:, :, rows // 8 : -rows // 8]) if cut else s for s in sets]
            pixels = Preprocessing(convention.resize, convention.crop).id_at(clips[0].shape[2], columns)
            values = {}
            for how in arguments.ways:
                key = (pixels, convention.batch_norm_eps, cut, how)
                if key not in kept:
                    kept[key] = [logits(convention, how, side, arguments.device) for side in clips]
                values[how] = fvd(convention, *kept[key])
            truth = values.pop("float64")
            off = {how: f"{value / truth - 1:+.1e}" for how, value in values.items()}
            found.append(
                {
                    "convention": convention.id,
                    "frames": "cut" if cut else "whole",
                    "clips": " and ".join(str(len(s)) for s in sets),
                }
                | {"fvd": f"{truth:.8g}"}
                | off
            )
            print("  ".join(f"{key} {value}" for key, value in found[-1].items()), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.record:
        on_gpu = arguments.device.type == "cuda"
        name = torch.cuda.get_device_name(arguments.device) if on_gpu else ""
        record(arguments.record, found, name, "Seeded weights; relative differences from float64.")


if __name__ == "__main__":
    main()
