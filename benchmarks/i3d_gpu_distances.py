"""FVD of two sets of clips by each implementation of the I3D: ``python benchmarks/i3d_gpu_distances.py REAL.npy GENERATED.npy``.

The files hold uint8 clips ``[N, T, H, W, 3]``; those of docs/conventions.md are the middle frames of its data, 64x64. Each pair is
measured under several conventions, at the frames' size and without their upper and lower eighth, with seeded weights, by
the network in float64, the plain one in float32, and the fast path in both precisions. Prints relative differences from float64.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dated_results import add_record_option, record

from vidmetrics.catalog.conventions import CONVENTIONS
from vidmetrics.conformance.seeded_i3d import seeded_i3d_weights
from vidmetrics.networks.fast import accelerated
from vidmetrics.networks.i3d import I3D
from vidmetrics.networks.network import Network
from vidmetrics.networks.precision import computing
from vidmetrics.networks.preprocessing import Preprocessing
from vidmetrics.statistics.frechet import frechet_distance

NAMES = ("fvd", "fvd-styleganv", "fvd-videogpt", "fvd-cdfvd")
DEVICE = torch.device("cuda")


def plain(convention: Any) -> I3D:
    """Return the I3D of a convention with seeded weights, on the GPU."""
    pixels = Preprocessing(convention.resize, convention.crop)
    weights = seeded_i3d_weights(0)
    network = I3D.from_tensors(weights, 400, pixels=pixels, batch_norm_eps=convention.batch_norm_eps)
    return network.eval().requires_grad_(False).to(DEVICE)


def logits(convention: Any, how: str, clips: np.ndarray) -> np.ndarray:
    """Return logits ``[N, 400]`` by one implementation."""
    network = plain(convention)
    if how == "float64":
        network = network.double()
        with torch.inference_mode(), computing("exact"):
            parts = [
                network._features(network.pixels(part.to(DEVICE)).double())["logits"].cpu().numpy()
                for part in torch.split(torch.from_numpy(clips), 8)
            ]
        return np.concatenate(parts)
    kind, precision = how.split()
    body: Any = network if kind == "plain" else accelerated(network, DEVICE, precision)  # type: ignore[arg-type]
    if kind == "ours" and body is network:
        raise SystemExit("The fast path does not run here.")
    measured = Network("i3d", body, device="cuda", precision=precision, weights_sha256="0" * 64, proven=False)  # type: ignore[arg-type]
    return np.concatenate([measured(clips[i : i + 64])["logits"] for i in range(0, len(clips), 64)])


def fvd(real: np.ndarray, generated: np.ndarray) -> float:
    """Return the Fréchet distance of two sets of logits."""
    moments = [(x.astype(np.float64).mean(0), np.cov(x.astype(np.float64), rowvar=False)) for x in (generated, real)]
    return float(frechet_distance(*moments[0], *moments[1]))


def main() -> None:
    """Print one line per convention and crop."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", type=Path, nargs=2)
    parser.add_argument("--conventions", nargs="+", default=NAMES)
    parser.add_argument("--json", type=Path)
    add_record_option(parser)
    arguments = parser.parse_args()
    sets = [np.load(path, allow_pickle=False) for path in arguments.sets]
    found = []
    for name in arguments.conventions:
        for cut in (False, True):
            rows = sets[0].shape[2]
            clips = [np.ascontiguousarray(s[:, :, rows // 8 : -rows // 8]) if cut else s for s in sets]
            values = {
                how: fvd(*(logits(CONVENTIONS[name], how, side) for side in clips))
                for how in ("float64", "plain exact", "ours exact", "plain fast", "ours fast")
            }
            truth = values.pop("float64")
            off = {how: value / truth - 1 for how, value in values.items()}
            found.append({"convention": name, "cut": cut, "fvd": truth, **values})
            print(
                f"{name:14} {'cut' if cut else 'whole'} {truth:.8g}  "
                + "  ".join(f"{h} {v:+.1e}" for h, v in off.items())
            )
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.record:
        record(arguments.record, found, torch.cuda.get_device_name(DEVICE), "seeded weights")


if __name__ == "__main__":
    main()
