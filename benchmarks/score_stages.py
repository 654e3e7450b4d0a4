"""What each stage of `vidbench measure` costs alone, in microseconds for a clip: ``python benchmarks/score_stages.py``.

A GPU that takes 160 microseconds for a clip is kept busy only if no stage that runs in parallel takes longer. Stages are run one after
the other on clips that the system has in memory; reading and hashing also with the threads that the measurement uses. The network
is fed with the same clips over and over. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from dated_results import add_record_option, record
from score import write_clips

from vidbench.ahead import in_order, num_cores
from vidbench.samples.arrays import ArraySamples
from vidbench.samples.clip_folder import MOST_READERS, ClipShape, open_clips
from vidbench.scoring.features import SHARD_SIZE, FeatureStore
from vidmetrics.estimators.frechet import FrechetEstimator
from vidmetrics.networks.finite import check_finite
from vidmetrics.statistics.clip_keys import place_keys
from vidmetrics.statistics.tensor_moments import to_sum


def stages(folder: Path, count: int, side: int, device: str) -> dict[str, float]:
    """Return the microseconds for a clip of each stage but the network."""
    path = folder / "clips.npy"
    write_clips(path, count, 16, side, 1)
    found: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        before = time.perf_counter()
        result = work()
        found[name] = round((time.perf_counter() - before) / count * 1e6, 1)
        return result

    timed("hash at opening", lambda: ArraySamples(path))
    clips = open_clips(path, ClipShape())
    batches = [np.arange(start, min(start + SHARD_SIZE, count)) for start in range(0, count, SHARD_SIZE)]
    timed("read and check, 1 thread", lambda: [clips.read(batch) for batch in batches])
    threads = min(MOST_READERS, num_cores())
    timed(f"read and check, {threads} threads", lambda: sum(len(c) for c in in_order(clips.read, batches, threads)))
    store = FeatureStore(folder / "features", count)
    random = np.random.default_rng(0)
    rows = random.standard_normal((SHARD_SIZE, 1424), np.float32)
    outputs = {"logits": rows[:, :400], "pool": rows[:, 400:]}
    shards = range(store.num_shards)

    def cut(shard: int) -> dict[str, np.ndarray]:
        return {name: np.ascontiguousarray(part[: len(store.indices(shard))]) for name, part in outputs.items()}

    timed(
        "check features",
        lambda: [check_finite(cut(shard), "network", store.indices(shard), "clips") for shard in shards],
    )
    timed(
        "store features",
        lambda: [store.write(shard, cut(shard), place_keys(len(store.indices(shard)))) for shard in shards],
    )
    timed("look at stored features", lambda: store.missing(shards))
    timed("read stored features", lambda: list(store.read("logits")))
    estimator = FrechetEstimator(400, count)
    timed("sum features", lambda: [estimator.update(part) for part in store.read("logits")])
    if device.startswith("cuda"):
        import torch

        there = torch.device(device)
        for _ in range(2):  # the first also starts the libraries
            on_gpu = FrechetEstimator(400, count)
            timed(
                "sum features on the GPU",
                lambda e=on_gpu: [e.update(part) for part in to_sum(store.read("logits"), there)],
            )
            timed("bring the sums here", lambda e=on_gpu: [group.collect() for group in e._groups])
    return found


def main() -> None:
    """Measure every stage and print one JSON document."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=2048)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--folder", help="where the clips are written; default: the folder for temporary files")
    add_record_option(parser)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        found = stages(Path(folder), arguments.clips, arguments.side, arguments.device)
    print(json.dumps({"microseconds_for_a_clip": found, "cores": num_cores()}, indent=2))
    if arguments.record:
        rows = [{"stage": name, "microseconds_for_a_clip": value} for name, value in found.items()]
        print(record(arguments.record, rows, note=f"{arguments.clips} clips of 16x{arguments.side}x{arguments.side}."))


if __name__ == "__main__":
    main()
