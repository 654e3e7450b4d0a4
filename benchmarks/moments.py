"""Time the mean and covariance of a stream of features: ``python benchmarks/moments.py [--features 400 2048] [--threads 1]``.

Blocks of float32 rows are added to `vidmetrics.Moments`, next to a copy of the same rows, to the matrix product alone (BLAS
``syrk`` of float64 rows that are converted and centred already, into one triangle), and to ``numpy.cov`` over all rows at once, in turn
within one run. With few features a copy is the limit, with many the product. Rates are per second of process time, so that they hold
on a busy machine. ``--device cuda`` adds tensors that are summed on the GPU, by wall time. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

_THREADS = next((sys.argv[at + 1] for at, word in enumerate(sys.argv[:-1]) if word == "--threads"), "1")
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = _THREADS  # before numpy is loaded

import numpy as np  # noqa: E402
from dated_results import add_record_option, record  # noqa: E402
from scipy.linalg import blas  # noqa: E402

import vidmetrics  # noqa: E402

PEER = "numpy.cov"


def routes(rows: np.ndarray, block: int, device: str | None) -> dict[str, Callable[[], Any]]:
    """Return what is timed, by name."""
    dim = rows.shape[1]
    parts = [rows[start : start + block] for start in range(0, len(rows), block)]
    doubles = [np.ascontiguousarray(part, np.float64) for part in parts]
    sums = np.zeros((dim, dim), order="F")
    target = np.empty_like(rows)

    def ours(pieces: list[Any] = parts) -> Any:
        moments = vidmetrics.Moments(dim)
        for piece in pieces:
            moments.update(piece)
        return moments.covariance

    def product() -> None:
        for part in doubles:
            blas.dsyrk(1.0, part.T, beta=1.0, c=sums, lower=1, overwrite_c=1)

    found: dict[str, Callable[[], Any]] = {
        "ours": ours,
        "copy": lambda: np.copyto(target, rows),
        "product alone": product,
        PEER: lambda: np.cov(rows, rowvar=False, dtype=np.float64),
    }
    if device is not None:
        import torch

        there = [torch.from_numpy(part).to(device) for part in parts]
        found[f"ours on {device}"] = lambda: ours(there)
    return found


def compare(dim: int, arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Time the routes in turn at one number of features."""
    rows = np.random.default_rng(0).standard_normal((arguments.rows, dim), np.float32)
    timed = routes(rows, arguments.block, arguments.device)
    seconds: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(arguments.repeats + 1):  # the first is a warm-up
        for name, work in timed.items():
            clock = time.perf_counter if " on " in name else time.process_time
            before = clock()
            work()
            seconds[name].append(clock() - before)
    typical = {name: max(statistics.median(times[1:]), 1e-9) for name, times in seconds.items()}
    return [
        {
            "features": dim,
            "rows": arguments.rows,
            "route": name,
            "seconds": round(typical[name], 4),
            "gigabytes_per_second": round(rows.nbytes / typical[name] / 1e9, 3),
            "times_the_peer": round(typical[PEER] / typical[name], 2),
            "share_of_the_product": round(typical["product alone"] / typical[name], 2),
        }
        for name in timed
    ]


def main() -> None:
    """Compare the routes at each number of features and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--features", type=int, nargs="+", default=[16, 400, 2048])
    parser.add_argument("--rows", type=int, default=8192)
    parser.add_argument("--block", type=int, default=256, help="rows of one update; estimators use 256")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", help="also sum tensors there, such as cuda")
    add_record_option(parser)
    arguments = parser.parse_args()
    rows = [row for dim in arguments.features for row in compare(dim, arguments)]
    print(json.dumps({"threads": arguments.threads, "rows": rows}, indent=2))
    if arguments.record:
        note = f"{arguments.threads} threads, blocks of {arguments.block} rows, medians of {arguments.repeats} in process time, in turn."
        print(record(arguments.record, rows, note=note), file=sys.stderr)


if __name__ == "__main__":
    main()
