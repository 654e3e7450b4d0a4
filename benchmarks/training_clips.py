"""Measure how fast training runs in one process draw moving-shapes clips: ``python benchmarks/training_clips.py --runs 9``.

Prints one JSON document that compares one run with several in lockstep, like the runs of an ablation that share a seed.
Every clip is drawn for the first time, which is when it is rendered. `together_over_alone` is the clip rate of all
concurrent runs over the rate of a single run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from dated_results import add_record_option, record

from vidbench.data.shapes.dataset import ShapesTrainingClips

NUM_FRAMES, SIDE = 12, 32


def rate(runs: int, threads: int, batches: int, batch_size: int) -> float:
    """Return the clips per second drawn by all runs; each has its own loader threads, and all draw the same batches."""
    sources = [
        ShapesTrainingClips("train", num_frames=NUM_FRAMES, height=SIDE, width=SIDE, seed=0) for _ in range(runs)
    ]

    def draw_all(source: ShapesTrainingClips) -> None:
        with ThreadPoolExecutor(threads) as loader:
            list(loader.map(lambda batch: source.draw(batch, batch_size)[1], range(batches)))  # discards the clips

    started = time.monotonic()
    with ThreadPoolExecutor(runs) as pool:
        list(pool.map(draw_all, sources))
    return runs * batches * batch_size / (time.monotonic() - started)


def main() -> None:
    """Measure one run, then several together, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2, help="loader threads per run")
    parser.add_argument("--batches", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5, help="alternating measurements of each; medians are reported")
    add_record_option(parser)
    args = parser.parse_args()
    # Rendered clips are released when a measurement ends, so none are reused. The first call is a warm-up.
    rate(1, 1, 4, args.batch_size)
    pairs = [
        [rate(runs, args.threads, args.batches, args.batch_size) for runs in (1, args.runs)] for _ in range(args.rounds)
    ]
    alone, together = (statistics.median(rates) for rates in zip(*pairs, strict=True))
    report = {
        **{name: value for name, value in vars(args).items() if name != "record"},
        "clips": f"{NUM_FRAMES}x{SIDE}x{SIDE}",
        "cores": os.cpu_count(),
        "alone_clips_per_second": round(alone),
        "together_clips_per_second": round(together),
        "together_over_alone": round(together / alone, 2),
    }
    print(json.dumps(report, indent=2))
    if args.record:
        print(record(args.record, [report]), file=sys.stderr)


if __name__ == "__main__":
    main()
