"""Time the Fréchet distance of two Gaussians: ``python benchmarks/frechet.py [--dims 2048] [--threads 2]``.

Ours, our careful method alone, and the routes of other packages, in turn within one run, each with its own process time; the
table has medians. ``scipy sqrtm`` is the formula of pytorch-fid and clean-fid, ``torch eigvals`` that of torchmetrics; both
are written out here, without their checks. Each distance starts from two means and two covariances. Prints one JSON document.
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

_THREADS = next((sys.argv[at + 1] for at, word in enumerate(sys.argv[:-1]) if word == "--threads"), "2")
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = _THREADS  # before numpy is loaded

import numpy as np  # noqa: E402
from dated_results import add_record_option, record  # noqa: E402

from vidmetrics.statistics.frechet import careful_distance, frechet_distance, gaussian  # noqa: E402


def moments(rows: int, dim: int, decades: float, seed: int) -> tuple[Any, Any]:
    """Return mean and covariance of features whose variances fall by a number of decades, as those of networks do."""
    shared, own = np.random.default_rng(0), np.random.default_rng(seed)
    mixing = shared.normal(size=(dim, dim)) / dim**0.5
    features = own.normal(size=(rows, dim)) * np.logspace(1, 1 - decades / 2, dim) @ mixing
    features *= 1 + 0.1 * own.random(dim)
    return features.mean(axis=0), np.cov(features, rowvar=False)


def ours(mean_a: Any, cov_a: Any, mean_b: Any, cov_b: Any) -> float:
    """Return the distance as every metric computes it."""
    return frechet_distance(mean_a, cov_a, mean_b, cov_b)


def careful(mean_a: Any, cov_a: Any, mean_b: Any, cov_b: Any) -> float:
    """Return the distance by eigenvectors and a singular value decomposition."""
    return careful_distance(gaussian(mean_a, cov_a), gaussian(mean_b, cov_b))


def scipy_sqrtm(mean_a: Any, cov_a: Any, mean_b: Any, cov_b: Any) -> float:
    """Return the distance through scipy's matrix square root."""
    from scipy.linalg import sqrtm

    root = np.asarray(sqrtm(cov_a @ cov_b)).real
    return float(np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * np.trace(root))


def torch_eigvals(mean_a: Any, cov_a: Any, mean_b: Any, cov_b: Any) -> float:
    """Return the distance through the eigenvalues of the product of the covariances."""
    import torch

    torch.set_num_threads(int(_THREADS))
    product = torch.from_numpy(cov_a) @ torch.from_numpy(cov_b)
    roots = torch.linalg.eigvals(product).sqrt().real.sum().item()
    return float(np.square(mean_a - mean_b).sum() + np.trace(cov_a) + np.trace(cov_b) - 2 * roots)


ROUTES: dict[str, Callable[..., float]] = {
    "ours": ours,
    "ours, careful": careful,
    "scipy sqrtm": scipy_sqrtm,
    "torch eigvals": torch_eigvals,
}
PEER = "scipy sqrtm"


def compare(dim: int, rows: int, decades: float, routes: list[str], repeats: int) -> list[dict[str, Any]]:
    """Time the routes in turn on one pair of Gaussians."""
    pair = (*moments(rows, dim, decades, 1), *moments(rows, dim, decades, 2))
    seconds: dict[str, list[float]] = {name: [] for name in routes}
    cpu: dict[str, list[float]] = {name: [] for name in routes}
    values = {}
    for _ in range(repeats):
        for name in routes:
            wall, used = time.perf_counter(), time.process_time()
            values[name] = ROUTES[name](*pair)
            seconds[name].append(time.perf_counter() - wall)
            cpu[name].append(time.process_time() - used)
    exact = values.get("ours, careful", values[routes[0]])
    peer = statistics.median(seconds[PEER]) if PEER in routes else float("nan")
    return [
        {
            "features": dim,
            "samples": rows,
            "route": name,
            "seconds": round(statistics.median(seconds[name]), 3),
            "cpu_seconds": round(statistics.median(cpu[name]), 3),
            "times_the_peer": round(peer / statistics.median(seconds[name]), 1),
            "off_by": f"{abs(values[name] / exact - 1):.0e}",
        }
        for name in routes
    ]


def main() -> None:
    """Compare the routes at each size and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dims", type=int, nargs="+", default=[2048])
    parser.add_argument("--samples-per-feature", type=float, nargs="+", default=[5.0])
    parser.add_argument("--decades", type=float, default=5.0, help="of variances, from the largest to the smallest")
    parser.add_argument("--routes", nargs="+", choices=list(ROUTES), default=["ours", "ours, careful", PEER])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    add_record_option(parser)
    arguments = parser.parse_args()
    rows = [
        row
        for dim in arguments.dims
        for share in arguments.samples_per_feature
        for row in compare(dim, int(share * dim), arguments.decades, arguments.routes, arguments.repeats)
    ]
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(json.dumps({"threads": arguments.threads, "load_at_the_end": round(load, 1), "rows": rows}, indent=2))
    if arguments.record:
        note = f"{arguments.threads} threads, {os.cpu_count()} cores, load {load:.1f} at the end; medians of {arguments.repeats}, in turn."
        print(record(arguments.record, rows, note=note), file=sys.stderr)


if __name__ == "__main__":
    main()
