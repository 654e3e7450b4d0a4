"""Measure peak memory of an evaluation against the number of clips: ``python benchmarks/memory_against_n.py``.

Runs the real `vidbench.evaluate` (sampling, feature shards, reference statistics, floor, ceiling, intervals, report) once
per N in a fresh process, with N samples and N clips each for reference, floor and ceiling, and prints one JSON document.
Two stand-ins keep 50,000 clips to minutes on a CPU: the clips are moving shapes of 9 frames at 8x8, and the network is
a fixed random projection of the pixels to two outputs of 400 features, the width of I3D's logits (``--features 1024``:
the width of the pooled features behind `fid-i3d-k600`). A real network and real frame sizes need additional memory,
which depends on the batch size and not on N.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from dated_results import add_record_option, record

TASK = """
name = "memory"
version = 1
title = "Peak memory against N"
[data]
dataset = "shapes"
train_split = "train"
reference_split = "train"
evaluation_split = "test"
[clips]
num_frames = 9
height = 8
width = 8
resize = "none"
crop = "none"
[reference]
num_clips = {n}
[evaluation]
num_samples = {n}
labels = "balanced"
metrics = [{metrics}]
"""


class Projection:
    """Network body that applies a fixed random projection to all pixels; see `vidmetrics.networks.network.Body`."""

    min_frames = 1
    preprocessing = "flat"

    def __init__(self, features: int) -> None:
        import torch

        self.outputs = {"logits": features, "pool": features}
        self._weights = torch.randn(9 * 8 * 8 * 3, 2 * features, generator=torch.Generator().manual_seed(0)) / 500

    def __call__(self, clips_NTHWC: Any) -> dict[str, Any]:
        """Map uint8 ``[N, 9, 8, 8, 3]`` to two outputs float32 ``[N, features]``."""
        logits, pool = (clips_NTHWC.flatten(1).float() @ self._weights).chunk(2, dim=1)
        return {"logits": logits, "pool": pool}


def measure(n: int, metrics: list[str], features: int) -> dict[str, Any]:
    """Evaluate the noise model at one N in this process and return its peak memory in MiB."""
    import torch

    import vidbench
    import vidbench.scoring.run
    from vidmetrics.networks.network import Network

    torch.set_num_threads(1)

    def projection(name: str, device: str, precision: Any) -> Network:
        return Network(
            name, Projection(features), device=device, precision=precision, weights_sha256="0" * 64, proven=False
        )  # type: ignore[arg-type]

    vidbench.scoring.run.load_network = projection  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as folder:
        os.environ["VIDBENCH_HOME"] = f"{folder}/home"
        task = Path(folder) / "memory.toml"
        quoted = ", ".join(f'"{metric}"' for metric in metrics)
        task.write_text(TASK.format(n=n, metrics=quoted))
        before, started = _peak_mib(), time.monotonic()
        vidbench.evaluate("noise", str(task), output=f"{folder}/out", batch_size=64, device="cpu")
        seconds = time.monotonic() - started
    return {"n": n, "before_mib": before, "peak_mib": _peak_mib(), "seconds": round(seconds, 1)}


def _peak_mib() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def main() -> None:
    """Measure each N in a separate process and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--num-clips", type=int, nargs="+", default=[1000, 50000])
    parser.add_argument("--metrics", nargs="+", default=["fvd-shapes", "fid-shapes", "is-shapes"])
    parser.add_argument("--features", type=int, default=400)
    parser.add_argument("--here", action="store_true", help="measure a single N in this process")
    add_record_option(parser)
    arguments = parser.parse_args()
    if arguments.here:
        print(json.dumps(measure(arguments.num_clips[0], arguments.metrics, arguments.features)))
        return
    runs = []
    for n in arguments.num_clips:
        command = [sys.executable, __file__, "--here", "--num-clips", str(n), "--metrics", *arguments.metrics]
        command += ["--features", str(arguments.features)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        runs.append(json.loads(done.stdout))
        print(runs[-1], file=sys.stderr)
    print(json.dumps({"metrics": arguments.metrics, "features": arguments.features, "runs": runs}, indent=2))
    if arguments.record:
        shown = {"metrics": " ".join(arguments.metrics), "features": arguments.features}
        print(record(arguments.record, [shown | run for run in runs]), file=sys.stderr)


if __name__ == "__main__":
    main()
