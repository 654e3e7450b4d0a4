"""FID, C3D-FID and both Inception Scores by each implementation: ``python benchmarks/inception_c3d_gpu_distances.py REAL.npy GENERATED.npy``.

The files hold uint8 clips ``[N, 16, H, W, 3]``, as for ``i3d_gpu_distances.py``. Weights are seeded. Each value is measured by the network
in float64, the plain one in float32, and the fast path in both precisions. Prints relative differences from float64.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dated_results import add_record_option, record
from inception_c3d_gpu import FEATURES, float64, measured_network

from vidmetrics.statistics.frechet import frechet_distance
from vidmetrics.statistics.inception_score import inception_score


def outputs(name: str, how: str, clips: np.ndarray) -> dict[str, np.ndarray]:
    """Return features and logits by one implementation."""
    names = FEATURES[name], "logits"
    if how == "float64":
        parts = [float64(name, clips[i : i + 4]) for i in range(0, len(clips), 4)]
    else:
        kind, precision = how.split()
        network = measured_network(name, precision, kind == "ours")
        parts = [network(clips[i : i + 64]) for i in range(0, len(clips), 64)]
    return {key: np.concatenate([part[key] for part in parts]).astype(np.float64) for key in names}


def values(name: str, how: str, real: np.ndarray, generated: np.ndarray) -> dict[str, float]:
    """Return the Fréchet distance of the features and the Inception Score of the generated clips."""
    theirs, ours = outputs(name, how, real), outputs(name, how, generated)
    moments = [(x.mean(0), np.cov(x, rowvar=False)) for x in (ours[FEATURES[name]], theirs[FEATURES[name]])]
    distance = float(frechet_distance(*moments[0], *moments[1]))
    return {f"{name} distance": distance, f"{name} score": inception_score(ours["logits"])[0]}


def main() -> None:
    """Print one line per network and value."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sets", type=Path, nargs=2)
    parser.add_argument("--networks", nargs="+", default=list(FEATURES), choices=list(FEATURES))
    parser.add_argument("--json", type=Path)
    add_record_option(parser)
    arguments = parser.parse_args()
    sets = [np.load(path, allow_pickle=False) for path in arguments.sets]
    found: list[dict[str, Any]] = []
    for name in arguments.networks:
        by = {
            how: values(name, how, *sets) for how in ("float64", "plain exact", "ours exact", "plain fast", "ours fast")
        }
        for what, truth in by.pop("float64").items():
            off = {how: f"{value[what] / truth - 1:+.1e}" for how, value in by.items()}
            found.append({"value": what, "float64": f"{truth:.8g}", **off})
            print(*found[-1].items(), flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if arguments.record:
        record(arguments.record, found, torch.cuda.get_device_name(), "seeded weights; differences from float64")


if __name__ == "__main__":
    main()
