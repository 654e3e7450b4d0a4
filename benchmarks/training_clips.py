"""Moving-shapes clips per second that trainings of one process draw: ``python benchmarks/training_clips.py --trainings 9``.

Prints one JSON document: one training alone, then so many in step, as the runs of an ablation with one seed are, in one run.
Every clip is drawn for the first time, which is when it is rendered. `together_over_alone` is the ratio of the clips that
all trainings get per second to those that the single one gets.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from vidbench.data.shapes.dataset import ShapesTrainingClips

NUM_FRAMES, SIDE = 12, 32


def rate(trainings: int, threads: int, batches: int, batch_size: int) -> float:
    """Clips that all trainings draw per second; each has loader threads of its own, and all draw the same batches."""
    sources = [
        ShapesTrainingClips("train", num_frames=NUM_FRAMES, height=SIDE, width=SIDE, seed=0) for _ in range(trainings)
    ]

    def draw_all(source: ShapesTrainingClips) -> None:
        with ThreadPoolExecutor(threads) as loader:
            list(loader.map(lambda batch: source.draw(batch, batch_size)[1], range(batches)))  # no clip is kept

    started = time.monotonic()
    with ThreadPoolExecutor(trainings) as pool:
        list(pool.map(draw_all, sources))
    return trainings * batches * batch_size / (time.monotonic() - started)


def main() -> None:
    """Measure alone and together, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trainings", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2, help="loader threads of each training")
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each, in turn; their medians count")
    args = parser.parse_args()
    # What one measurement has rendered is gone when it ends, as no training holds it any longer. The first warms up.
    rate(1, 1, 4, args.batch_size)
    pairs = [
        [rate(trainings, args.threads, args.batches, args.batch_size) for trainings in (1, args.trainings)]
        for _ in range(args.rounds)
    ]
    alone, together = (statistics.median(rates) for rates in zip(*pairs, strict=True))
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
