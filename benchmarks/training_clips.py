"""Moving-shapes clips per second that trainings of one process draw: ``python benchmarks/training_clips.py --trainings 9``.

Prints one JSON document: one training alone, then so many in step, as the runs of an ablation with one seed are, in one run.
Every clip is drawn for the first time, which is when it is rendered. `together_over_alone` is the ratio of the clips that
all trainings get per second to those that the single one gets.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

from vidbench.data.shapes import ShapesTrainingClips

NUM_FRAMES, SIDE = 12, 32


def rate(trainings: int, threads: int, batches: int, batch_size: int, seed: int) -> float:
    """Clips that all trainings draw per second; each has loader threads of its own, and all draw the same batches."""
    sources = [
        ShapesTrainingClips("train", num_frames=NUM_FRAMES, height=SIDE, width=SIDE, seed=seed)
        for _ in range(trainings)
    ]
    started = time.monotonic()
    loaders = [ThreadPoolExecutor(threads) for _ in sources]
    waiting = [
        loader.submit(source.draw, batch, batch_size)
        for batch in range(batches)
        for source, loader in zip(sources, loaders, strict=True)
    ]
    for batch in waiting:
        batch.result()
    elapsed = time.monotonic() - started
    for loader in loaders:
        loader.shutdown()
    return trainings * batches * batch_size / elapsed


def main() -> None:
    """Measure alone and together, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2, help="loader threads of each training")
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=32)
    args = parser.parse_args()
    # What one measurement has rendered is gone when it ends, as no training holds it any longer. The first warms up.
    rate(1, 1, 4, args.batch_size, seed=0)
    alone = rate(1, args.threads, args.batches, args.batch_size, seed=0)
    together = rate(args.trainings, args.threads, args.batches, args.batch_size, seed=0)
    report = {
        **vars(args),
        "clips": f"{NUM_FRAMES}x{SIDE}x{SIDE}",
        "cores": os.cpu_count(),
        "alone_clips_per_second": round(alone),
        "together_clips_per_second": round(together),
        "together_over_alone": round(together / alone, 2),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
