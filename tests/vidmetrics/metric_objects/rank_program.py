"""One rank of a program that measures every W-th clip in one case after another, and prints what it computes; run by test_ranks.py."""

from __future__ import annotations

import json
import sys
import warnings
from datetime import timedelta

import numpy as np
from torch import distributed

import vidmetrics

IDS = ["fvd-shapes", "kvd-shapes", "is-shapes", "jedi-shapes"]


def clips(seed: int, count: int) -> np.ndarray:
    """Random clips that are as different as those of a dataset."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (count, 8, 4, 4, 3), np.uint8)
    return small.repeat(8, 2).repeat(8, 3)


def measured(num_real: int, num_generated: int, rank: int, size: int) -> vidmetrics.Metrics:
    """The metrics of every size-th clip, which arrive three or five at a time."""
    metrics = vidmetrics.metric(IDS)
    for real, count, at_once in ((True, num_real, 5), (False, num_generated, 3)):
        mine = clips(int(real), count)[rank::size]
        metrics.update((mine[start : start + at_once] for start in range(0, len(mine), at_once)), real=real)
    return metrics


def found_by(num_real: int, num_generated: int, fault: str) -> dict:
    """The estimates of this rank, or the sentence of a refusal."""
    rank, size = distributed.get_rank(), distributed.get_world_size()
    metrics = measured(num_real, num_generated, rank, size)
    if fault == "size" and rank == 1:
        metrics.reset()
        metrics.update(clips(0, 3)[:, :, :16], real=False)
    if fault == "same":
        metrics.reset()
        metrics.update(clips(1, num_real), real=True)
        metrics.update(clips(0, num_generated)[rank::size], real=False)
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            metrics.compute()
        return {"warned": [str(each.message) for each in warned]}
    try:
        found = {id: [each.value, each.interval, each.num_samples] for id, each in metrics.compute().items()}
        again = metrics.compute()
        found["statistics"] = len(metrics.statistics().to_bytes())
        assert all(found[id][0] == again[id].value for id in IDS)
    except vidmetrics.InputError as error:
        found = {"error": str(error)}
    return found


def main() -> None:
    """Join the others and print what each case ends with; a case is REAL,GENERATED,FAULT."""
    distributed.init_process_group("gloo", timeout=timedelta(seconds=60))
    for case in sys.argv[1:]:
        num_real, num_generated, fault = case.split(",")
        print(json.dumps(found_by(int(num_real), int(num_generated), fault)))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main()
